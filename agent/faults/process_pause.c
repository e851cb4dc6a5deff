/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.pause: chosen processes stand still and are continued.  They are chosen, held and
 * recorded when the fault is armed, by one of three ways (process/pause.h): the first that
 * these processes can be stopped by, unless one is asked for.
 */
#include "err.h"
#include "fault.h"
#include "pause.h"
#include "proc.h"
#include "xalloc.h"
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS       200
#define TARGETS_SHOWN 50

/* In the order of the parameter's choices, of which "auto" is the first. */
static const struct pause_way *const ways[] = { &pause_by_freezer, &pause_by_ptrace,
	&pause_by_stop };
enum { WAYS = 3 };

static int
process_pause_supported(struct err *e)
{
	return fault_process_kill.supported(e) < 0 ?
		   err_unsupported(e, "process.pause needs pidfds: Linux 5.3") :
		   0;
}

static void
process_pause_how(char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < WAYS && used < size; i++) {
		struct err why = { 0 };

		if (ways[i]->supported(&why) == 0)
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
			    used > 0 ? ", " : "by ", ways[i]->name);
	}
}

char
pause_state_of(struct process_id id)
{
	struct proc p;

	if (proc_read(id.pid, &p) < 0 || p.id.start != id.start)
		return 0;
	return p.state;
}

int
pause_drop_stopped(struct pause *p, struct err *e)
{
	struct selection *c = &p->chosen;
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (pause_state_of(c->targets[i].id) == 'T') {
			(void)close(
			    c->targets[i].pidfd); /* a pidfd has nothing to lose */
			p->stopped_before++;
		} else {
			c->targets[kept++] = c->targets[i];
		}
	}
	c->count = kept;
	if (kept > 0)
		return 0;
	(void)err_refused(
	    e, "all %zu processes that match are stopped already", p->stopped_before);
	return e->code = -EALREADY;
}

/* --- prepare ---------------------------------------------------------------------------- */

/* Does the selection mean one group and all that is in it? */
static bool
means_a_group(const struct spec *s)
{
	static const char *const narrower[] = { "name", "cmdline", "cmdline_regex", "exe",
		"pid", "port", "user", "percent", "exclude" };

	for (size_t i = 0; i < sizeof(narrower) / sizeof(narrower[0]); i++) {
		if (spec_has(s, narrower[i]))
			return false;
	}
	return spec_has(s, "unit") + spec_has(s, "cgroup") + spec_has(s, "container") ==
		   1 &&
	       spec_num(s, "count") == 0;
}

static int
plan_by(struct fault_run *r, struct pause *p, const struct pause_way *way, struct err *e)
{
	p->way = way;
	if (way != &pause_by_freezer && pause_drop_stopped(p, e) < 0)
		return e->code;
	return way->plan(r, p, e);
}

/* The first way there is.  What the last one says is the reason when there is none. */
static int
plan_somehow(struct fault_run *r, struct pause *p, struct err *e)
{
	struct err why = { 0 };
	int rc = -EOPNOTSUPP;

	for (size_t i = means_a_group(r->spec) ? 0 : 1; i < WAYS; i++) {
		why = (struct err){ 0 };
		rc = plan_by(r, p, ways[i], &why);
		if (rc == 0 || rc == -EALREADY)
			break;
		fault_op(r, "(not by %s: %s)", ways[i]->name, why.msg);
	}
	if (rc < 0)
		*e = why;
	return rc;
}

static void
describe(struct fault_run *r, const struct pause *p)
{
	const struct selection *c = &p->chosen;
	char remarks[80], by[160];
	size_t used;

	for (size_t i = 0; i < c->count && i < TARGETS_SHOWN; i++)
		fault_op(r, "stop %s %d", c->targets[i].comm, c->targets[i].id.pid);
	if (c->count > TARGETS_SHOWN)
		fault_op(r, "… and %zu more", c->count - TARGETS_SHOWN);
	(void)selection_remarks(c, r->spec, remarks, sizeof(remarks));
	(void)snprintf(by, sizeof(by), "; by %s%s", p->way->name, remarks);
	used = strlen(by);
	if (p->stopped_before > 0)
		(void)snprintf(by + used, sizeof(by) - used,
		    "; %zu stopped already, left alone", p->stopped_before);
	(void)selection_describe(c, r->note, sizeof(r->note) - strlen(by));
	used = strlen(r->note);
	(void)snprintf(r->note + used, sizeof(r->note) - used, "%s", by);
}

static int
process_pause_prepare(struct fault_run *r, struct err *e)
{
	const size_t how = (size_t)spec_num(r->spec, "how");
	struct pause *p = xcalloc(1, sizeof(*p));
	int rc;

	r->state = p;
	r->wake_ms = -1;
	p->place.dir = -1;
	rc = selector_open(&p->selector, r->spec, r->protect, e);
	if (rc == 0)
		rc = selector_choose(p->selector, &p->chosen, e);
	if (rc == 0)
		rc = how == 0 ? plan_somehow(r, p, e) : plan_by(r, p, ways[how - 1], e);
	if (rc == 0)
		describe(r, p);
	return rc;
}

/* --- the rest is the way's -------------------------------------------------------------- */

static int
process_pause_stage(struct fault_run *r, struct err *e)
{
	struct pause *p = r->state;

	return p->way->stage(r, p, e);
}

static int
process_pause_apply(struct fault_run *r, struct err *e)
{
	struct pause *p = r->state;

	r->wake_ms = LOOK_MS;
	return p->way->apply(r, p, e);
}

/* How many are stopped.  None left is a fault that somebody else has ended. */
static int
look(struct fault_run *r, struct err *e)
{
	struct pause *p = r->state;
	int count = p->way->look(r, p, e);

	if (count == 0)
		count = err_set(e, -ESRCH, "every process that was paused has ended");
	if (count < 0)
		return count;
	r->effect = (uint64_t)count;
	return 0;
}

static int
process_pause_verify(struct fault_run *r, struct err *e)
{
	struct pause *p = r->state;

	return p->way->verify(r, p, e) < 0 ? e->code : look(r, e);
}

static int
process_pause_hold(struct fault_run *r, struct err *e)
{
	int rc = look(r, e);

	r->lost |= rc < 0;
	return rc;
}

static int
process_pause_release(struct fault_run *r, struct err *e)
{
	struct pause *p = r->state;

	(void)e;
	if (p->way != NULL)
		p->way->release(p);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(futex),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(pause),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(ptrace),
	SCMP_SYS(readlinkat),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_process_pause = {
	.kind = &kind_process_pause,
	.effect_unit = "processes",
	.supported = process_pause_supported,
	.how = process_pause_how,
	.prepare = process_pause_prepare,
	.stage = process_pause_stage,
	.apply = process_pause_apply,
	.verify = process_pause_verify,
	.hold = process_pause_hold,
	.release = process_pause_release,
	.syscalls = syscalls,
	.runs_tools = true, /* the tracer is started by exec */
};
