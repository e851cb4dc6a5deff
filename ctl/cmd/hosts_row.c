/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One host out of its answers.  Its wall clock is compared without a request of its own: the
 * fleet knows how its boot clock stands to ours, and its status tells both its clocks at one
 * moment.
 */
#include "cleanup.h"
#include "err.h"
#include "hosts_table.h"
#include "spec_json.h"
#include <stdio.h>
#include <string.h>

static bool
is_supported(const json_t *kind)
{
	return json_is_true(json_object_get(kind, "supported"));
}

/* The engine by the agent's own words, such as "engine nfqueue: no sch_netem". */
static const char *
engine_of(const json_t *kind)
{
	const char *how = json_string_value(json_object_get(kind, "how"));

	if (!is_supported(kind))
		return "none";
	if (how == NULL || strncmp(how, "engine ", 7) != 0)
		return NULL;
	return strncmp(how + 7, "netem", 5) == 0 ? "netem" : "nfqueue";
}

static void
take_kinds(struct host_row *r, const json_t *doctor)
{
	const json_t *each;
	size_t i;

	r->kinds = json_object_get(doctor, "kinds");
	json_array_foreach(r->kinds, i, each)
	{
		const char *kind = json_string_value(json_object_get(each, "kind"));

		r->kinds_done += is_supported(each);
		if (kind != NULL && strcmp(kind, "net.delay") == 0)
			r->engine = engine_of(each);
	}
}

/* Our wall clock minus our boot clock; *ret_error: how far apart they were read. */
static int64_t
our_wall(usec_t *ret_error)
{
	usec_t before = clock_boottime(), wall = clock_wall(), after = clock_boottime();

	*ret_error = (after - before + 1) / 2;
	return (int64_t)wall - (int64_t)(before + *ret_error);
}

static void
take_clock(struct host_row *r, const struct fleet *f, size_t host)
{
	int64_t offset, its, ours;
	usec_t apart;

	r->has_clock =
	    r->agent.wall > 0 && fleet_offset(f, host, &offset, &r->clock_error);
	if (!r->has_clock)
		return;
	its = (int64_t)r->agent.wall - (int64_t)r->agent.now;
	ours = our_wall(&apart);
	r->clock = its + offset - ours;
	r->clock_error += apart;
}

void
host_row_make(struct host_row *ret, const struct ask *a, size_t host)
{
	const struct asked *x = &a->asked[host];
	const struct said *s = said_of(x, FLEET_STATUS);
	struct host_row r = { .asked = x, .is_asked = a->fleet != NULL, .err = s->err };

	if (r.is_asked && s->err.code == 0)
		r.is_reached = agent_status_from_json(s->json, &r.agent, &r.err) == 0;
	if (r.is_reached) {
		r.drills = json_object_get(s->json, "drills");
		take_kinds(&r, said_of(x, FLEET_DOCTOR)->json);
		take_clock(&r, a->fleet, host);
	}
	*ret = r;
}

/* --- JSON ----------------------------------------------------------------------------- */

static json_t *
tags_to_json(const struct host *h)
{
	json_t *j = json_object();

	for (size_t i = 0; i < h->tag_count; i++)
		(void)json_object_set_new(
		    j, h->tags[i].name, json_string(h->tags[i].value));
	return j;
}

static void
put_agent(const struct host_row *r, json_t *j)
{
	(void)json_object_set_new(j, "version", json_string(r->agent.version));
	(void)json_object_set_new(j, "node", json_string(r->agent.node));
	(void)json_object_set_new(j, "boot_id", json_string(r->agent.boot_id));
	(void)json_object_set_new(j, "halted", json_boolean(r->agent.halted));
	(void)json_object_set_new(
	    j, "records", json_integer((json_int_t)r->agent.records));
	if (r->kinds != NULL)
		(void)json_object_set(j, "kinds", (json_t *)(uintptr_t)r->kinds);
	if (r->engine != NULL)
		(void)json_object_set_new(j, "delay_engine", json_string(r->engine));
	if (r->drills != NULL)
		(void)json_object_set(j, "drills", (json_t *)(uintptr_t)r->drills);
	if (!r->has_clock)
		return;
	(void)json_object_set_new(j, "clock_offset_us", json_integer(r->clock));
	(void)json_object_set_new(
	    j, "clock_error_us", json_integer((json_int_t)r->clock_error));
}

json_t *
host_row_to_json(const struct host_row *r)
{
	const struct host *h = r->asked->host;
	json_t *j = asked_to_json(r->asked);

	(void)json_object_set_new(j, "address", json_string(h->address));
	(void)json_object_set_new(j, "port", json_integer(h->port));
	(void)json_object_set_new(j, "tags", tags_to_json(h));
	if (!r->is_asked)
		return j;
	(void)json_object_set_new(j, "reachable", json_boolean(r->is_reached));
	if (r->is_reached)
		put_agent(r, j);
	else
		(void)json_object_set_new(j, "error", json_string(r->err.msg));
	return j;
}
