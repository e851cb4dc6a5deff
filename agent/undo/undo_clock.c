/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock set right: first its rate, so that nothing is added to what is measured next,
 * then its time.  Whether the kernel may take it for synchronised again depends on both.
 */
#include "undo_table.h"

#include "clock.h"
#include "clock_debt.h"
#include "log.h"
#include "parse.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>

#define NSEC_PER_SEC   INT64_C(1000000000)
#define ERROR_US_PER_S 500 /* what the kernel adds to the maximal error of its clock */

static int
judge(
    const struct undo *u, struct clock_promise *p, struct clock_debt *ret, struct err *e)
{
	struct host_clock now;

	if (!clock_promise_read(u, p))
		return err_set(e, -EINVAL, "not the state of a clock");
	if (host_clock_read(&now, e) < 0)
		return e->code;
	clock_judge(p, &now, ret);
	return 0;
}

/* As synchronised as it would be by now, if it was. */
static int
give_back_sync(const struct clock_promise *p, struct err *e)
{
	struct host_clock now;
	int64_t seconds;

	if ((p->was.status & STA_UNSYNC) != 0)
		return 0;
	if (host_clock_read(&now, e) < 0)
		return e->code;
	if ((now.status & STA_UNSYNC) == 0)
		return 0;
	seconds = (now.raw - p->was.raw) / NSEC_PER_SEC;
	return host_clock_sync(
	    p->was.maxerror + seconds * ERROR_US_PER_S, p->was.esterror, e);
}

int
run_clock(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct clock_promise p;
	struct clock_debt d;
	int rc = judge(u, &p, &d, e);

	(void)c;
	if (rc == 0 && d.rate == CLOCK_OURS)
		rc = host_clock_set_rate(&p.was.rate, e);
	else if (rc == 0 && d.rate == CLOCK_THEIRS)
		log_notice("the rate of the clock is somebody else's now: left as it is");
	if (rc == 0)
		rc = judge(u, &p, &d, e);
	if (rc == 0 && d.time == CLOCK_OURS)
		rc = host_clock_shift(d.shift, e);
	if (rc < 0)
		return rc;
	if (d.time != CLOCK_THEIRS)
		return give_back_sync(&p, e);
	log_warn("somebody else has set the clock since: left as it is, %+.3f s off what "
		 "it would show",
	    (double)d.error / NSEC_PER_SEC);
	return 0;
}

int
check_clock(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct clock_promise p;
	struct clock_debt d;

	(void)c;
	if (judge(u, &p, &d, e) < 0)
		return e->code;
	if (d.rate == CLOCK_OURS)
		return err_set(
		    e, -EBUSY, "the clock still runs at the rate the fault gave it");
	if (d.time == CLOCK_OURS)
		return err_set(e, -EBUSY, "the clock is still %+.3f s off",
		    (double)d.error / NSEC_PER_SEC);
	return 0;
}

bool
ours_clock(const struct undo *u, const char *fault)
{
	struct clock_promise p;

	(void)fault; /* there is one clock, and it bears no name */
	return clock_promise_read(u, &p);
}

/* /proc/uptime is CLOCK_BOOTTIME. */
void
hand_clock(const struct undo *u, char *buf, size_t size)
{
	struct clock_promise p;

	buf[0] = '\0';
	if (!clock_promise_read(u, &p))
		return;
	(void)snprintf(buf, size,
	    "date -s @$(awk '{printf \"%%.2f\", $1 + %" PRId64 ".%02" PRId64
	    "}' /proc/uptime)",
	    p.was.offset / NSEC_PER_SEC, p.was.offset % NSEC_PER_SEC / 10000000);
	if (p.step == 0)
		(void)snprintf(buf, size,
		    "adjtimex --tick %" PRId64 " --frequency %" PRId64
		    "; then set the clock by NTP, or date -s",
		    p.was.rate.tick, p.was.rate.freq);
}
