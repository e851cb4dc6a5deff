/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for programs.  Times in µs, shares from 0 to 1, as in the API and the events. */
#include "inventory.h"
#include "plan.h"
#include "redact.h"
#include "spec_json.h"
#include <math.h>
#include <string.h>

static json_t *
lines_to_json(const char *lines)
{
	json_t *list = json_array();

	for (size_t len; lines != NULL && *lines != '\0';
	     lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		(void)json_array_append_new(list, json_stringn(lines, len));
	}
	return list;
}

static json_t *
strings_to_json(char *const *strings)
{
	json_t *list = json_array();

	for (; strings != NULL && *strings != NULL; strings++)
		(void)json_array_append_new(list, json_string(*strings));
	return list;
}

static json_t *
slo_to_json(const struct probe_def *d)
{
	json_t *burns = json_array();

	for (size_t i = 0; i < d->slo.burn_count; i++)
		(void)json_array_append_new(
		    burns, json_pack("{s:f, s:I, s:I}", "rate", d->slo.burn[i].rate,
			       "long_us", (json_int_t)d->slo.burn[i].longer, "short_us",
			       (json_int_t)d->slo.burn[i].shorter));
	return json_pack("{s:f, s:I, s:f, s:f, s:o}", "objective", d->slo.objective,
	    "window_us", (json_int_t)d->slo.window, "spend", d->slo.spend, "slice",
	    ceil(probe_slice(d)), "burn", burns);
}

/* What is asked, and how often. */
static json_t *
asked_to_json(const struct probe_def *d)
{
	char asks[512];

	return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:f, s:f, s:i}", "name", d->name,
	    "type", probe_type_name(d->type), "asks",
	    probe_describe(d, asks, sizeof(asks)), "method", d->http.method, "url",
	    d->http.url, "rate", (double)d->rate_mhz / 1000, "fresh_connections",
	    d->fresh, "max_in_flight", (int)d->max_in_flight);
}

static json_t *
list_to_json(const struct probe_def *list, size_t count)
{
	json_t *j = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(j, asked_to_json(&list[i]));
	return j;
}

static json_t *
probe_to_json(const struct plan *p, size_t i)
{
	const struct probe_def *d = &p->x->probes[i];
	json_t *j = asked_to_json(d);
	json_t *more = json_pack("{s:{s:f, s:f, s:f}, s:f, s:f, s:f, s:i}", "samples",
	    "before", plan_samples(d, p->x->steady.before), "during",
	    plan_samples(d, p->x->steady.during), "after",
	    plan_samples(d, p->x->steady.after), "objective", d->objective, "abort_at",
	    d->abort_at, "p0", p->judge.probe[i].p0, "outage_samples",
	    (int)judge_outage_samples(&p->judge, i));

	(void)json_object_update_missing(j, more);
	json_decref(more);
	if (d->slo.is_set)
		(void)json_object_set_new(j, "slo", slo_to_json(d));
	return j;
}

static json_t *
names_to_json(const struct roster_target *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->count; i++)
		(void)json_array_append_new(list, json_string(t->hosts[i]->name));
	return list;
}

/* Without a roster only as it is written. */
static json_t *
target_to_json(const struct plan *p, size_t i)
{
	const struct target_def *t = &p->x->targets[i];
	json_t *j = json_pack("{s:s, s:s?}", "name", t->name, "where", t->where);

	if (!p->has_roster)
		return j;
	(void)json_object_set_new(
	    j, "matched", json_integer((json_int_t)p->roster.targets[i].matched));
	(void)json_object_set_new(
	    j, "own", json_integer((json_int_t)p->roster.targets[i].own));
	(void)json_object_set_new(j, "hosts", names_to_json(&p->roster.targets[i]));
	return j;
}

static void
add_ops(json_t *j, const struct plan_host *h, size_t i)
{
	const char *note, *ops = plan_ops(h, i, &note);

	if (ops == NULL)
		return;
	(void)json_object_set_new(j, "note", json_string(note));
	(void)json_object_set_new(j, "ops", lines_to_json(ops));
}

static json_t *
fault_to_json(const struct plan *p, size_t i)
{
	const struct fault_def *d = &p->x->faults[i];
	json_t *j = spec_to_json(&d->spec);

	(void)json_object_set_new(
	    j, "target", json_string(d->target[0] != '\0' ? d->target : "localhost"));
	if (d->against[0] != '\0')
		(void)json_object_set_new(j, "against", json_string(d->against));
	if (d->topology != TOPOLOGY_NONE)
		(void)json_object_set_new(
		    j, "topology", json_string(topology_name(d->topology)));
	(void)json_object_set_new(j, "resolved", strings_to_json(d->resolved));
	for (size_t k = 0; plan_is_here(p) && k < p->hosts[0].row->count; k++)
		if (p->hosts[0].row->fault[k] == i)
			add_ops(j, &p->hosts[0], k);
	return j;
}

static json_t *
host_to_json(const struct plan_host *h)
{
	static const char *const words[] = {
		[ASKED_NOT] = "not asked",
		[ASKED_REFUSED] = "refuses",
		[ASKED_ANSWERED] = "answered",
	};
	const struct host *host = h->row->host;
	json_t *faults = json_array();
	json_t *j = json_pack("{s:s, s:s}", "name",
	    host != NULL ? host->name : "localhost", "agent", words[h->asked]);

	if (host != NULL) {
		(void)json_object_set_new(j, "address", json_string(host->address));
		(void)json_object_set_new(j, "port", json_integer(host->port));
	}
	if (h->asked != ASKED_ANSWERED)
		(void)json_object_set_new(j, "why", json_string(h->why.msg));
	for (size_t i = 0; i < h->row->count; i++) {
		json_t *fault = spec_to_json(h->row->spec[i]);

		add_ops(fault, h, i);
		(void)json_array_append_new(faults, fault);
	}
	(void)json_object_set_new(j, "faults", faults);
	return j;
}

static void
add_hosts(json_t *j, const struct plan *p)
{
	json_t *targets = json_array(), *hosts = json_array();

	for (size_t i = 0; i < p->x->target_count; i++)
		(void)json_array_append_new(targets, target_to_json(p, i));
	for (size_t i = 0; i < p->roster.count; i++)
		(void)json_array_append_new(hosts, host_to_json(&p->hosts[i]));
	(void)json_object_set_new(j, "targets", targets);
	(void)json_object_set_new(j, "hosts", hosts);
	if (p->has_roster)
		(void)json_object_set_new(
		    j, "seed", json_integer((json_int_t)p->roster.seed));
	else
		(void)json_object_set_new(j, "unknown", json_string(p->why_not.msg));
	if (plan_is_here(p) && p->hosts[0].asked != ASKED_ANSWERED)
		(void)json_object_set_new(j, "agent", json_string(p->hosts[0].why.msg));
}

json_t *
plan_to_json(const struct plan *p)
{
	const struct experiment *x = p->x;
	json_t *probes = json_array(), *faults = json_array();
	json_t *j = json_pack("{s:s, s:s?, s:o, s:{s:I, s:I, s:I}, s:i, s:f, s:f}",
	    "name", x->name, "hypothesis", x->hypothesis, "vars",
	    strings_to_json(x->vars), "phases", "before_us", (json_int_t)x->steady.before,
	    "during_us", (json_int_t)x->steady.during, "after_us",
	    (json_int_t)x->steady.after, "lease_ms", (int)x->lease_ms, "false_abort",
	    x->budget.false_abort, "h", x->probe_count > 0 ? p->judge.h : 0.0);

	for (size_t i = 0; i < x->probe_count; i++)
		(void)json_array_append_new(probes, probe_to_json(p, i));
	for (size_t i = 0; i < x->fault_count; i++)
		(void)json_array_append_new(faults, fault_to_json(p, i));
	(void)json_object_set_new(j, "probes", probes);
	(void)json_object_set_new(j, "guards", list_to_json(x->guards, x->guard_count));
	(void)json_object_set_new(j, "load", list_to_json(x->loads, x->load_count));
	(void)json_object_set_new(j, "faults", faults);
	add_hosts(j, p);
	redact_json(j, x->secrets);
	return j;
}
