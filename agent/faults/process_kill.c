/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.kill: a signal to chosen processes.  Once, they are chosen and held by pidfd when
 * the fault is armed and never looked up again: what took their place meanwhile is not
 * meant.  Every so often, they are chosen anew each time.  Held down, each match is
 * signalled as it comes: the kernel tells of new processes where it can, and all are looked
 * through now and then in any case.  Nothing undoes it; to stop looking is all there is.
 */
#include "fault.h"
#include "proc_events.h"
#include "selection.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEATH_WAIT    (1 * USEC_PER_SEC)
#define POLITE_WAIT   (300 * USEC_PER_MSEC) /* for what a process may handle or ignore */
#define TARGETS_SHOWN 50

/* How often all processes are looked through: seldom where the kernel tells of new ones,
 * and never for more than a twentieth of a CPU. */
#define LOOK_PERIOD      (50 * USEC_PER_MSEC)
#define LOOK_PERIOD_TOLD (1 * USEC_PER_SEC)
#define LOOK_SHARE       20
#define EVENTS_AT_A_TIME 256

enum mode { ONCE, EVERY, HELD };

struct killing {
	enum mode mode;
	int signal;
	struct selector *selector;
	struct selection chosen; /* at the last look */
	size_t gone_before;
	uint64_t signalled;
	unsigned rounds;
	int events; /* -1: the kernel does not tell */
	usec_t next_look;
	usec_t deaf_until; /* events have had their share of the CPU */
	struct process_id
	    *known; /* held down: have had their signal, or are of this look */
	size_t known_count, known_room;
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
process_kill_how(char *buf, size_t size)
{
	struct err why = { 0 };
	int fd = proc_events_open(&why);

	(void)snprintf(buf, size, "%s",
	    fd >= 0 ? "held down: the kernel tells of new processes" :
		      "held down: by looking, the kernel does not tell of new processes");
	proc_events_close(fd);
}

/* --- prepare ---------------------------------------------------------------------------- */

static void
describe_choice(struct fault_run *r, const struct killing *k)
{
	const struct selection *c = &k->chosen;
	char sig[16], remarks[80];
	size_t used;

	for (size_t i = 0; i < c->count && i < TARGETS_SHOWN; i++)
		fault_op(r, "send %s to %s %d",
		    format_signal(k->signal, sig, sizeof(sig)), c->targets[i].comm,
		    c->targets[i].id.pid);
	if (c->count > TARGETS_SHOWN)
		fault_op(r, "… and to %zu more", c->count - TARGETS_SHOWN);
	(void)selection_remarks(c, r->spec, remarks, sizeof(remarks));
	(void)selection_describe(c, r->note, sizeof(r->note) - strlen(remarks));
	used = strlen(r->note);
	(void)snprintf(r->note + used, sizeof(r->note) - used, "%s", remarks);
}

static void
describe_repeats(struct fault_run *r, const struct killing *k)
{
	char sig[16], every[40];

	(void)format_signal(k->signal, sig, sizeof(sig));
	if (k->mode == EVERY)
		fault_op(r, "choose anew and send %s every %s; now that would be %zu",
		    sig,
		    format_usec((usec_t)spec_num(r->spec, "every"), every, sizeof(every)),
		    k->chosen.count);
	else
		fault_op(r,
		    "send %s to every process that matches, as it comes%s; now that "
		    "would be %zu",
		    sig, k->events >= 0 ? " (the kernel tells)" : "", k->chosen.count);
	(void)snprintf(r->note, sizeof(r->note), "%zu process%s now", k->chosen.count,
	    k->chosen.count == 1 ? "" : "es");
}

/* Nobody there is no error for who waits for somebody. */
static int
first_look(struct fault_run *r, struct killing *k, struct err *e)
{
	int rc = selector_choose(k->selector, &k->chosen, e);

	return rc == -ESRCH && k->mode != ONCE && !spec_has(r->spec, "pid") ? 0 : rc;
}

static void
prepare_repeats(struct fault_run *r, struct killing *k)
{
	struct err none = { 0 };

	/* without it nothing more is found */
	undo_add(&r->undo,
	    (struct undo){ .op = UNDO_DESCRIPTOR, .num = { selector_fd(k->selector) } });
	if (k->mode == HELD)
		k->events = proc_events_open(&none);
	describe_repeats(r, k);
}

static int
process_kill_prepare(struct fault_run *r, struct err *e)
{
	struct killing *k = xcalloc(1, sizeof(*k));
	int rc;

	r->state = k;
	r->wake_ms = -1;
	k->events = -1;
	k->signal = (int)spec_num(r->spec, "signal");
	if (r->spec->duration > 0)
		k->mode = spec_has(r->spec, "every") ? EVERY : HELD;
	rc = selector_open(&k->selector, r->spec, r->protect, e);
	if (rc == 0)
		rc = first_look(r, k, e);
	if (rc < 0)
		return rc;
	if (k->mode == ONCE)
		describe_choice(r, k);
	else
		prepare_repeats(r, k);
	return 0;
}

static int
process_kill_stage(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0; /* the targets are held since prepare */
}

/* --- the signal ------------------------------------------------------------------------- */

static bool
is_known(const struct killing *k, struct process_id id)
{
	for (size_t i = 0; i < k->known_count; i++) {
		if (k->known[i].pid == id.pid && k->known[i].start == id.start)
			return true;
	}
	return false;
}

static void
remember(struct killing *k, struct process_id id)
{
	if (k->known_count == k->known_room) {
		k->known_room = k->known_room == 0 ? 64 : 2 * k->known_room;
		k->known = xrealloc(k->known, k->known_room * sizeof(*k->known));
	}
	k->known[k->known_count++] = id;
}

/* 0, or the negative errno of a signal that was refused. */
static int
send(struct killing *k, const struct target *t)
{
	if (syscall(SYS_pidfd_send_signal, t->pidfd, k->signal, NULL, 0) == 0) {
		k->signalled++;
		return 0;
	}
	if (errno != ESRCH)
		return -errno;
	k->gone_before++;
	return 0;
}

/* Everyone gets the signal before anyone's failure is looked at. */
static int
send_all(struct fault_run *r, struct err *e)
{
	struct killing *k = r->state;
	const struct target *refused = NULL;
	int why = 0;

	for (size_t i = 0; i < k->chosen.count; i++) {
		const struct target *t = &k->chosen.targets[i];
		int rc = k->mode == HELD && is_known(k, t->id) ? 0 : send(k, t);

		if (rc < 0) {
			why = rc;
			refused = t;
		}
	}
	r->effect = k->signalled;
	if (refused == NULL)
		return 0;
	return err_set(e, why, "signal %s %d: %s (%" PRIu64 " others were signalled)",
	    refused->comm, refused->id.pid, strerror(-why), k->signalled);
}

static void
tell(struct fault_run *r, const struct killing *k)
{
	int n = snprintf(r->note, sizeof(r->note), "%" PRIu64 " process%s signalled",
	    k->signalled, k->signalled == 1 ? "" : "es");

	if (k->mode == EVERY)
		(void)snprintf(r->note + n, sizeof(r->note) - (size_t)n, " in %u round%s",
		    k->rounds, k->rounds == 1 ? "" : "s");
	else if (k->mode == HELD)
		(void)snprintf(r->note + n, sizeof(r->note) - (size_t)n,
		    "; those that come are, too");
}

/* Choose and signal, as of now.  Who is not there, or only protected, may yet come. */
static int
look(struct fault_run *r, struct err *e)
{
	struct killing *k = r->state;
	const usec_t begin = clock_boottime();
	const usec_t period = k->events >= 0 ? LOOK_PERIOD_TOLD : LOOK_PERIOD;
	struct err why = { 0 };
	usec_t took;
	int rc;

	selection_release(&k->chosen);
	rc = selector_choose(k->selector, &k->chosen, &why);
	if (rc < 0 && rc != -ESRCH && why.outcome != OUTCOME_REFUSED) {
		*e = why;
		return rc;
	}
	k->rounds++;
	rc = send_all(r, e);
	k->known_count = 0;
	for (size_t i = 0; k->mode == HELD && i < k->chosen.count; i++)
		remember(k, k->chosen.targets[i].id);
	tell(r, k);
	took = clock_boottime() - begin;
	k->next_look =
	    k->mode == EVERY ?
		k->next_look + (usec_t)spec_num(r->spec, "every") :
		begin + (took * LOOK_SHARE > period ? took * LOOK_SHARE : period);
	return rc;
}

static int
wait_ms(usec_t until, usec_t now)
{
	return until <= now ? 0 : (int)((until - now) / USEC_PER_MSEC) + 1;
}

static void
plan_next(struct fault_run *r, const struct killing *k)
{
	const usec_t now = clock_boottime();
	const bool is_deaf = now < k->deaf_until;

	r->wake_ms = wait_ms(k->next_look, now);
	if (is_deaf && wait_ms(k->deaf_until, now) < r->wake_ms)
		r->wake_ms = wait_ms(k->deaf_until, now);
	r->fds_count = k->events >= 0 && !is_deaf ? 1 : 0;
	r->fds[0] = (struct pollfd){ .fd = k->events, .events = POLLIN };
}

static int
process_kill_apply(struct fault_run *r, struct err *e)
{
	struct killing *k = r->state;

	if (k->mode == ONCE) {
		if (send_all(r, e) < 0)
			return e->code;
		return k->signalled > 0 ? 0 :
					  err_set(e, -ESRCH,
					      "no process left to signal: all %zu had "
					      "ended by themselves",
					      k->chosen.count);
	}
	k->next_look = clock_boottime();
	if (look(r, e) < 0)
		return e->code;
	plan_next(r, k);
	return 0;
}

/* --- what became of it ------------------------------------------------------------------ */

/* How many are still there when time is up.  A zombie counts as gone. */
static size_t
wait_for_deaths(const struct selection *c, usec_t wait)
{
	const usec_t until = clock_boottime() + wait;
	size_t alive = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct pollfd p = { .fd = c->targets[i].pidfd, .events = POLLIN };

		if (poll(&p, 1, wait_ms(until, clock_boottime())) <= 0)
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

/* --- again and again -------------------------------------------------------------------- */

/* The kernel told of one: it may be meant.  A refusal is told at the next look. */
static void
on_event(void *ctx, pid_t pid)
{
	struct killing *k = ctx;
	struct target t;

	if (!selector_takes(k->selector, pid, &t))
		return;
	if (!is_known(k, t.id) && send(k, &t) == 0)
		remember(k, t.id);
	(void)close(t.pidfd); /* a pidfd has nothing to lose */
}

/* However many processes come and go, they get their share of a CPU and no more. */
static void
take_events(struct fault_run *r, struct killing *k)
{
	const usec_t begin = clock_boottime();

	if (proc_events_read(k->events, EVENTS_AT_A_TIME, on_event, k) < 0)
		k->next_look = begin; /* some were lost */
	k->deaf_until = begin + (clock_boottime() - begin) * LOOK_SHARE;
	if (r->effect != k->signalled)
		tell(r, k);
	r->effect = k->signalled;
}

static int
process_kill_hold(struct fault_run *r, struct err *e)
{
	struct killing *k = r->state;

	if (k->mode == ONCE)
		return 0;
	if (k->events >= 0 && clock_boottime() >= k->deaf_until)
		take_events(r, k);
	if (clock_boottime() >= k->next_look && look(r, e) < 0)
		return e->code;
	plan_next(r, k);
	return 0;
}

static int
process_kill_release(struct fault_run *r, struct err *e)
{
	struct killing *k = r->state;

	(void)e;
	proc_events_close(k->events);
	k->events = -1;
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
	.how = process_kill_how,
	.prepare = process_kill_prepare,
	.stage = process_kill_stage,
	.apply = process_kill_apply,
	.verify = process_kill_verify,
	.hold = process_kill_hold,
	.release = process_kill_release,
	.syscalls = syscalls,
};
