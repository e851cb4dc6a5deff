/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl status`: what is broken right now, here or on the hosts of an inventory, who did
 * it, why, for how much longer, and how to stop it.
 */
#include "ask_hosts.h"
#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "status_text.h"
#include "verdict.h"
#include <stdio.h>

#define PATIENCE (10 * USEC_PER_SEC)

/* An instance of this host whose agent is gone: what counts is what it left. */
static int
print_dead(const struct asked *x, int left)
{
	if (left > 0)
		(void)printf(
		    "%s: no agent answers, but %d faults are on record as not "
		    "undone\n  undo them, as root: stormd-undo --run-dir %s --all\n",
		    x->name, left, x->instance->run_dir);
	else
		(void)printf("%s: no agent answers, nothing is outstanding\n", x->name);
	return left > 0 ? VERDICT_AGENT_LOST : 0;
}

static int
print_one(const struct ask *a, const struct asked *x)
{
	const struct said *s = said_of(x, FLEET_STATUS);
	_cleanup_free_ char *options = asked_options(a, x);

	if (s->err.code == 0)
		return status_print(x->name, options, s->json) ? 0 : VERDICT_INTERNAL;
	if (x->instance != NULL && !said_is_agents(s))
		return print_dead(x, instance_left(x->instance));
	(void)printf("%s: %s: %s\n", x->name,
	    said_is_agents(s) ? "refused" : "unreachable", s->err.msg);
	return VERDICT_AGENT_LOST;
}

static int
list_one(const struct asked *x, json_t *list)
{
	const struct said *s = said_of(x, FLEET_STATUS);
	json_t *j = asked_to_json(x);
	int left = 0;

	(void)json_array_append_new(list, j);
	if (s->err.code == 0) {
		(void)json_object_update(j, s->json);
		return 0;
	}
	(void)json_object_set_new(j, "error", json_string(s->err.msg));
	if (x->host != NULL)
		return VERDICT_AGENT_LOST;
	left = instance_left(x->instance);
	(void)json_object_set_new(j, "records", json_integer(left));
	return left > 0 ? VERDICT_AGENT_LOST : 0;
}

static int
show(struct ask *a, bool json)
{
	json_t *list = json ? json_array() : NULL;
	int code = ask_open(a, PATIENCE);

	if (code == 0) {
		ask_all(a, FLEET_STATUS);
		ask_wait(a);
	}
	for (size_t i = 0; i < a->count && a->fleet != NULL; i++) {
		int r = json ? list_one(&a->asked[i], list) : print_one(a, &a->asked[i]);

		code = worse_code(r, code);
	}
	if (json)
		print_answers(list);
	else if (a->count == 0)
		(void)puts(host_is_halted(&a->agent) ?
			       "no agent runs; the host is halted, no drill starts until "
			       "`stormctl resume`" :
			       "no agent runs, nothing is injected");
	return code;
}

static int
run(const struct invocation *v)
{
	struct ask a;
	int code = ask_choose(&a, v, "status");

	if (code == 0)
		code = show(&a, option_has(v, "json"));
	ask_release(&a);
	return code;
}

static const struct option_def options[] = { OPTION_JSON, OPTIONS_ASK, OPTIONS_AGENT,
	{ 0 } };

const struct cmd cmd_status = {
	.name = "status",
	.summary = "what is injected on this host, or on many, by whom, for how long",
	.options = options,
	.run = run,
	.help =
	    "Shows every agent of this host, the one that is named, or those of an\n"
	    "inventory: its drills, who started them and why, the time left, what each\n"
	    "fault matches, and how to stop it.  Exit 30 when a host cannot be reached, or\n"
	    "an agent is gone and left obligations behind.",
};
