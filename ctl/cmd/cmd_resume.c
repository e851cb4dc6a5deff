/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl resume`: takes a halt back, on every instance of the host or the one named, or
 * on the hosts of an inventory.
 */
#include "ask_hosts.h"
#include "cmd.h"
#include "err.h"
#include "verdict.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#define PATIENCE (10 * USEC_PER_SEC)

struct resuming {
	json_t *list;  /* or NULL: lines */
	bool is_named; /* one instance was meant */
	bool heard;
	int code;
};

/* An agent that has ended is no error, unless it was the one that was named. */
static bool
is_gone(const struct said *s)
{
	return s->err.code == -ENOENT || s->err.code == -ECONNREFUSED;
}

static void
take(struct resuming *r, const struct asked *x)
{
	const struct said *s = said_of(x, FLEET_RESUME);
	const char *outcome = said_is_agents(s) ? "refused" : "unreachable";
	json_t *j;

	if (s->err.code == 0) {
		r->heard = true;
		outcome = "resumed";
	} else if (x->host == NULL && !r->is_named && is_gone(s)) {
		return;
	} else {
		r->code = worse_code(
		    r->code, said_is_agents(s) ? VERDICT_REFUSED : VERDICT_AGENT_LOST);
	}
	const char *message = s->err.code == 0 ? "drills may start again" : s->err.msg;
	if (r->list == NULL) {
		(void)fprintf(
		    s->err.code == 0 ? stdout : stderr, "%s: %s\n", x->name, message);
		return;
	}
	j = asked_to_json(x);
	(void)json_object_set_new(j, "outcome", json_string(outcome));
	(void)json_object_set_new(j, "message", json_string(message));
	(void)json_array_append_new(r->list, j);
}

/* A halt is the host's, so one agent that hears it is enough. */
static int
resume_idle_host(const struct agent_options *o, bool quiet)
{
	struct err e = { 0 };

	if (instance_embed(o, FLEET_RESUME, &e) == 0) {
		if (!quiet)
			(void)puts("no agent runs: drills may start again on this host");
		return 0;
	}
	(void)fprintf(stderr, "stormctl resume: %s\n", e.msg);
	return VERDICT_AGENT_LOST;
}

static int
resume(struct ask *a, bool json)
{
	struct resuming r = { .list = json ? json_array() : NULL,
		.is_named = a->agent.run_dir != NULL || a->agent.instance != NULL };
	int code = ask_open(a, PATIENCE);

	if (code != 0) {
		json_decref(r.list);
		return code;
	}
	ask_all(a, FLEET_RESUME);
	ask_wait(a);
	for (size_t i = 0; i < a->count; i++)
		take(&r, &a->asked[i]);
	if (json)
		print_answers(r.list);
	if (r.heard || r.code != 0 || a->inventory != NULL)
		return r.code;
	return resume_idle_host(&a->agent, json);
}

static int
run(const struct invocation *v)
{
	struct ask a;
	int code = ask_choose(&a, v, "resume");

	if (code == 0)
		code = resume(&a, option_has(v, "json"));
	ask_release(&a);
	return code;
}

static const struct option_def options[] = { OPTION_JSON, OPTIONS_ASK, OPTIONS_AGENT,
	{ 0 } };

const struct cmd cmd_resume = {
	.name = "resume",
	.summary = "allow drills again after a halt, here or on many hosts",
	.options = options,
	.run = run,
	.help =
	    "Nothing that was undone comes back; new drills may be armed again.  Exit 9\n"
	    "when an agent refuses, 30 when one cannot be reached.",
};
