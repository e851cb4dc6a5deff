/* SPDX-License-Identifier: Apache-2.0 */
/* Targets as they were resolved, and each host's own figures, out of the events. */
#include "json_hosts.h"
#include "digest.h"
#include "event_json.h"
#include <math.h>
#include <string.h>

/* --- targets -------------------------------------------------------------------------- */

static json_t *
hosts_of_target(const struct report_input *in, const char *target)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type == EVENT_TARGET && v->host[0] != '\0' &&
		    strcmp(v->subject, target) == 0)
			json_append(list, json_text(v->host));
	}
	return list;
}

json_t *
journal_targets(const struct report_input *in)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type != EVENT_TARGET || v->host[0] != '\0')
			continue;
		json_t *j = json_object();
		json_put(j, "name", json_text(v->subject));
		json_put(j, "text", json_text(v->text));
		json_put(
		    j, "matched", json_integer((json_int_t)event_get(v, "matched", 0)));
		json_put(j, "hosts", hosts_of_target(in, v->subject));
		json_append(list, j);
	}
	return list;
}

/* --- hosts ---------------------------------------------------------------------------- */

static json_t *
undo_of(const struct report_input *in, const struct event *v)
{
	json_t *j = json_object();
	struct digest d;

	digest_make(&d, in);
	for (enum digest_moment m = 0; m < MOMENTS; m++) {
		double us = digest_moment_of(&d, v, m);

		if (!isnan(us))
			json_put(j, moment_key(m), json_integer((json_int_t)us));
	}
	return j;
}

static json_t *
errors_of(const struct report_input *in, const char *host)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->count; i++)
		if (in->events[i].type == EVENT_ERROR &&
		    strcmp(in->events[i].host, host) == 0)
			json_append(list, json_text(in->events[i].text));
	return list;
}

static json_t *
host_object(const struct report_input *in, const struct event *agent)
{
	const char *host = agent->host; /* "": this one, and the only one */
	const struct event *tried = digest_of_host(in, EVENT_SELFTEST, host);
	const struct event *fired = digest_of_host(in, EVENT_FIRED, host);
	const struct event *undo = digest_of_host(in, EVENT_UNDO, host);
	json_t *j = json_object();

	json_put(j, "name", json_text(host[0] != '\0' ? host : "localhost"));
	json_put(j, "agent", json_text(agent->text));
	if (tried != NULL)
		json_put(j, "round_trip_us",
		    json_integer((json_int_t)event_get(tried, "round_trip_us", 0)));
	if (fired != NULL)
		json_put(j, "fired_at_us", json_integer((json_int_t)fired->at));
	if (undo != NULL)
		json_put(j, "undo", undo_of(in, undo));
	json_put(j, "errors", errors_of(in, host));
	return j;
}

static bool
is_agent(const struct event *v)
{
	return v->type == EVENT_NOTE && strcmp(v->subject, "agent") == 0;
}

json_t *
journal_hosts(const struct report_input *in)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->count; i++)
		if (is_agent(&in->events[i]))
			json_append(list, host_object(in, &in->events[i]));
	return list;
}
