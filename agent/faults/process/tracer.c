/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process that holds every thread of the chosen ones by ptrace, until it is killed: the
 * kernel then lets go of them all, as if nothing had been.  It is no holder, because a
 * thread that does not come out of the kernel may keep its tracer waiting.
 *
 * A tracee that somebody kills is a zombie until its tracer has looked: only then does its
 * own parent hear of it.  So all there is to do while they are held is to look.
 */
#include "cleanup.h"
#include "crew.h"
#include "err.h"
#include "leash.h"
#include "pause_page.h"
#include "proc.h"
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_WAIT   (3 * USEC_PER_SEC) /* for threads to come out of the kernel */
#define STOP_PERIOD (500)              /* µs between two looks */

/* One look at all threads of a process. */
struct look {
	pid_t pid;
	int options;
	int rc; /* the first thread's that could not be had */
	bool is_new, is_running, is_busy, is_there;
};

/* A thread whose number went to somebody else between our look and our hold: let go. */
static void
let_go(pid_t tid)
{
	if (waitpid(tid, NULL, __WALL) == tid)
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL); /* or it has ended */
}

/* 1 when it is newly ours, 0 when it was or has ended, or a negative errno. */
static int
hold_thread(const struct look *l, pid_t tid)
{
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0)
		return 0; /* a tracee already, or a child of one */
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(uintptr_t)l->options) < 0)
		return errno == ESRCH ? 0 : -errno;
	(void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL); /* or it has ended */
	/* EPERM: it is there, and another user's */
	if (syscall(SYS_tgkill, l->pid, tid, 0) == 0 || errno != ESRCH)
		return 1;
	let_go(tid);
	return 0;
}

/* The kernel's own threads in a process, of io_uring: they are nobody's to trace. */
static bool
is_worker(const struct proc *p)
{
	return strncmp(p->comm, "iou-", 4) == 0;
}

static int
look_at_thread(void *ctx, int tasks, const char *name)
{
	struct look *l = ctx;
	const pid_t tid = proc_pid_of(name);
	_cleanup_close_ int dir = -1;
	struct proc p;
	int rc = hold_thread(l, tid);

	dir = proc_open_at(tasks, name);
	if (dir < 0 || proc_read_at(tid, dir, &p) < 0 || p.state == 'Z' || p.state == 'X')
		return 0;
	l->is_there = true;
	if (rc < 0 && !is_worker(&p))
		l->rc = rc;
	l->is_new |= rc > 0;
	l->is_busy |= p.state == 'D';
	l->is_running |= p.state != 't' && p.state != 'D' && !is_worker(&p);
	return 0;
}

static int
open_tasks(pid_t pid)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Hold what is not held yet, and see what has become of the rest. */
static int
look_at(const struct traced *t, int options)
{
	const struct process_id id = { .pid = t->pid, .start = t->start };
	struct look l = { .pid = t->pid, .options = options };
	_cleanup_close_ int pidfd = process_id_open(id);
	_cleanup_close_ int tasks = open_tasks(t->pid);
	struct err none = { 0 };

	if (pidfd < 0 || tasks < 0)
		return TARGET_GONE;
	(void)proc_each_name(
	    tasks, look_at_thread, &l, &none); /* gone: nothing is there */
	if (l.rc < 0)
		return l.rc;
	if (!l.is_there)
		return TARGET_GONE;
	if (l.is_new || l.is_running)
		return TARGET_ASKED;
	return l.is_busy ? TARGET_BUSY : TARGET_HELD;
}

/* All that were asked for or busy; true when nobody is waited for any more. */
static bool
go_through(struct pause_page *page, int options)
{
	bool is_settled = true;

	for (uint32_t i = 0; i < page->count; i++) {
		struct traced *t = &page->target[i];
		int state = atomic_load(&t->state);

		if (state != TARGET_ASKED && state != TARGET_BUSY)
			continue;
		state = look_at(t, options);
		atomic_store(&t->state, state);
		is_settled &= state != TARGET_ASKED && state != TARGET_BUSY;
	}
	return is_settled;
}

static void
hold_all(struct pause_page *page)
{
	const usec_t until = clock_boottime() + STOP_WAIT;
	const int options =
	    PTRACE_O_TRACECLONE |
	    (page->with_children ? PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK : 0);

	while (!go_through(page, options) && clock_boottime() < until)
		sleep_usec(STOP_PERIOD);
	atomic_store(&page->is_done, 1);
	word_wake(&page->is_done);
}

static void
note_end(struct pause_page *page, pid_t pid)
{
	for (uint32_t i = 0; i < page->count; i++) {
		if (page->target[i].pid == pid)
			atomic_store(&page->target[i].state, TARGET_GONE);
	}
}

static _Noreturn void
watch(struct pause_page *page)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid > 0 && (WIFEXITED(status) || WIFSIGNALED(status)))
			note_end(page, pid);
		else if (pid < 0 && errno == ECHILD)
			(void)pause(); /* until the leash */
	}
}

static int
tracer_run(struct member *m, struct err *e)
{
	struct pause_page *page = m->page;

	(void)e;
	crew_ready(m);
	while (atomic_load(&page->is_going) == 0)
		word_wait(&page->is_going, 0, 0);
	hold_all(page);
	watch(page);
}

const struct crew_work work_trace = {
	.name = "trace",
	.comm = "stormd-tracer",
	.page_size = sizeof(struct pause_page),
	.caps = CAP_BIT(CAP_SYS_PTRACE),
	.run = tracer_run,
};
