/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.clock: the wall clock is wrong, by a step or by its rate.  Nothing of ours goes by
 * it: leases, deadlines and timelines are on CLOCK_BOOTTIME, which a step leaves alone (a
 * drift is its, too: then they end that much sooner or later).
 *
 * For its time the clock counts as unsynchronised, so that the kernel does not write the
 * wrong time to the hardware clock every eleven minutes.  What an NTP daemon makes of it is
 * its own affair and part of the experiment: it is noted, and whatever it does is told
 * apart from what we did (clock_debt.c).
 */
#include "cleanup.h"
#include "clock.h"
#include "clock_debt.h"
#include "fault.h"
#include "parse.h"
#include "proc.h"
#include "process.h"
#include "spared.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC INT64_C(1000000000)
#define HOLD_MS      250
#define DAEMONS_MAX  8

enum { NTP_LEAVE, NTP_PAUSE };

struct clock_fault {
	struct clock_promise promise;
	bool pauses;
	struct process_id daemon[DAEMONS_MAX];
	size_t daemon_count;
	struct spared spared;
	struct err *why; /* of the walk through the processes */
};

static int
host_clock_supported(struct err *e)
{
	struct host_clock c;

	if ((caps_permitted() & CAP_BIT(CAP_SYS_TIME)) == 0)
		return err_unsupported(
		    e, "the agent has no CAP_SYS_TIME here: nobody may set this clock");
	return host_clock_read(&c, e);
}

/* --- who else sets it -------------------------------------------------------------------- */

/* The first 15 bytes of their names. */
static const char *const daemons[] = { "chronyd", "ntpd", "ntpd-rs", "systemd-timesyn",
	"openntpd", "ptp4l", "phc2sys" };

static bool
is_daemon(const char *comm)
{
	for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
		if (strcmp(comm, daemons[i]) == 0)
			return true;
	}
	return false;
}

static int
note_daemon(void *ctx, const struct proc *p, int dir)
{
	struct fault_run *r = ctx;
	struct clock_fault *f = r->state;
	const char *why;

	if (!is_daemon(p->comm) || f->daemon_count == DAEMONS_MAX)
		return 0;
	(void)snprintf(r->note, sizeof(r->note), "%s %d %s", p->comm, p->id.pid,
	    f->pauses ? "is paused" : "runs here and may set the clock right");
	why = f->pauses ? spared_why(&f->spared, p, dir) : NULL;
	if (why != NULL)
		return err_refused(
		    f->why, "%s %d must not be paused: %s", p->comm, p->id.pid, why);
	f->daemon[f->daemon_count++] = p->id;
	return 0;
}

/* Continued after the clock is right again: its operation is older. */
static int
find_daemons(struct fault_run *r, struct err *e)
{
	struct clock_fault *f = r->state;
	int rc;

	f->pauses = spec_num(r->spec, "ntp") == NTP_PAUSE;
	f->why = e;
	spared_look(&f->spared, r->protect);
	rc = proc_each(note_daemon, r, e);
	for (size_t i = 0; rc == 0 && f->pauses && i < f->daemon_count; i++) {
		undo_add(&r->undo,
		    (struct undo){ .op = UNDO_CONTINUE,
			.num = { f->daemon[i].pid, (int64_t)f->daemon[i].start } });
		fault_op(
		    r, "apply: SIGSTOP to the NTP daemon, process %d", f->daemon[i].pid);
	}
	return rc;
}

/* One that has ended since sets no clock. */
static int
pause_daemons(const struct clock_fault *f, struct err *e)
{
	for (size_t i = 0; f->pauses && i < f->daemon_count; i++) {
		_cleanup_close_ int fd = process_id_open(f->daemon[i]);

		if (fd >= 0 && syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0) < 0 &&
		    errno != ESRCH)
			return err_errno(
			    e, "pause the NTP daemon, process %d", f->daemon[i].pid);
	}
	return 0;
}

/* --- its life ---------------------------------------------------------------------------- */

/* The kernel keeps the clock between its own uptime and the year 2232. */
static int
check_reach(const struct clock_promise *p, struct err *e)
{
	struct timespec now, monotonic;
	int64_t to;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	to = now.tv_sec + p->step / NSEC_PER_SEC;
	if (to > monotonic.tv_sec && to < INT64_MAX / NSEC_PER_SEC)
		return 0;
	return err_invalid(e, "such a step leads to a time no clock of Linux can show");
}

static int
plan_drift(const struct spec *s, struct clock_promise *p, struct err *e)
{
	const int64_t ppb = spec_num(s, "drift");

	if (clock_rate_of(clock_rate_ppb(&p->was.rate) + ppb, &p->drift) == 0)
		return 0;
	return err_invalid(e,
	    "the clock is steered by %.3f ppm as it is, and so much more is beyond what "
	    "the kernel can",
	    (double)clock_rate_ppb(&p->was.rate) / 1e3);
}

static void
describe(struct fault_run *r, const struct clock_promise *p)
{
	char text[40], wall[40];

	if (p->step != 0)
		fault_op(r, "apply: set the clock by %s, now that is to %s",
		    spec_format(r->spec, "step", text, sizeof(text)),
		    clock_iso8601((usec_t)((int64_t)clock_wall() + p->step / 1000), wall,
			sizeof(wall)));
	else
		fault_op(r,
		    "apply: let the clock run at %s (tick %" PRId64 ", freq %" PRId64 ")",
		    spec_format(r->spec, "drift", text, sizeof(text)), p->drift.tick,
		    p->drift.freq);
	fault_op(r, "apply: mark it unsynchronised, so that the hardware clock is kept");
}

static int
host_clock_prepare(struct fault_run *r, struct err *e)
{
	struct clock_fault *f = xcalloc(1, sizeof(*f));
	struct clock_promise *p = &f->promise;
	int rc;

	r->state = f;
	if (host_clock_read(&p->was, e) < 0)
		return e->code;
	p->drift = p->was.rate;
	if (spec_has(r->spec, "step")) {
		p->step = spec_num(r->spec, "step") * 1000;
		rc = check_reach(p, e);
	} else {
		rc = plan_drift(r->spec, p, e);
	}
	if (rc == 0)
		rc = find_daemons(r, e);
	if (rc < 0)
		return rc;
	undo_add(&r->undo, clock_promise_undo(p));
	describe(r, p);
	r->wake_ms = HOLD_MS;
	return 0;
}

static int
host_clock_stage(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0;
}

/* Whoever set the clock since it was armed has made another promise of it. */
static int
check_unchanged(const struct clock_promise *p, struct err *e)
{
	struct host_clock now;
	struct clock_debt d;

	if (host_clock_read(&now, e) < 0)
		return e->code;
	clock_judge(p, &now, &d);
	if (d.time == CLOCK_TRUE)
		return 0;
	return err_set(e, -EBUSY,
	    "the clock was set by somebody else (by %+.3f s) after the fault was armed",
	    (double)d.error / NSEC_PER_SEC);
}

static int
host_clock_apply(struct fault_run *r, struct err *e)
{
	const struct clock_fault *f = r->state;
	const struct clock_promise *p = &f->promise;

	if (check_unchanged(p, e) < 0 || pause_daemons(f, e) < 0 ||
	    host_clock_unsync(e) < 0)
		return e->code;
	return p->step != 0 ? host_clock_shift(p->step, e) :
			      host_clock_set_rate(&p->drift, e);
}

/* How far the clock is off, and whether that is still our doing. */
static int
look(struct fault_run *r, bool *ret_is_ours, struct err *e)
{
	const struct clock_fault *f = r->state;
	const struct clock_promise *p = &f->promise;
	struct host_clock now;
	struct clock_debt d;

	if (host_clock_read(&now, e) < 0)
		return e->code;
	clock_judge(p, &now, &d);
	*ret_is_ours = p->step != 0 ? d.time == CLOCK_OURS : d.rate == CLOCK_OURS;
	r->effect = (uint64_t)(llabs(d.error) / (NSEC_PER_SEC / 1000));
	return 0;
}

static int
host_clock_verify(struct fault_run *r, struct err *e)
{
	bool is_ours;

	if (look(r, &is_ours, e) < 0)
		return e->code;
	return is_ours ? 0 :
			 err_set(e, -EIO, "the clock was set, and does not show it: %s",
			     r->note[0] != '\0' ? r->note : "somebody set it right");
}

static int
host_clock_hold(struct fault_run *r, struct err *e)
{
	bool is_ours;

	if (look(r, &is_ours, e) < 0)
		return e->code;
	r->lost = r->lost || !is_ours;
	return 0;
}

static const int syscalls[] = { SCMP_SYS(adjtimex), SCMP_SYS(capget),
	SCMP_SYS(clock_adjtime), SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_send_signal), -1 };

const struct fault fault_host_clock = {
	.kind = &kind_host_clock,
	.effect_unit = "ms off",
	.supported = host_clock_supported,
	.how = fault_how_plain,
	.prepare = host_clock_prepare,
	.stage = host_clock_stage,
	.apply = host_clock_apply,
	.verify = host_clock_verify,
	.hold = host_clock_hold,
	.release = fault_release_nothing,
	.syscalls = syscalls,
};
