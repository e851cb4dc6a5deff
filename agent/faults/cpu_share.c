/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others use is the wall clock less idle time less ours.  Idle time comes in steps of
 * 10 ms, so one tenth of a second tells others' use to no better than 10 %, ten seconds to
 * 0.1 %: but others change.  Each window back in time gives an interval that the truth must
 * lie in as long as nothing changed; windows are taken, short ones first, for as long as
 * their intervals have a point in common.
 *
 * That estimate lags behind others who come in bursts; what was missed or overshot since
 * is kept as a debt and paid over the next second.
 */
#include "cpu_share.h"
#include <stdbool.h>

#define STEP       10000  /* µs: USER_HZ, twice as the ends are rounded alike */
#define WINDOW_MIN 300000 /* µs: below this the steps drown the answer */
#define WHOLE      1000000
#define DEBT_MAX   50000   /* µs: old misses are no reason to be off now */
#define PAY_OVER   1000000 /* µs */

struct interval {
	int64_t low, high; /* millionths of a CPU */
};

static const struct cpu_sample *
sample(const struct cpu_share *s, size_t back)
{
	return &s->ring[(s->count - 1 - back) % SAMPLES_MAX];
}

void
cpu_share_add(struct cpu_share *s, const struct cpu_sample *now)
{
	s->ring[s->count++ % SAMPLES_MAX] = *now;
}

void
cpu_share_begin(struct cpu_share *s)
{
	s->begin = *sample(s, 0);
}

static struct interval
others_between(const struct cpu_sample *from, const struct cpu_sample *to)
{
	const int64_t wall = (int64_t)(to->wall - from->wall);
	const int64_t others =
	    wall - (int64_t)(to->idle - from->idle) - (int64_t)(to->used - from->used);

	return (struct interval){
		.low = (others - STEP) * WHOLE / wall,
		.high = (others + STEP) * WHOLE / wall,
	};
}

static uint32_t
others_use(const struct cpu_share *s)
{
	struct interval known = { 0, WHOLE };
	const size_t kept = s->count < SAMPLES_MAX ? s->count : SAMPLES_MAX;
	size_t used = 0;

	for (size_t back = 1; back < kept; back++) {
		const struct cpu_sample *now = sample(s, 0), *then = sample(s, back);
		struct interval seen;

		if (now->wall - then->wall < WINDOW_MIN)
			continue;
		seen = others_between(then, now);
		if (seen.low > known.high || seen.high < known.low)
			break; /* something changed since then */
		known.low = seen.low > known.low ? seen.low : known.low;
		known.high = seen.high < known.high ? seen.high : known.high;
		used++;
	}
	return used == 0 ? 0 : (uint32_t)((known.low + known.high) / 2);
}

static int64_t
clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* What the time between the last two samples was busy too little, or too much, as far as
 * that was our doing: others alone may be busier than was asked. */
static void
keep_debt(struct cpu_share *s, uint32_t asked)
{
	const struct cpu_sample *now = sample(s, 0), *then = sample(s, 1);
	const int64_t wall = (int64_t)(now->wall - then->wall);
	const int64_t busy = wall - (int64_t)(now->idle - then->idle);
	const int64_t ours = (int64_t)(now->used - then->used);
	int64_t missed = wall * asked / WHOLE - busy;

	if (missed < -ours)
		missed = -ours;
	s->debt = clamp(s->debt + missed, -DEBT_MAX, DEBT_MAX);
}

uint32_t
cpu_share_of(struct cpu_share *s, uint32_t asked)
{
	const bool has_begun = s->begin.wall != 0 && s->count > 1;

	if (has_begun)
		keep_debt(s, asked);
	s->given = (uint32_t)clamp(
	    (int64_t)asked - others_use(s) + s->debt * WHOLE / PAY_OVER, 0, WHOLE);
	return s->given;
}

uint32_t
cpu_share_given(const struct cpu_share *s)
{
	return s->given;
}

uint64_t
cpu_share_seen(const struct cpu_share *s)
{
	const struct cpu_sample *now = s->count == 0 ? &s->begin : sample(s, 0);
	const uint64_t wall = now->wall - s->begin.wall;
	const uint64_t idle = now->idle - s->begin.idle;

	return wall == 0 || idle > wall ? 0 : (wall - idle) * 100000 / wall;
}
