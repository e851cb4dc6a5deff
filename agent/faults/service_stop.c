/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.stop: a unit of systemd is down.  A unit that systemctl has stopped is not
 * brought back by its Restart=, so stopping it is enough to keep it down; what may start it
 * again are its sockets, timers and paths, and people.
 *
 * What goes down with it (units that require it or are part of it) is looked up before and
 * started again, too.  What could not be put back as it was is refused: a unit that is not
 * running, that may not be started by hand, that exists only as long as it runs.
 */
#include "bounds.h"
#include "cleanup.h"
#include "clock.h"
#include "fault.h"
#include "fdio.h"
#include "proc.h"
#include "spared.h"
#include "systemctl.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MODE_STOP, MODE_KILL };
enum { UNITS_MAX = 12, HOLD_MS = 250 };

#define DOWN_WAIT   (10 * USEC_PER_SEC)
#define DOWN_PERIOD (50 * USEC_PER_MSEC)

struct stopping {
	char unit[UNIT_NAME_MAX];
	/* triggers, what goes down with it, itself: in this order down, backwards up again */
	char names[UNITS_MAX][UNIT_NAME_MAX];
	size_t count;
	struct spared spared;
	bool is_killed;
	/* of the unit, below the root of the v2 tree; there only while it runs.  -1 or "":
	 * nothing to see it by */
	int cgroups;
	char cgroup[UNIT_NAME_MAX];
};

/* --- whom it must not be ------------------------------------------------------------------ */

/* Does this process live in the unit's control group? */
static bool
is_home_of(const struct unit *u, pid_t pid)
{
	char path[40], text[4096];
	const size_t len = strlen(u->cgroup);

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (len < 2 || read_file_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	for (const char *p = text; (p = strstr(p, u->cgroup)) != NULL; p++) {
		if (p > text && p[-1] == ':' &&
		    (p[len] == '/' || p[len] == '\n' || p[len] == '\0'))
			return true;
	}
	return false;
}

/* Of the init itself, and what systemctl or a login needs. */
static bool
is_of_the_system(const char *name)
{
	static const char *const names[] = { "dbus.service", "dbus.socket",
		"dbus-broker.service", "polkit.service", "getty@", "stormd", "user@" };

	if (strncmp(name, "systemd-", 8) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

/* Why this unit must stay; NULL when it may be stopped. */
static const char *
spared_why_unit(struct stopping *t, const struct protect *protect, const struct unit *u)
{
	_cleanup_close_ int dir = u->main_pid > 0 ? proc_open(u->main_pid) : -1;
	struct proc p;

	if (is_of_the_system(u->id))
		return "the host itself needs it";
	if (protect_names(protect->units, u->id))
		return "it is protected by policy";
	if (is_home_of(u, getpid()) || is_home_of(u, protect->agent_pid))
		return "the agent runs in it";
	for (size_t i = 0; i < t->spared.stop_button_count; i++) {
		if (is_home_of(u, t->spared.stop_button[i]))
			return "the controller, or the session it was called from, runs in it";
	}
	if (dir >= 0 && proc_read_at(u->main_pid, dir, &p) == 0)
		return spared_why(&t->spared, &p, dir);
	return NULL;
}

/* --- what goes down ----------------------------------------------------------------------- */

static bool
has_unit(const struct stopping *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->names[i], name) == 0)
			return true;
	}
	return strcmp(t->unit, name) == 0;
}

/* Down it goes and up again: is that so, and may it? */
static int
check_unit(struct fault_run *r, const struct unit *u, const char *how, struct err *e)
{
	const char *why = spared_why_unit(r->state, r->protect, u);

	if (why != NULL)
		return err_refused(e, "%s%s must not be stopped: %s", u->id, how, why);
	if (!unit_is_name(u->id) || !u->can_stop || !u->can_start)
		return err_refused(e,
		    "%s%s cannot be stopped and started again by hand: nothing could put it "
		    "back",
		    u->id, how);
	if (u->is_transient)
		return err_refused(e,
		    "%s%s exists only as long as it runs: nothing could put it back",
		    u->id, how);
	return 0;
}

/* Each name of a list that is up joins; those that stop with it bring theirs. */
static int
join(struct fault_run *r, const char *list, bool is_along, struct err *e)
{
	const char *how = is_along ? ", which stops with it," : ", which would start it,";
	struct stopping *t = r->state;
	_cleanup_free_ char *names = xstrdup(list);
	char *rest = NULL;

	for (char *name = strtok_r(names, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest)) {
		struct unit u;

		if (has_unit(t, name))
			continue;
		if (unit_show(name, r->barrier_fd, &u, e) < 0)
			return e->code;
		if (!unit_is_up(&u) || has_unit(t, u.id))
			continue;
		if (check_unit(r, &u, how, e) < 0)
			return e->code;
		if (t->count == UNITS_MAX - 1)
			return err_refused(
			    e, "more than %d units would stop with it", UNITS_MAX - 1);
		(void)snprintf(t->names[t->count++], UNIT_NAME_MAX, "%s", u.id);
		if (is_along && join(r, u.dependents, true, e) < 0)
			return e->code;
	}
	return 0;
}

static void
describe(struct fault_run *r, const struct unit *u, bool with_triggers)
{
	struct stopping *t = r->state;

	for (size_t i = 0; i < t->count; i++) {
		fault_op(r, "apply: %s %s",
		    t->is_killed && i + 1 == t->count ? "kill and stop" : "stop",
		    t->names[i]);
	}
	if (t->count > 1)
		(void)snprintf(r->note, sizeof(r->note),
		    "%zu units: %.90s and what goes with it", t->count, t->unit);
	if (!with_triggers && u->triggers[0] != '\0')
		(void)snprintf(r->note, sizeof(r->note),
		    "%.90s may start it again (triggers=true stops that, too)",
		    u->triggers);
}

static int
service_stop_prepare(struct fault_run *r, struct err *e)
{
	const char *asked = spec_text(r->spec, "unit");
	const bool with_triggers = spec_num(r->spec, "triggers") != 0;
	struct stopping *t = xcalloc(1, sizeof(*t));
	struct err none = { 0 };
	struct unit u;

	r->state = t;
	t->is_killed = spec_num(r->spec, "mode") == MODE_KILL;
	(void)snprintf(t->unit, sizeof(t->unit), "%s%s", asked,
	    unit_is_name(asked) || strchr(asked, '.') != NULL ? "" : ".service");
	spared_look(&t->spared, r->protect);
	if (unit_show(t->unit, r->barrier_fd, &u, e) < 0)
		return e->code;
	if (strcmp(u.load, "not-found") == 0)
		return err_invalid(e, "there is no unit '%s' here", t->unit);
	if (!unit_is_up(&u))
		return err_refused(
		    e, "%s is %s: there is nothing to stop", u.id, u.active);
	(void)snprintf(t->unit, sizeof(t->unit), "%s", u.id);
	t->cgroups = undo_ctx_cgroup(r->ctx, &none);
	if (t->cgroups >= 0 && u.cgroup[0] == '/')
		(void)snprintf(t->cgroup, sizeof(t->cgroup), "%.*s", UNIT_NAME_MAX - 1,
		    u.cgroup + 1);
	if (check_unit(r, &u, "", e) < 0 ||
	    (with_triggers && join(r, u.triggers, false, e) < 0) ||
	    join(r, u.dependents, true, e) < 0)
		return e->code;
	(void)snprintf(t->names[t->count++], UNIT_NAME_MAX, "%s", u.id);
	for (size_t i = 0; i < t->count; i++) {
		struct undo await = { .op = UNDO_UNIT_AWAIT },
			    start = { .op = UNDO_UNIT_START };

		(void)snprintf(await.name, sizeof(await.name), "%s", t->names[i]);
		(void)snprintf(start.name, sizeof(start.name), "%s", t->names[i]);
		undo_add(&r->undo, await);
		undo_add(&r->undo, start);
	}
	describe(r, &u, with_triggers);
	r->wake_ms = HOLD_MS;
	return 0;
}

static int
service_stop_stage(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0;
}

/* Killed only when it is asked to stop already: then no Restart= answers its death. */
static int
service_stop_apply(struct fault_run *r, struct err *e)
{
	struct stopping *t = r->state;
	const char *names[UNITS_MAX + 1] = { NULL };

	for (size_t i = 0; i < t->count; i++)
		names[i] = t->names[i];
	if (unit_stop(names, r->barrier_fd, e) < 0)
		return e->code;
	return t->is_killed ? unit_kill(t->unit, r->barrier_fd, e) : 0;
}

static bool
has_cgroup(const struct stopping *t)
{
	return t->cgroup[0] != '\0' && faccessat(t->cgroups, t->cgroup, F_OK, 0) == 0;
}

static int
service_stop_verify(struct fault_run *r, struct err *e)
{
	const usec_t until = clock_boottime() + DOWN_WAIT;
	struct stopping *t = r->state;
	struct unit u;

	for (;;) {
		if (unit_show(t->unit, r->barrier_fd, &u, e) < 0)
			return e->code;
		if (unit_is_down(&u))
			break;
		if (clock_boottime() >= until)
			return err_set(e, -ETIMEDOUT,
			    "%s was told to stop and is %s (%s) after 10 s: mode=kill does "
			    "not wait for it",
			    t->unit, u.active, u.sub);
		sleep_usec(DOWN_PERIOD);
	}
	if (has_cgroup(t))
		t->cgroup[0] = '\0'; /* something of it lives on: no sign of a start */
	r->effect = t->count;
	return 0;
}

/* By its cgroup and not by systemctl, which may have to wait for a busy systemd: a holder
 * must not. */
static int
service_stop_hold(struct fault_run *r, struct err *e)
{
	struct stopping *t = r->state;

	(void)e;
	if (!r->lost && has_cgroup(t)) {
		r->lost = true;
		(void)snprintf(
		    r->note, sizeof(r->note), "%.100s was started by somebody", t->unit);
	}
	return 0;
}

const struct fault fault_service_stop = {
	.kind = &kind_service_stop,
	.effect_unit = "units",
	.supported = systemctl_supported,
	.how = fault_how_plain,
	.prepare = service_stop_prepare,
	.stage = service_stop_stage,
	.apply = service_stop_apply,
	.verify = service_stop_verify,
	.hold = service_stop_hold,
	.release = fault_release_nothing,
	.runs_tools = true,
};
