/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.json: the whole drill as one document for machines.  Made from the events alone;
 * the probe's URLs, headers and bodies stay out of it, since they may hold what is not to
 * be passed on.
 */
#include "cleanup.h"
#include "digest.h"
#include "event_json.h"
#include "json_hosts.h"
#include "redact.h"
#include "sha256.h"
#include "status.h"
#include "xalloc.h"
#include <errno.h>
#include <string.h>

static json_t *
strings(char *const *s)
{
	json_t *list = json_array();

	for (; s != NULL && *s != NULL; s++)
		json_append(list, json_text(*s));
	return list;
}

static json_t *
experiment_object(const struct experiment *x, const struct digest *d)
{
	json_t *j = json_object();
	char hash[SHA256_HEX_LEN];

	json_put(j, "name", json_text(x->name));
	if (x->path != NULL)
		json_put(j, "file", json_text(x->path));
	if (x->text != NULL) {
		sha256_hex(x->text, strlen(x->text), hash);
		json_put(j, "sha256", json_string(hash));
	}
	if (d->drill != NULL && d->drill->text[0] != '\0')
		json_put(j, "hypothesis", json_text(d->drill->text));
	json_put(j, "vars", strings(x->vars));
	return j;
}

static json_t *
phases_array(const struct report_input *in)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type != EVENT_PHASE)
			continue;
		json_t *j = json_object();
		json_put(j, "phase", json_text(v->subject));
		json_put(j, "at_us", json_integer((json_int_t)v->at));
		json_append(list, j);
	}
	return list;
}

/* The numbers of one event as an object of their own. */
static json_t *
numbers(const struct event *v)
{
	json_t *all = event_to_json(v);

	for (const char *const *k =
		 (const char *const[]){ "type", "time", "subject", "text", NULL };
	     *k != NULL; k++)
		(void)json_object_del(all, *k); /* absent is fine */
	return all;
}

static json_t *
phases_of(const struct report_input *in, enum event_type t, const char *name)
{
	json_t *phases = json_object();

	for (size_t i = 0; i < in->count; i++)
		if (in->events[i].type == t && strcmp(in->events[i].subject, name) == 0)
			json_put(phases, in->events[i].text, numbers(&in->events[i]));
	return phases;
}

/* The numbers of the last event of a type about this probe, or null. */
static json_t *
last_of(const struct report_input *in, enum event_type t, const char *probe)
{
	const struct event *last = NULL;

	for (size_t i = 0; i < in->count; i++)
		if (in->events[i].type == t && strcmp(in->events[i].subject, probe) == 0)
			last = &in->events[i];
	return last != NULL ? numbers(last) : json_null();
}

static json_t *
probes_array(const struct report_input *in)
{
	json_t *list = json_array();
	const struct experiment *x = in->experiment;

	for (size_t i = 0; i < x->probe_count + x->guard_count; i++) {
		bool guard = i >= x->probe_count;
		const struct probe_def *p =
		    guard ? &x->guards[i - x->probe_count] : &x->probes[i];
		json_t *j = json_object();

		json_put(j, "name", json_text(p->name));
		json_put(j, "guard", json_boolean(guard));
		json_put(j, "rate_per_s", json_real((double)p->rate_mhz / 1000));
		json_put(j, "within_us", json_integer((json_int_t)p->good.within));
		json_put(j, "objective", json_real(p->objective));
		json_put(j, "abort_at", json_real(p->abort_at));
		json_put(j, "phases", phases_of(in, EVENT_PROBE, p->name));
		json_put(j, "timing", phases_of(in, EVENT_TIMING, p->name));
		json_put(j, "against_before", phases_of(in, EVENT_SHIFT, p->name));
		json_put(j, "recovery", last_of(in, EVENT_RECOVERY, p->name));
		json_put(j, "error_budget", last_of(in, EVENT_SLO, p->name));
		json_append(list, j);
	}
	return list;
}

static json_t *
loads_array(const struct report_input *in)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->experiment->load_count; i++) {
		const struct probe_def *p = &in->experiment->loads[i];
		json_t *j = json_object();

		json_put(j, "name", json_text(p->name));
		json_put(j, "rate_per_s", json_real((double)p->rate_mhz / 1000));
		json_put(j, "phases", phases_of(in, EVENT_LOAD, p->name));
		json_put(j, "timing", phases_of(in, EVENT_TIMING, p->name));
		json_append(list, j);
	}
	return list;
}

static json_t *
fault_history(const struct report_input *in, const char *name)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type != EVENT_FAULT || strcmp(v->subject, name) != 0)
			continue;
		json_t *j = numbers(v);
		json_put(j, "state",
		    json_string(fault_state_name(
			(enum fault_state)event_get(v, "state", FAULT_ARMED))));
		json_put(j, "text", json_text(v->text));
		json_append(list, j);
	}
	return list;
}

static void
put_effect(json_t *j, const struct event *last)
{
	if (last == NULL || last->unit[0] == '\0')
		return;
	json_put(j, "effect", json_integer((json_int_t)event_get(last, "effect", 0)));
	json_put(j, "effect_unit", json_text(last->unit));
	if (event_get(last, "effect", 0) <= 0)
		json_put(j, "no_effect", json_true());
}

/* The fault on each host that armed it, in that host's own words. */
static json_t *
fault_on_hosts(const struct report_input *in, const char *name)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->count; i++) {
		const char *host = in->events[i].host;
		const struct event *armed =
		    digest_is_host(&in->events[i]) ? digest_armed(in, name, host) : NULL;

		if (armed == NULL)
			continue;
		const struct event *last = digest_fault(in, name, host);
		json_t *j = json_object();
		json_put(j, "host", json_text(host));
		json_put(j, "what", json_text(armed->text));
		put_effect(j, last);
		if (last != NULL)
			json_put(j, "ended_as", json_text(last->text));
		json_append(list, j);
	}
	return list;
}

static json_t *
faults_array(const struct report_input *in)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->experiment->fault_count; i++) {
		const struct fault_def *f = &in->experiment->faults[i];
		const struct event *last = digest_fault(in, f->spec.name, NULL);
		_cleanup_free_ char *what = xcalloc(1, sizeof(last->text));
		json_t *j = json_object();

		(void)spec_describe(&f->spec, what, sizeof(last->text));
		json_put(j, "name", json_text(f->spec.name));
		json_put(j, "kind", json_text(f->spec.kind));
		json_put(j, "what", json_text(what));
		json_put(j, "at_us", json_integer((json_int_t)f->spec.at));
		json_put(j, "for_us", json_integer((json_int_t)f->spec.duration));
		put_effect(j, last);
		json_put(j, "hosts", fault_on_hosts(in, f->spec.name));
		json_put(j, "states", fault_history(in, f->spec.name));
		json_append(list, j);
	}
	return list;
}

static json_t *
undo_object(const struct digest *d)
{
	if (d->undo == NULL)
		return json_null();
	json_t *j = json_object();
	json_put(j, "cause", json_text(d->undo->subject));
	for (enum digest_moment m = 0; m < MOMENTS; m++)
		if (d->moment[m].is_known)
			json_put(
			    j, moment_key(m), json_integer((json_int_t)d->moment[m].us));
	return j;
}

static json_t *
verdict_object(const struct report_input *in, const struct digest *d)
{
	json_t *j = json_object();

	json_put(j, "name", json_string(verdict_name(in->verdict)));
	json_put(j, "exit", json_integer(in->verdict));
	json_put(j, "sentence",
	    json_text(
		d->verdict != NULL ? d->verdict->text : verdict_sentence(in->verdict)));
	return j;
}

static json_t *
host_object(const struct report_input *in, const struct digest *d)
{
	json_t *j = json_object();
	const char *kernel = digest_note(in, "kernel"), *agent = digest_note(in, "agent");

	if (d->drill != NULL)
		json_put(j, "name", json_text(d->drill->host));
	if (kernel != NULL)
		json_put(j, "kernel", json_text(kernel));
	if (agent != NULL)
		json_put(j, "agent", json_text(agent));
	return j;
}

static json_t *
journal(const struct report_input *in)
{
	struct digest d;
	json_t *j = json_object(), *events = json_array();

	const char *seed = digest_note(in, "seed");

	digest_make(&d, in);
	json_put(j, "stormdrill", json_string(STORMDRILL_VERSION));
	json_put(j, "journal", json_integer(1));
	json_put(j, "drill", json_text(in->drill));
	json_put(j, "experiment", experiment_object(in->experiment, &d));
	json_put(j, "host", host_object(in, &d));
	json_put(j, "verdict", verdict_object(in, &d));
	json_put(j, "phases", phases_array(in));
	json_put(j, "probes", probes_array(in));
	json_put(j, "load", loads_array(in));
	json_put(j, "faults", faults_array(in));
	json_put(j, "seed", seed != NULL ? json_text(seed) : json_null());
	json_put(j, "targets", journal_targets(in));
	json_put(j, "hosts", journal_hosts(in));
	json_put(
	    j, "decision", d.decision != NULL ? event_to_json(d.decision) : json_null());
	json_put(j, "undo", undo_object(&d));
	for (size_t i = 0; i < in->count; i++)
		json_append(events, event_to_json(&in->events[i]));
	json_put(j, "events", events);
	return j;
}

static int
json_write(FILE *f, const struct report_input *in)
{
	json_t *j = journal(in);

	redact_json(j, in->experiment->secrets);
	int r = json_dumpf(j, f, JSON_INDENT(2) | JSON_REAL_PRECISION(9));

	json_decref(j);
	if (r != 0 || fputc('\n', f) == EOF || fflush(f) != 0)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

const struct report report_json = {
	.name = "json",
	.file = "journal.json",
	.write = json_write,
};
