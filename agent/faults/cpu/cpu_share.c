/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Busy is what the wall clock has more than the idle clock.  That one is right but coarse: it
 * goes in steps of 10 ms, a whole percent of a second.  What tasks ran is known to the
 * microsecond, but not all that is busy is a task.  So the fine clock is followed at once,
 * and what it does not see, which changes slowly, is learned from the coarse one:
 *
 *   hidden  the rate of what the fine clock misses.  Each window back in time gives an
 *           interval that it must lie in as long as nothing changed; windows are taken,
 *           short ones first, for as long as their intervals have a point in common.
 *   busy    the fine clock's steps plus hidden, drawn back into what the coarse clock allows.
 *   debt    what was asked less busy: paid, or taken back, over the next moment.
 *
 * Without a fine clock all that others do is hidden, and everything is slower.
 */
#include "cpu_share.h"
#include <math.h>
#include <stdbool.h>

#define WHOLE      1000000
#define TICK       10000   /* µs: a step of the idle clock */
#define RING_STEP  200000  /* µs between two samples that are kept: 12.8 s in all */
#define WINDOW_MIN 300000  /* µs: below this the steps drown the answer */
#define SURE       20000   /* millionths: an interval this narrow may be halved */
#define DRAW_OVER  1000000 /* µs: how slowly busy follows the coarse clock */
#define DRAW_MAX   20000   /* µs: but never farther behind it */
#define KNOWN      20000 /* µs: before that nothing is known of others, and nothing added */
#define RECENT     400000 /* µs: over which others are averaged */
/* µs: a burst of others is made up for, but old misses are no reason to be off now */
#define DEBT_MAX   50000
#define PAY_FINE   80000   /* µs */
#define PAY_COARSE 1000000 /* µs */

struct interval {
	int64_t low, high; /* millionths of a CPU */
};

static double
clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

void
cpu_share_init(struct cpu_share *s, enum cpu_told told, uint32_t most)
{
	*s = (struct cpu_share){ .told = told, .most = most };
}

static bool
is_fine(const struct cpu_share *s)
{
	return s->told == CPU_TOLD_WHOLLY || s->last.known > s->last.used;
}

static bool
has_idle(const struct cpu_share *s, const struct cpu_sample *now)
{
	return s->told == CPU_TOLD_IDLE && now->idle != CPU_IDLE_UNREAD;
}

static struct interval
hidden_between(const struct cpu_sample *from, const struct cpu_sample *to)
{
	const int64_t wall = (int64_t)(to->wall - from->wall);
	const int64_t hidden =
	    wall - (int64_t)(to->idle - from->idle) - (int64_t)(to->known - from->known);

	return (struct interval){
		.low = (hidden - TICK) * WHOLE / wall,
		.high = (hidden + TICK) * WHOLE / wall,
	};
}

/* The last value stays as long as nothing says otherwise. */
static void
learn_hidden(struct cpu_share *s, const struct cpu_sample *now)
{
	struct interval known = { 0, WHOLE };
	const size_t kept = s->count < CPU_SAMPLES_MAX ? s->count : CPU_SAMPLES_MAX;

	for (size_t back = 1; back <= kept; back++) {
		const struct cpu_sample *then =
		    &s->ring[(s->count - back) % CPU_SAMPLES_MAX];
		struct interval seen;

		if (now->wall - then->wall < WINDOW_MIN)
			continue;
		seen = hidden_between(then, now);
		if (seen.low > known.high || seen.high < known.low)
			break; /* something changed since then */
		known.low = seen.low > known.low ? seen.low : known.low;
		known.high = seen.high < known.high ? seen.high : known.high;
	}
	if (known.high - known.low <= SURE)
		s->hidden = (known.low + known.high) / 2;
	else
		s->hidden = (int64_t)clamp(
		    (double)s->hidden, (double)known.low, (double)known.high);
}

/* The coarse clock allows any point of one tick. */
static double
drawn(double busy, const struct cpu_sample *now, double wall)
{
	const double high = (double)(int64_t)(now->wall - now->idle);
	const double gap = clamp(busy, high - TICK, high) - busy;

	if (fabs(gap) > DRAW_MAX)
		return busy + gap;
	return busy + gap * clamp(wall / DRAW_OVER, 0, 1);
}

static void
keep(struct cpu_share *s, const struct cpu_sample *now)
{
	if (now->idle == CPU_IDLE_UNREAD)
		return;
	if (s->count == 0 ||
	    now->wall - s->ring[(s->count - 1) % CPU_SAMPLES_MAX].wall >= RING_STEP)
		s->ring[s->count++ % CPU_SAMPLES_MAX] = *now;
}

void
cpu_share_add(struct cpu_share *s, const struct cpu_sample *now)
{
	const double wall = (double)(now->wall - s->last.wall);
	const double ours = (double)(now->used - s->last.used);
	double others;

	if (s->count == 0) {
		s->busy = s->told == CPU_TOLD_IDLE ?
			      (double)(int64_t)(now->wall - now->idle) - TICK / 2.0 :
			      (double)now->known;
		s->last = *now;
		keep(s, now);
		return;
	}
	if (now->wall == s->last.wall)
		return;
	if (has_idle(s, now))
		learn_hidden(s, now);
	s->age += wall;
	others = (double)(int64_t)(now->known - s->last.known) - ours;
	/* the fine clock may tell late, and then of more than fits */
	s->others += (clamp(others / wall, -1, 1) * WHOLE - s->others) *
		     clamp(wall / (s->age < RECENT ? s->age : RECENT), 0, 1);
	s->busy += ours + others + (double)s->hidden * wall / WHOLE;
	if (has_idle(s, now))
		s->busy = drawn(s->busy, now, wall);
	s->last = *now;
	keep(s, now);
}

void
cpu_share_begin(struct cpu_share *s)
{
	s->has_begun = true;
	s->begin_wall = s->judged_wall = s->last.wall;
	s->busy_begin = s->busy_judged = s->busy;
	s->debt = 0;
}

uint32_t
cpu_share_of(struct cpu_share *s, uint32_t asked)
{
	const double pay_over = is_fine(s) ? PAY_FINE : PAY_COARSE;

	if (s->has_begun && s->last.wall > s->judged_wall) {
		const double wall = (double)(s->last.wall - s->judged_wall);
		const double missed = wall * asked / WHOLE - (s->busy - s->busy_judged);

		s->debt = clamp(s->debt + missed, -DEBT_MAX, DEBT_MAX);
	}
	s->judged_wall = s->last.wall;
	s->busy_judged = s->busy;
	s->given = (uint32_t)clamp(
	    (double)asked - cpu_share_others(s) + s->debt * WHOLE / pay_over, 0, s->most);
	return s->given;
}

uint32_t
cpu_share_given(const struct cpu_share *s)
{
	return s->given;
}

uint32_t
cpu_share_seen(const struct cpu_share *s)
{
	const uint64_t wall = s->last.wall - s->begin_wall;

	if (!s->has_begun || wall == 0)
		return 0;
	return (uint32_t)clamp(
	    (s->busy - s->busy_begin) / (double)wall * WHOLE, 0, UINT32_MAX);
}

uint32_t
cpu_share_others(const struct cpu_share *s)
{
	return (uint32_t)clamp(s->others + (double)s->hidden, 0, UINT32_MAX);
}
