/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for programs.  Times in µs, shares from 0 to 1, as in the API and the events. */
#include "plan.h"
#include "spec_json.h"
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
probe_to_json(const struct plan *p, size_t i)
{
	const struct probe_def *d = &p->x->probes[i];

	return json_pack("{s:s, s:s, s:s, s:f, s:{s:f, s:f, s:f}, s:f, s:f, s:f, s:i}",
	    "name", d->name, "method", d->http.method, "url", d->http.url, "rate",
	    (double)d->rate_mhz / 1000, "samples", "before",
	    plan_samples(d, p->x->steady.before), "during",
	    plan_samples(d, p->x->steady.during), "after",
	    plan_samples(d, p->x->steady.after), "objective", d->objective, "abort_at",
	    d->abort_at, "p0", p->judge.probe[i].p0, "outage_samples",
	    (int)judge_outage_samples(&p->judge, i));
}

static json_t *
fault_to_json(const struct plan *p, size_t i)
{
	const struct fault_def *d = &p->x->faults[i];
	json_t *j = spec_to_json(&d->spec);
	const char *ops = plan_ops(p, i);

	(void)json_object_set_new(
	    j, "target", json_string(d->target[0] != '\0' ? d->target : "localhost"));
	(void)json_object_set_new(j, "resolved", strings_to_json(d->resolved));
	if (ops == NULL)
		return j;
	(void)json_object_set_new(j, "note", json_string(p->view.fault[i].note));
	(void)json_object_set_new(j, "ops", lines_to_json(ops));
	return j;
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
	(void)json_object_set_new(j, "faults", faults);
	if (p->asked != ASKED_ANSWERED)
		(void)json_object_set_new(j, "agent", json_string(p->why.msg));
	return j;
}
