/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By SIGSTOP: what everybody can do and anybody can undo.  A stopped process is shown as
 * such to its parent (a shell, a supervisor) and a SIGCONT of somebody else's continues it.
 * Each process is named in the record, which bounds how many there may be.
 */
#include "err.h"
#include "pause.h"
#include "xalloc.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STOP_WAIT      (1 * USEC_PER_SEC)
#define STOP_PERIOD    (1 * USEC_PER_MSEC)
#define CONTINUED_WAIT (20 * USEC_PER_MSEC)

static int
stop_supported(struct err *e)
{
	(void)e;
	return 0;
}

static int
stop_plan(struct fault_run *r, struct pause *p, struct err *e)
{
	const struct selection *c = &p->chosen;

	if (c->count > UNDO_LIST_MAX)
		return err_refused(e,
		    "%zu processes: a record names at most %d to be continued; "
		    "how=ptrace has no such bound",
		    c->count, UNDO_LIST_MAX);
	for (size_t i = 0; i < c->count; i++)
		undo_add(&r->undo, (struct undo){ .op = UNDO_CONTINUE,
				       .num = { c->targets[i].id.pid,
					   (int64_t)c->targets[i].id.start } });
	return 0;
}

static int
stop_stage(struct fault_run *r, struct pause *p, struct err *e)
{
	(void)r;
	(void)p;
	(void)e;
	return 0; /* the processes are held since prepare */
}

/* One that somebody has stopped since is not stopped again, or we would seem to have. */
static int
stop_apply(struct fault_run *r, struct pause *p, struct err *e)
{
	(void)r;
	for (size_t i = 0; i < p->chosen.count; i++) {
		const struct target *t = &p->chosen.targets[i];

		if (pause_state_of(t->id) == 'T')
			continue;
		if (syscall(SYS_pidfd_send_signal, t->pidfd, SIGSTOP, NULL, 0) < 0 &&
		    errno != ESRCH)
			return err_errno(e, "stop %s %d", t->comm, t->id.pid);
	}
	return 0;
}

/* A tracer of somebody else's keeps it where it would have stopped. */
static bool
is_stopped(char state)
{
	return state == 'T' || state == 't' || state == 'Z' || state == 0;
}

static int
stop_verify(struct fault_run *r, struct pause *p, struct err *e)
{
	const usec_t until = clock_boottime() + STOP_WAIT;
	size_t busy = 0, used = strlen(r->note);

	for (size_t i = 0; i < p->chosen.count; i++) {
		const struct target *t = &p->chosen.targets[i];
		char state;

		while (!is_stopped(state = pause_state_of(t->id)) &&
		       clock_boottime() < until)
			sleep_usec(STOP_PERIOD);
		if (!is_stopped(state) && state != 'D')
			return err_set(e, -ETIMEDOUT,
			    "%s %d does not stop (state %c): is it frozen?", t->comm,
			    t->id.pid, state);
		busy += state == 'D';
	}
	if (busy > 0)
		(void)snprintf(r->note + used, sizeof(r->note) - used,
		    "; %zu in the kernel, stopped when they leave it", busy);
	return 0;
}

/* For a moment a process whose tracer passes the signal on is seen to run. */
static bool
is_continued(struct process_id id)
{
	const usec_t until = clock_boottime() + CONTINUED_WAIT;

	for (;;) {
		const char state = pause_state_of(id);

		if (is_stopped(state) || state == 'D')
			return false;
		if (clock_boottime() >= until)
			return true;
		sleep_usec(STOP_PERIOD);
	}
}

static int
stop_look(struct fault_run *r, struct pause *p, struct err *e)
{
	int held = 0;

	(void)r;
	for (size_t i = 0; i < p->chosen.count; i++) {
		const struct target *t = &p->chosen.targets[i];
		const char state = pause_state_of(t->id);

		held += state != 'Z' && state != 0;
		if (is_continued(t->id))
			return err_set(
			    e, -ESTALE, "somebody continued %s %d", t->comm, t->id.pid);
	}
	return held;
}

static void
stop_release(struct pause *p)
{
	(void)p;
}

const struct pause_way pause_by_stop = {
	.name = "stop",
	.supported = stop_supported,
	.plan = stop_plan,
	.stage = stop_stage,
	.apply = stop_apply,
	.verify = stop_verify,
	.look = stop_look,
	.release = stop_release,
};
