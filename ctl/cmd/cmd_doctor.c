/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl doctor`: can this host run drills, which faults can it do, and is anything
 * left of an old one?  Asks the agent for the kinds, since only root can try them; starts
 * one of its own for the question when there is none.  Of the hosts of an inventory it asks
 * the agents alone: what they have on record without a drill is what is left there.
 */
#include "api.h"
#include "ask_hosts.h"
#include "cmd.h"
#include "err.h"
#include "instances.h"
#include "kind.h"
#include "verdict.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (20 * USEC_PER_SEC) /* every kind is tried, one after the other */

struct findings_of_host {
	bool has_agent, is_embedded;
	char agent[ERR_MSG_MAX]; /* why there is none */
	json_t *kinds;           /* [{"kind", "supported", "reason"}] */
	bool is_clean, was_searched;
};

static void
ask_agent(struct findings_of_host *h, const struct agent_options *o)
{
	struct agent a = { .pidfd = -1, .lifeline = -1 };
	json_t *answer = NULL;
	struct err e = { 0 };
	int r = agent_find(&a, o, &e);

	h->is_embedded = a.is_embedded;
	if (r == 0)
		r = ask_socket(a.socket, FLEET_DOCTOR, &answer, &e);
	h->has_agent = r == 0;
	if (r == 0)
		h->kinds = json_incref(json_object_get(answer, "kinds"));
	else
		(void)snprintf(h->agent, sizeof(h->agent), "%s", e.msg);
	json_decref(answer);
	if (a.is_embedded && agent_leave(&a, &e) < 0)
		(void)fprintf(stderr, "stormctl doctor: %s\n", e.msg);
}

static bool
is_supported(const json_t *row)
{
	return json_is_true(json_object_get(row, "supported"));
}

static const char *
text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text != NULL ? text : "";
}

static const char *
why_of(const json_t *row)
{
	return text_of(row, is_supported(row) ? "how" : "reason");
}

/* The first kind that says the same, word for word; this one, if none does. */
static const char *
first_to_say(const json_t *kinds, const json_t *row)
{
	const json_t *other;
	size_t i;

	json_array_foreach(kinds, i, other)
	{
		if (is_supported(other) == is_supported(row) &&
		    strcmp(why_of(other), why_of(row)) == 0)
			return text_of(other, "kind");
	}
	return text_of(row, "kind");
}

/* What is long, a reason or why one engine is not to be had, is said once. */
static void
print_kind(const json_t *kinds, const json_t *row)
{
	const char *kind = text_of(row, "kind"), *why = why_of(row);
	const char *first = first_to_say(kinds, row);
	size_t brief = strcspn(why, ":");

	(void)printf("  %-16s %s", kind, is_supported(row) ? "yes" : "no");
	if (why[0] == '\0')
		(void)printf("\n");
	else if (strcmp(first, kind) == 0)
		(void)printf(": %s\n", why);
	else if (why[brief] == ':')
		(void)printf(": %.*s (as %s)\n", (int)brief, why, first);
	else
		(void)printf(": as %s\n", first);
}

static void
print_kinds(const json_t *kinds)
{
	const json_t *row;
	size_t i;

	json_array_foreach(kinds, i, row) print_kind(kinds, row);
}

static void
print_text(const struct findings_of_host *h)
{
	if (!h->has_agent)
		(void)printf("agent: none: %s\n", h->agent);
	else if (h->is_embedded)
		(void)printf("agent: none runs; as root, stormctl starts its own\n");
	else
		(void)printf("agent: stormd answers\n");
	if (h->kinds != NULL) {
		(void)printf("faults this host can do:\n");
		print_kinds(h->kinds);
	}
}

static void
print_json(const struct findings_of_host *h)
{
	json_t *j = json_pack("{s:b, s:b, s:O?}", "agent", h->has_agent, "embedded",
	    h->is_embedded, "kinds", h->kinds);

	if (!h->has_agent)
		(void)json_object_set_new(j, "reason", json_string(h->agent));
	(void)json_object_set_new(
	    j, "clean", h->was_searched ? json_boolean(h->is_clean) : json_null());
	(void)json_dumpf(j, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(j);
}

/* What is left of old drills, said by stormd-undo itself. */
static void
search_residue(struct findings_of_host *h, const struct agent_options *o, bool quiet)
{
	struct instance in = { 0 }, found[INSTANCES_MAX];
	struct err e = { 0 };
	int r = 0;

	if (geteuid() != 0) {
		if (!quiet)
			(void)printf("residue: not looked for, that needs root\n");
		return;
	}
	if (o->run_dir != NULL || o->instance != NULL)
		r = instances_find(o, found, INSTANCES_MAX, &e);
	if (r > 0)
		in = found[0];
	else
		(void)snprintf(in.host_dir, sizeof(in.host_dir), "%s",
		    o->host_dir != NULL ? o->host_dir : HOST_DIR_DEFAULT);
	if (r >= 0)
		r = instance_undo(&in, "--doctor", quiet, &e);
	if (r < 0) {
		(void)fprintf(stderr, "stormctl doctor: %s\n", e.msg);
		return;
	}
	h->was_searched = true;
	h->is_clean = r == 0;
}

static int
this_host(const struct agent_options *o, bool json)
{
	struct findings_of_host h = { 0 };

	ask_agent(&h, o);
	if (!json)
		print_text(&h);
	search_residue(&h, o, json);
	if (json)
		print_json(&h);
	json_decref(h.kinds);
	if (h.was_searched && !h.is_clean)
		return VERDICT_UNDO_FAILED;
	return h.has_agent ? 0 : VERDICT_REFUSED;
}

/* --- the hosts of an inventory --------------------------------------------------------- */

/* Faults on record there although no drill runs; -1: not known. */
static int64_t
records_left(const struct asked *x)
{
	const json_t *status = said_of(x, FLEET_STATUS)->json, *records;

	records = json_object_get(status, "records");
	if (!json_is_integer(records))
		return -1;
	if (json_array_size(json_object_get(status, "drills")) > 0)
		return 0; /* they are its drills' */
	return json_integer_value(records);
}

static void
print_host(const struct asked *x, int64_t left)
{
	const struct said *s = said_of(x, FLEET_DOCTOR);

	if (s->err.code != 0) {
		(void)printf("%s: %s: %s\n", x->name,
		    said_is_agents(s) ? "refused" : "unreachable", s->err.msg);
		return;
	}
	(void)printf("%s: its agent answers\n", x->name);
	print_kinds(json_object_get(s->json, "kinds"));
	if (left > 0)
		(void)printf("  left behind: %lld faults are on record without a drill; "
			     "there, as root: stormd-undo --all\n",
		    (long long)left);
}

static void
list_host(const struct asked *x, int64_t left, json_t *list)
{
	const struct said *s = said_of(x, FLEET_DOCTOR);
	json_t *j = asked_to_json(x), *kinds = json_object_get(s->json, "kinds");

	(void)json_object_set_new(j, "agent", json_boolean(s->err.code == 0));
	if (kinds != NULL)
		(void)json_object_set(j, "kinds", kinds);
	if (s->err.code != 0)
		(void)json_object_set_new(j, "reason", json_string(s->err.msg));
	(void)json_object_set_new(
	    j, "clean", left < 0 ? json_null() : json_boolean(left == 0));
	(void)json_array_append_new(list, j);
}

static int
code_of(const struct asked *x, int64_t left)
{
	const struct said *s = said_of(x, FLEET_DOCTOR);

	if (left > 0)
		return VERDICT_UNDO_FAILED;
	if (s->err.code == 0)
		return 0;
	return said_is_agents(s) ? VERDICT_REFUSED : VERDICT_AGENT_LOST;
}

static int
other_hosts(struct ask *a, bool json)
{
	json_t *list = json ? json_array() : NULL;
	int code = ask_open(a, PATIENCE);

	if (code == 0) {
		ask_all(a, FLEET_DOCTOR);
		ask_all(a, FLEET_STATUS);
		ask_wait(a);
		for (size_t i = 0; i < a->count; i++) {
			const struct asked *x = &a->asked[i];
			int64_t left = records_left(x);

			if (json)
				list_host(x, left, list);
			else
				print_host(x, left);
			code = worse_code(code, code_of(x, left));
		}
	}
	if (json)
		print_answers(list);
	return code;
}

static int
run(const struct invocation *v)
{
	struct ask a;
	bool json = option_has(v, "json");
	int code = ask_choose(&a, v, "doctor");

	if (code == 0)
		code = a.inventory != NULL ? other_hosts(&a, json) :
					     this_host(&a.agent, json);
	ask_release(&a);
	return code;
}

static const struct option_def options[] = { OPTION_JSON, OPTIONS_ASK, OPTIONS_AGENT,
	{ 0 } };

const struct cmd cmd_doctor = {
	.name = "doctor",
	.summary =
	    "can this host, or those of an inventory, run drills; is anything left?",
	.options = options,
	.run = run,
	.help =
	    "Says whether an agent answers, which faults this host supports and what is\n"
	    "missing for the others, and looks for residue (as root).  With an inventory the\n"
	    "agents of its hosts are asked the same.  Exit 0 when all is well, 9 when no\n"
	    "agent can be had, 20 when something is left behind, 30 when a host of an\n"
	    "inventory cannot be reached.",
};
