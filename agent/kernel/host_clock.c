/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two clocks cannot be read at one instant, so one of each pair is read on both sides of
 * the other and the narrowest of some tries is taken.  The clock is set relative to what
 * it shows (ADJ_SETOFFSET): nothing that happens between reading and setting adds to it.
 */
#include "host_clock.h"

#include "err.h"
#include <errno.h>
#include <sys/timex.h>
#include <time.h>

#define NSEC_PER_SEC  INT64_C(1000000000)
#define TRIES         16
#define TICK_PPB      INT64_C(100000) /* one µs of 10000 is 100 ppm */
#define FREQ_PART_PPB INT64_C(50000)  /* the most that is left for freq */

static int64_t
nanoseconds(clockid_t id)
{
	struct timespec t = { 0 };

	(void)clock_gettime(id, &t); /* fails for no clock that there is */
	return (int64_t)t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* a - b; *ret_b is when that was. */
static int64_t
difference(clockid_t a, clockid_t b, int64_t *ret_b)
{
	int64_t best = INT64_MAX, found = 0;

	for (int i = 0; i < TRIES; i++) {
		const int64_t before = nanoseconds(b), other = nanoseconds(a);
		const int64_t width = nanoseconds(b) - before;

		if (width >= best)
			continue;
		best = width;
		*ret_b = before + width / 2;
		found = other - *ret_b;
	}
	return found;
}

int
host_clock_read(struct host_clock *ret, struct err *e)
{
	struct timex t = { .modes = 0 };
	int64_t boottime = 0;

	if (adjtimex(&t) < 0)
		return err_errno(e, "read the state of the clock");
	*ret = (struct host_clock){
		.rate = { .tick = t.tick, .freq = t.freq },
		.status = t.status,
		.maxerror = t.maxerror,
		.esterror = t.esterror,
	};
	ret->lead = difference(CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, &ret->raw);
	ret->offset = difference(CLOCK_REALTIME, CLOCK_BOOTTIME, &boottime);
	return 0;
}

int
host_clock_shift(int64_t ns, struct err *e)
{
	struct timex t = { .modes = ADJ_SETOFFSET | ADJ_NANO };

	/* tv_usec holds ns, and is never negative */
	t.time.tv_sec = (time_t)(ns / NSEC_PER_SEC);
	t.time.tv_usec = (suseconds_t)(ns % NSEC_PER_SEC);
	if (t.time.tv_usec < 0) {
		t.time.tv_sec--;
		t.time.tv_usec += NSEC_PER_SEC;
	}
	return adjtimex(&t) < 0 ? err_errno(e, "set the clock") : 0;
}

int
host_clock_set_rate(const struct clock_rate *r, struct err *e)
{
	struct timex t = {
		.modes = ADJ_TICK | ADJ_FREQUENCY,
		.tick = (long)r->tick,
		.freq = (long)r->freq,
	};

	return adjtimex(&t) < 0 ? err_errno(e, "set the rate of the clock") : 0;
}

/* Only this bit: the others belong to whoever disciplines the clock. */
static int
set_status(int set, int clear, struct timex *t, struct err *e)
{
	struct timex now = { .modes = 0 };

	if (adjtimex(&now) < 0)
		return err_errno(e, "read the state of the clock");
	t->modes |= ADJ_STATUS;
	t->status = (now.status | set) & ~clear;
	return adjtimex(t) < 0 ? err_errno(e, "set the state of the clock") : 0;
}

int
host_clock_unsync(struct err *e)
{
	struct timex t = { .modes = 0 };

	return set_status(STA_UNSYNC, 0, &t, e);
}

int
host_clock_sync(int64_t maxerror, int64_t esterror, struct err *e)
{
	struct timex t = {
		.modes = ADJ_MAXERROR | ADJ_ESTERROR,
		.maxerror = (long)maxerror,
		.esterror = (long)esterror,
	};

	return set_status(0, STA_UNSYNC, &t, e);
}

int64_t
clock_rate_ppb(const struct clock_rate *r)
{
	return (r->tick - CLOCK_RATE_NONE.tick) * TICK_PPB + r->freq * 1000 / (1 << 16);
}

int
clock_rate_of(int64_t ppb, struct clock_rate *ret)
{
	const int64_t half = ppb < 0 ? -FREQ_PART_PPB : FREQ_PART_PPB;
	struct clock_rate r = CLOCK_RATE_NONE;
	int64_t rest;

	if (ppb > 2000 * TICK_PPB || ppb < -2000 * TICK_PPB)
		return -ERANGE;
	r.tick += (ppb + half) / TICK_PPB;
	if (r.tick > CLOCK_TICK_MAX)
		r.tick = CLOCK_TICK_MAX;
	if (r.tick < CLOCK_TICK_MIN)
		r.tick = CLOCK_TICK_MIN;
	rest = ppb - (r.tick - CLOCK_RATE_NONE.tick) * TICK_PPB;
	r.freq = rest * (1 << 16) / 1000;
	if (r.freq > CLOCK_FREQ_MAX || r.freq < -CLOCK_FREQ_MAX)
		return -ERANGE;
	*ret = r;
	return 0;
}
