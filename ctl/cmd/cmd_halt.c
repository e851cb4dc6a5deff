/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl halt`: the emergency stop.  It goes out to everybody at once, and each answer is
 * said as it comes.  Who cannot be reached keeps nobody else from being halted; an instance
 * of this host whose agent is dead is undone by its records.
 */
#include "ask_hosts.h"
#include "cmd.h"
#include "err.h"
#include "verdict.h"
#include <errno.h>
#include <stdio.h>
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

/* What became of one, from its answer; what to do about it in `e`. */
static enum halted
judge(const struct asked *x, struct err *e)
{
	const struct said *s = said_of(x, FLEET_HALT);

	if (s->err.code == 0) {
		(void)err_set(e, 0,
		    "halted: everything is undone, no drill starts until "
		    "`stormctl resume`");
		return HALT_CLEAN;
	}
	*e = s->err;
	if (s->err.outcome == OUTCOME_STUCK)
		return HALT_DIRTY;
	if (said_is_agents(s))
		return HALT_UNREACHABLE;
	if (x->host != NULL)
		(void)snprintf(e->msg, sizeof(e->msg),
		    "%.*s; its lease or its guardian undoes; to be sure, there: stormctl halt",
		    (int)sizeof(e->msg) - 80, s->err.msg);
	/* It may have died on the way. */
	else if (s->err.code == -ENOENT || s->err.code == -ECONNREFUSED ||
		 s->err.code == -ECONNRESET || s->err.code == -EPIPE)
		return without_agent(x->instance, &s->err, e);
	return HALT_UNREACHABLE;
}

struct halting {
	json_t *list; /* or NULL: lines */
	enum halted worst;
	bool
	    heard; /* a live agent of this host took it, and so the whole host is halted */
};

static void
take(struct halting *h, const struct asked *x)
{
	struct err e = { 0 };
	enum halted became = judge(x, &e);
	json_t *j;

	h->worst = became > h->worst ? became : h->worst;
	h->heard |= said_of(x, FLEET_HALT)->err.code == 0;
	if (h->list == NULL) {
		(void)fprintf(became == HALT_CLEAN ? stdout : stderr, "%s: %s%s%s\n",
		    x->name, became == HALT_CLEAN ? "" : halted_names[became],
		    became == HALT_CLEAN ? "" : ": ", e.msg);
		return;
	}
	j = asked_to_json(x);
	(void)json_object_set_new(j, "outcome", json_string(halted_names[became]));
	(void)json_object_set_new(j, "message", json_string(e.msg));
	(void)json_array_append_new(h->list, j);
}

/* Those of this host wait until all have been told, for an undo by record takes its time;
 * so do those of a list, to stand in the order of their inventory. */
static bool
is_said_at_once(const struct halting *h, const struct asked *x)
{
	return x->host != NULL && h->list == NULL;
}

static void
on_said(struct ask *a, const struct asked *x, enum fleet_ask what)
{
	(void)what;
	if (is_said_at_once(a->ctx, x))
		take(a->ctx, x);
}

/* Nobody was there to hear it: the next drill must find the host halted all the same. */
static void
halt_idle_host(const struct agent_options *o, bool quiet)
{
	struct err e = { 0 };
	int r = instance_embed(o, FLEET_HALT, &e);

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
halt(struct ask *a, bool json)
{
	static const int codes[] = { VERDICT_HELD, VERDICT_AGENT_LOST,
		VERDICT_UNDO_FAILED };
	struct halting h = { .list = json ? json_array() : NULL };
	int code = ask_open(a, 0);

	if (code != 0) { /* whatever kept us from it: the storm goes on */
		json_decref(h.list);
		return VERDICT_AGENT_LOST;
	}
	a->on_said = on_said;
	a->ctx = &h;
	ask_all(a, FLEET_HALT);
	ask_wait(a);
	for (size_t i = 0; i < a->count; i++) {
		if (!is_said_at_once(&h, &a->asked[i]))
			take(&h, &a->asked[i]);
	}
	if (json)
		print_answers(h.list);
	if (a->inventory == NULL && !h.heard && h.worst == HALT_CLEAN)
		halt_idle_host(&a->agent, json);
	return codes[h.worst];
}

static int
run(const struct invocation *v)
{
	struct ask a;
	int code = ask_choose(&a, v, "halt");

	if (code == 0)
		code = halt(&a, option_has(v, "json"));
	ask_release(&a);
	return code;
}

static const struct option_def options[] = { OPTION_JSON, OPTIONS_ASK, OPTIONS_AGENT,
	{ 0 } };

const struct cmd cmd_halt = {
	.name = "halt",
	.summary =
	    "emergency stop: undo everything, here or on many hosts, refuse new drills",
	.options = options,
	.run = run,
	.help =
	    "A halt is the whole host's, until `stormctl resume` or a reboot.  It reaches\n"
	    "every instance of this host, the one that is named, or, all at once, the hosts\n"
	    "of an inventory.  An instance of this host whose agent is dead is undone by its\n"
	    "records (as root).  Exit 0 when everything is verified clean, 20 when something\n"
	    "is not, 30 when a host or an instance cannot be reached.",
};
