/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl halt`: the emergency stop.  Every instance of the host is told at once and in
 * turn; one whose agent is dead is undone by its records.  One that cannot be reached
 * never keeps the others from being halted.
 */
#include "client.h"
#include "cmd.h"
#include "err.h"
#include "instances.h"
#include "verdict.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum halted { HALT_CLEAN, HALT_UNREACHABLE, HALT_DIRTY }; /* worst last */

static const char *const halted_names[] = { "clean", "unreachable", "not verified" };

static enum halted
without_agent(const struct instance *i, const struct err *why, struct err *e)
{
	int left = instance_left(i);

	if (access(i->run_dir, F_OK) < 0) { /* it was named: that may be a slip */
		(void)err_errno(e, "no agent has its run-dir at '%s'", i->run_dir);
		return HALT_UNREACHABLE;
	}
	if (left == 0) {
		(void)err_set(
		    e, why->code, "no agent answers and nothing is outstanding");
		return HALT_CLEAN;
	}
	if (geteuid() != 0) {
		(void)err_set(e, why->code,
		    "no agent answers and %d faults are outstanding: as root, stormd-undo "
		    "--run-dir %s --all",
		    left, i->run_dir);
		return HALT_UNREACHABLE;
	}
	int r = instance_undo(i, "--all", true, e);
	if (r == 0) {
		(void)err_set(
		    e, 0, "no agent answered; stormd-undo has undone %d faults", left);
		return HALT_CLEAN;
	}
	if (r > 0)
		(void)err_set(e, -EBUSY, "stormd-undo could not undo everything");
	return HALT_DIRTY;
}

/* *ret_heard: a live agent took it, and so the whole host is halted. */
static enum halted
halt_one(const struct instance *i, bool *ret_heard, struct err *e)
{
	struct client *c = NULL;
	json_t *answer = NULL;
	struct err why = { 0 };
	int r = instance_open(i, &c, &why);

	if (r < 0)
		return r == -ENOENT || r == -ECONNREFUSED ? without_agent(i, &why, e) :
							    (*e = why, HALT_UNREACHABLE);
	r = client_post(c, "/v1/halt", &answer, &why);
	client_free(c);
	json_decref(answer);
	if (r == 0) {
		*ret_heard = true;
		(void)err_set(e, 0,
		    "halted: everything is undone, no drill starts until "
		    "`stormctl resume`");
		return HALT_CLEAN;
	}
	*e = why;
	if (why.outcome == OUTCOME_STUCK)
		return HALT_DIRTY;
	/* It may have died on the way. */
	if (why.code == -ECONNRESET || why.code == -EPIPE || why.code == -ECONNREFUSED)
		return without_agent(i, &why, e);
	return HALT_UNREACHABLE;
}

static void
print_one(const struct instance *i, enum halted h, const struct err *e, json_t *list)
{
	if (list == NULL) {
		(void)fprintf(h == HALT_CLEAN ? stdout : stderr, "%s: %s%s%s\n", i->name,
		    h == HALT_CLEAN ? "" : halted_names[h], h == HALT_CLEAN ? "" : ": ",
		    e->msg);
		return;
	}
	(void)json_array_append_new(
	    list, json_pack("{s:s, s:s, s:s, s:s}", "instance", i->name, "run_dir",
		      i->run_dir, "outcome", halted_names[h], "message", e->msg));
}

/* Nobody was there to hear it: the next drill must find the host halted all the same. */
static void
halt_idle_host(const struct agent_options *o, bool quiet)
{
	struct err e = { 0 };
	int r = instance_embed_post(o, "/v1/halt", &e);

	if (r == 0 && !quiet)
		(void)puts("no agent runs: the host is halted, no drill starts until "
			   "`stormctl resume`");
	else if (r == -EPERM)
		(void)fprintf(stderr,
		    "stormctl halt: no agent runs, so only root can refuse new drills\n");
	else if (r < 0)
		(void)fprintf(
		    stderr, "stormctl halt: new drills are not refused: %s\n", e.msg);
}

static int
run(const struct invocation *v)
{
	static const int codes[] = { VERDICT_HELD, VERDICT_AGENT_LOST,
		VERDICT_UNDO_FAILED };
	struct instance found[INSTANCES_MAX];
	struct agent_options o = { 0 };
	struct err e = { 0 };
	enum halted worst = HALT_CLEAN;
	bool heard = false;
	json_t *list = option_has(v, "json") ? json_array() : NULL;

	agent_options_of(v, &o);
	int n = instances_find(&o, found, INSTANCES_MAX, &e);
	if (n < 0) {
		(void)fprintf(stderr, "stormctl halt: %s\n", e.msg);
		return VERDICT_AGENT_LOST;
	}
	for (int i = 0; i < n; i++) {
		struct err said = { 0 };
		enum halted h = halt_one(&found[i], &heard, &said);

		print_one(&found[i], h, &said, list);
		worst = h > worst ? h : worst;
	}
	if (list != NULL) {
		(void)json_dumpf(list, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(list);
	}
	if (!heard && worst == HALT_CLEAN)
		halt_idle_host(&o, option_has(v, "json"));
	return codes[worst];
}

static const struct option_def options[] = { OPTION_JSON, OPTIONS_AGENT, { 0 } };

const struct cmd cmd_halt = {
	.name = "halt",
	.summary = "emergency stop: undo everything on this host, refuse new drills",
	.options = options,
	.run = run,
	.help =
	    "The whole host is halted, until `stormctl resume` or a reboot.\n"
	    "Reaches every instance below the host directory, or the one that is named.\n"
	    "An instance whose agent is dead is undone by its records (as root).  Exit 0\n"
	    "when everything is verified clean, 20 when something is not, 30 when an\n"
	    "instance cannot be reached.",
};
