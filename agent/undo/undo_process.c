/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Continuing a process that was stopped.  It is known by pid and start time; whoever has
 * the pid now is not meant.  One that runs gets no signal: SIGCONT is something a program
 * may act on.  But a SIGSTOP that was sent and not taken yet counts as stopped.
 */
#include "cleanup.h"
#include "clock.h"
#include "ident.h"
#include "proc.h"
#include "undo_table.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONTINUE_WAIT   (100 * USEC_PER_MSEC) /* for a busy machine */
#define CONTINUE_PERIOD (1 * USEC_PER_MSEC)

static struct process_id
process_of(const struct undo *u)
{
	return (
	    struct process_id){ .pid = (pid_t)u->num[0], .start = (uint64_t)u->num[1] };
}

bool
ours_continue(const struct undo *u, const char *fault)
{
	(void)u;
	(void)fault; /* its start time is all there is to know it by */
	return true;
}

static int
is_thread_stopped(void *ctx, int tasks, const char *name)
{
	_cleanup_close_ int dir = proc_open_at(tasks, name);
	struct proc p;

	(void)ctx;
	return dir >= 0 && proc_read_at(proc_pid_of(name), dir, &p) == 0 &&
	       p.state == 'T';
}

/* One thread takes the signal and the others follow as they get to run. */
static bool
has_stopped_thread(int dir)
{
	_cleanup_close_ int tasks =
	    openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err none = { 0 };

	return tasks >= 0 && proc_each_name(tasks, is_thread_stopped, NULL, &none) == 1;
}

/* Is it stopped, or about to be?  Not: it is gone. */
static bool
is_stopped(const struct undo *u, const char *states)
{
	const struct process_id id = process_of(u);
	_cleanup_close_ int dir = proc_open(id.pid);
	struct proc p;

	if (dir < 0 || proc_read_at(id.pid, dir, &p) < 0 || p.id.start != id.start)
		return false;
	return strchr(states, p.state) != NULL || proc_is_pending(dir, SIGSTOP) ||
	       has_stopped_thread(dir);
}

int
run_continue(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int pidfd = process_id_open(process_of(u));

	(void)c;
	/* 't': a debugger has it, and would stop it in our name when it goes on */
	if (pidfd == -ESRCH || (pidfd >= 0 && !is_stopped(u, "Tt")))
		return 0;
	if (pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) == 0)
		return 0;
	if (pidfd >= 0 && errno == ESRCH)
		return 0;
	return err_set(e, pidfd < 0 ? pidfd : -errno, "continue process %d: %s",
	    (int)u->num[0], strerror(pidfd < 0 ? -pidfd : errno));
}

int
check_continue(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	const usec_t until = clock_boottime() + CONTINUE_WAIT;
	bool stopped;

	(void)c;
	while ((stopped = is_stopped(u, "T")) && clock_boottime() < until)
		sleep_usec(CONTINUE_PERIOD);
	return stopped ?
		   err_set(e, -EBUSY, "process %d is still stopped", (int)u->num[0]) :
		   0;
}

void
hand_continue(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, "kill -CONT %d", (int)u->num[0]);
}
