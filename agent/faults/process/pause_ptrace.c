/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By ptrace: a tracer of our own (tracer.c) holds every thread, and whatever ends the
 * tracer, its holder's death included, continues them.  So there is nothing to write into a
 * record but the leash, however many processes it is.  A process that was stopped stays so:
 * the kernel knows.
 */
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "leash.h"
#include "pause.h"
#include "pause_page.h"
#include "proc.h"
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define START_WAIT (10 * USEC_PER_SEC)
#define HOLD_WAIT  (15 * USEC_PER_SEC) /* a machine that is slow to stop hundreds */
#define LOOK_MS    20

/* The kernel may forbid it for good: Yama's scope 3. */
static int
ptrace_supported(struct err *e)
{
	char scope[16] = "";

	if (read_file_at(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", scope,
		sizeof(scope)) > 0 &&
	    scope[0] == '3')
		return err_unsupported(
		    e, "kernel.yama.ptrace_scope is 3: no process may trace another");
	if ((caps_permitted() & CAP_BIT(CAP_SYS_PTRACE)) == 0)
		return err_unsupported(e, "ptrace needs CAP_SYS_PTRACE");
	return 0;
}

static pid_t
tracer_of(const struct target *t)
{
	_cleanup_close_ int dir = proc_open(t->id.pid);

	return dir < 0 ? 0 : proc_tracer(dir);
}

static int
refuse_traced(const struct selection *c, struct err *e)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct target *t = &c->targets[i];
		const pid_t tracer = tracer_of(t);
		struct proc p = { .comm = "?" };

		if (tracer == 0)
			continue;
		(void)proc_read(tracer, &p);
		return err_refused(e, "%s %d is traced by %s %d already", t->comm,
		    t->id.pid, p.comm, tracer);
	}
	return 0;
}

static void
fill_page(struct pause_page *page, const struct selection *c)
{
	page->count = (uint32_t)c->count;
	for (size_t i = 0; i < c->count; i++) {
		page->target[i].pid = c->targets[i].id.pid;
		page->target[i].start = c->targets[i].id.start;
	}
}

static int
ptrace_plan(struct fault_run *r, struct pause *p, struct err *e)
{
	const size_t size =
	    sizeof(struct pause_page) + p->chosen.count * sizeof(struct traced);

	if (ptrace_supported(e) < 0 || refuse_traced(&p->chosen, e) < 0)
		return e->code;
	if (p->chosen.count > TRACED_MAX)
		return err_refused(e, "%zu processes: at most %d are held by ptrace",
		    p->chosen.count, TRACED_MAX);
	if (child_group_plan(&p->group, r, NULL, e) < 0 ||
	    crew_init(&p->crew, &work_trace, 1, size, e) < 0)
		return e->code;
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { p->crew.leash } });
	fill_page(p->crew.page, &p->chosen);
	((struct pause_page *)p->crew.page)->with_children =
	    spec_num(r->spec, "children") != 0;
	fault_op(r, "start a tracer, asleep");
	return 0;
}

static int
ptrace_stage(struct fault_run *r, struct pause *p, struct err *e)
{
	if (child_group_make(&p->group, r, e) < 0)
		return e->code;
	return crew_start(&p->crew, r->spec->id, &p->group, START_WAIT, e);
}

/* --- applied ---------------------------------------------------------------------------- */

static int
await_done(struct pause *p, struct err *e)
{
	struct pause_page *page = p->crew.page;
	const usec_t until = clock_boottime() + HOLD_WAIT;

	while (atomic_load(&page->is_done) == 0) {
		if (crew_lost(&p->crew, NULL) >= 0)
			return err_set(e, -ECHILD, "the tracer has ended");
		if (clock_boottime() >= until)
			return err_set(e, -ETIMEDOUT,
			    "the tracer is not done: a process does not let itself be "
			    "held");
		word_wait(&page->is_done, 0, LOOK_MS);
	}
	return 0;
}

static int
ptrace_apply(struct fault_run *r, struct pause *p, struct err *e)
{
	struct pause_page *page = p->crew.page;

	(void)r;
	atomic_store(&page->is_going, 1);
	word_wake(&page->is_going);
	return await_done(p, e);
}

/* Every target is held, in the kernel on its way to it, or gone. */
static int
ptrace_verify(struct fault_run *r, struct pause *p, struct err *e)
{
	struct pause_page *page = p->crew.page;
	size_t busy = 0, used = strlen(r->note);

	for (uint32_t i = 0; i < page->count; i++) {
		const struct target *t = &p->chosen.targets[i];
		const int state = atomic_load(&page->target[i].state);
		const char is = pause_state_of(t->id);

		busy += state == TARGET_BUSY;
		if (state < 0)
			return err_set(e, state, "hold %s %d by ptrace: %s", t->comm,
			    t->id.pid, strerror(-state));
		if (state == TARGET_ASKED ||
		    (state == TARGET_HELD && is != 't' && is != 'Z' && is != 0))
			return err_set(e, -ETIMEDOUT, "%s %d does not stop (state %c)",
			    t->comm, t->id.pid, is);
	}
	if (busy > 0)
		(void)snprintf(r->note + used, sizeof(r->note) - used,
		    "; %zu in the kernel, stopped when they leave it", busy);
	return 0;
}

static int
ptrace_look(struct fault_run *r, struct pause *p, struct err *e)
{
	const struct pause_page *page = p->crew.page;
	int held = 0;

	(void)r;
	if (crew_lost(&p->crew, NULL) >= 0)
		return err_set(
		    e, -ECHILD, "somebody ended the tracer: all processes run again");
	for (uint32_t i = 0; i < page->count; i++)
		held += atomic_load(&page->target[i].state) != TARGET_GONE;
	return held;
}

static void
ptrace_release(struct pause *p)
{
	crew_reap(&p->crew);
}

const struct pause_way pause_by_ptrace = {
	.name = "ptrace",
	.supported = ptrace_supported,
	.plan = ptrace_plan,
	.stage = ptrace_stage,
	.apply = ptrace_apply,
	.verify = ptrace_verify,
	.look = ptrace_look,
	.release = ptrace_release,
};
