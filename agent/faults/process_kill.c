/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.kill: one signal to chosen processes.  They are chosen and held by pidfd when the
 * fault is armed and never looked up again: what took their place meanwhile is not meant.
 * Nothing undoes it, so the list of undo operations is empty.
 */
#include "fault.h"
#include "selection.h"
#include "xalloc.h"
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEATH_WAIT    (1 * USEC_PER_SEC)
#define POLITE_WAIT   (300 * USEC_PER_MSEC) /* for what a process may handle or ignore */
#define TARGETS_SHOWN 50

struct killing {
	struct selection chosen;
	int signal;
	size_t signalled;
	size_t gone_before;
};

static int
process_kill_supported(struct err *e)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	long rc = fd < 0 ? fd : syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0);

	if (fd >= 0)
		(void)close(fd); /* a pidfd has nothing to lose */
	return rc == 0 ? 0 :
			 err_unsupported(e,
			     "this kernel has no pidfd_open or no pidfd_send_signal: "
			     "process.kill needs Linux 5.3");
}

static void
describe_plan(struct fault_run *r, const struct killing *k)
{
	const struct selection *c = &k->chosen;
	char sig[16];

	for (size_t i = 0; i < c->count && i < TARGETS_SHOWN; i++)
		fault_op(r, "send %s to %s %d",
		    format_signal(k->signal, sig, sizeof(sig)), c->targets[i].comm,
		    c->targets[i].id.pid);
	if (c->count > TARGETS_SHOWN)
		fault_op(r, "… and to %zu more", c->count - TARGETS_SHOWN);
	(void)selection_describe(c, r->note, sizeof(r->note));
}

/* What the choice did not show by itself: a seed to repeat it by, fewer than asked. */
static void
note_choice(struct fault_run *r, const struct killing *k)
{
	const struct selection *c = &k->chosen;
	const int64_t asked = spec_num(r->spec, "count");
	size_t used = strlen(r->note);

	if (c->seed != 0 && !spec_has(r->spec, "seed"))
		(void)snprintf(r->note + used, sizeof(r->note) - used, "; seed=%llu",
		    (unsigned long long)c->seed);
	else if (asked > 0 && c->count < (uint64_t)asked)
		(void)snprintf(r->note + used, sizeof(r->note) - used,
		    "; %lld were asked for", (long long)asked);
}

static int
process_kill_prepare(struct fault_run *r, struct err *e)
{
	struct killing *k = xcalloc(1, sizeof(*k));
	int rc;

	r->state = k;
	k->signal = (int)spec_num(r->spec, "signal");
	rc = selection_make(&k->chosen, r->spec, r->protect, e);
	if (rc < 0)
		return rc;
	describe_plan(r, k);
	note_choice(r, k);
	r->wake_ms = -1;
	return 0;
}

static int
process_kill_stage(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0; /* the targets are held since prepare */
}

/* Everyone gets the signal before anyone's failure is looked at. */
static int
process_kill_apply(struct fault_run *r, struct err *e)
{
	struct killing *k = r->state;
	const struct target *refused = NULL;
	int why = 0;

	for (size_t i = 0; i < k->chosen.count; i++) {
		const struct target *t = &k->chosen.targets[i];

		if (syscall(SYS_pidfd_send_signal, t->pidfd, k->signal, NULL, 0) == 0) {
			k->signalled++;
		} else if (errno == ESRCH) {
			k->gone_before++;
		} else {
			why = -errno;
			refused = t;
		}
	}
	r->effect = k->signalled;
	if (refused != NULL)
		return err_set(e, why, "signal %s %d: %s (%zu others were signalled)",
		    refused->comm, refused->id.pid, strerror(-why), k->signalled);
	if (k->signalled == 0)
		return err_set(e, -ESRCH,
		    "no process left to signal: all %zu had ended by themselves",
		    k->chosen.count);
	return 0;
}

/* How many are still there when time is up.  A zombie counts as gone. */
static size_t
wait_for_deaths(const struct selection *c, usec_t wait)
{
	const usec_t until = clock_boottime() + wait;
	size_t alive = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct pollfd p = { .fd = c->targets[i].pidfd, .events = POLLIN };
		usec_t now = clock_boottime();
		int left = now < until ? (int)((until - now) / USEC_PER_MSEC) + 1 : 0;

		if (poll(&p, 1, left) <= 0)
			alive++;
	}
	return alive;
}

/* What stops a process is refused by the kind; what is left ends it, but for these. */
static bool
ends_by_default(int signal)
{
	return signal != SIGCHLD && signal != SIGURG && signal != SIGWINCH &&
	       signal != SIGCONT;
}

static void
add_note(struct fault_run *r, size_t count, const char *what)
{
	size_t used = strlen(r->note);

	if (count > 0)
		(void)snprintf(
		    r->note + used, sizeof(r->note) - used, "; %zu %s", count, what);
}

static int
process_kill_verify(struct fault_run *r, struct err *e)
{
	struct killing *k = r->state;
	size_t alive = 0;

	if (ends_by_default(k->signal))
		alive = wait_for_deaths(
		    &k->chosen, k->signal == SIGKILL ? DEATH_WAIT : POLITE_WAIT);
	if (alive > 0 && k->signal == SIGKILL)
		return err_set(e, -ETIMEDOUT,
		    "%zu of %zu processes still live a second after SIGKILL: "
		    "in uninterruptible sleep?",
		    alive, k->chosen.count);
	add_note(r, k->gone_before, "had ended by themselves before the signal");
	add_note(r, alive, "still alive after it");
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(getdents64),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(poll),
	SCMP_SYS(prlimit64),
	SCMP_SYS(readlinkat),
	-1,
};

const struct fault fault_process_kill = {
	.kind = &kind_process_kill,
	.effect_unit = "processes",
	.supported = process_kill_supported,
	.how = fault_how_plain,
	.prepare = process_kill_prepare,
	.stage = process_kill_stage,
	.apply = process_kill_apply,
	.verify = process_kill_verify,
	.hold = fault_hold_nothing,
	.release = fault_release_nothing,
	.syscalls = syscalls,
};
