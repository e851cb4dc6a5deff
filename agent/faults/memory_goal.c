/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor and the pressure are two brakes of different kinds.  The floor is exact: what is
 * short of it is given back at once, and what is above it is the most that may be promised,
 * whatever the pace.  Pressure is an average over ten seconds that the kernel renews every
 * two; so it is judged as seldom, and answered as congestion is: an eighth less when there is
 * too much, a sixteenth of the goal more when there is clearly less.
 */
#include "memory_goal.h"

#define WHOLE          100000 /* thousandths of a percent */
#define FLOOR_LEAST    (UINT64_C(64) << 20)
#define FLOOR_PART     20
#define JUDGE_EVERY    (2 * USEC_PER_SEC)
#define FLOOR_SLACK(f) ((f) / 8) /* so much above the floor before it grows again */

uint64_t
memory_keep_free(uint64_t total)
{
	return total / FLOOR_PART > FLOOR_LEAST ? total / FLOOR_PART : FLOOR_LEAST;
}

uint64_t
memory_available(const struct memory_state *s)
{
	return s->available < s->below ? s->available : s->below;
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What is missing until `share` of `all` is in use. */
static uint64_t
missing(uint64_t share, uint64_t all, uint64_t available)
{
	const uint64_t wanted = (uint64_t)((unsigned __int128)all * share / WHOLE);

	return less(wanted, less(all, available));
}

uint64_t
memory_goal(const struct memory_ask *a, const struct memory_state *s)
{
	const uint64_t available = memory_available(s);
	uint64_t bytes = 0;

	switch (a->way) {
	case MEMORY_SIZE:
		bytes = a->amount > UINT64_MAX - MEMORY_PAGE ?
			    a->amount :
			    a->amount + MEMORY_PAGE - 1;
		break;
	case MEMORY_LEAVE:
		bytes = less(available, a->amount);
		break;
	case MEMORY_PERCENT_TOTAL:
		bytes = missing(a->amount, s->total, s->available);
		break;
	case MEMORY_PERCENT_AVAILABLE:
		bytes = missing(a->amount, available, available);
		break;
	case MEMORY_PERCENT_LIMIT:
		bytes = missing(a->amount, s->limit, s->below);
		break;
	}
	return bytes / MEMORY_PAGE * MEMORY_PAGE;
}

uint64_t
memory_room(const struct memory_state *s, uint64_t keep_free)
{
	return less(s->available, keep_free);
}

uint64_t
memory_rate(uint64_t goal, uint64_t rate, usec_t ramp)
{
	unsigned __int128 by_ramp;

	if (ramp == 0)
		return rate;
	by_ramp = (unsigned __int128)goal * USEC_PER_SEC / ramp;
	if (by_ramp == 0)
		by_ramp = 1;
	if (by_ramp > UINT64_MAX)
		by_ramp = UINT64_MAX;
	return rate == 0 || by_ramp < rate ? (uint64_t)by_ramp : rate;
}

uint64_t
memory_share(uint64_t bytes, size_t i, size_t count)
{
	const uint64_t pages = bytes / MEMORY_PAGE;

	return (pages / count + (i < pages % count)) * MEMORY_PAGE;
}

static uint64_t
paced(const struct memory_governor *g, usec_t now)
{
	const usec_t passed = less(now, g->began);
	unsigned __int128 grown;

	if (g->rate == 0)
		return g->goal;
	grown = (unsigned __int128)g->rate * passed / USEC_PER_SEC;
	if (grown < MEMORY_LEAST) /* the fault begins with what can be seen of it */
		grown = MEMORY_LEAST;
	return grown < g->goal ? (uint64_t)grown : g->goal;
}

/* Moves the ceiling; false: not to grow now. */
static bool
judge_pressure(struct memory_governor *g, const struct memory_now *n)
{
	const bool is_due = less(n->now, g->judged) >= JUDGE_EVERY;

	if (g->pressure_max == 0)
		return true;
	if (n->pressure > g->pressure_max) {
		if (is_due) {
			g->ceiling = n->held - n->held / 8;
			g->judged = n->now;
		}
		return false;
	}
	if (is_due && n->pressure < g->pressure_max / 4 * 3 && g->ceiling < g->goal) {
		g->ceiling = least(g->goal, g->ceiling + g->goal / 16 + MEMORY_PAGE);
		g->judged = n->now;
	}
	return true;
}

/* The most that the floor lets be held. */
static uint64_t
above_floor(const struct memory_governor *g, const struct memory_now *n)
{
	const uint64_t spare = less(n->available, g->keep_free);

	if (n->available < g->keep_free)
		return less(n->held, g->keep_free - n->available);
	if (g->brake == MEMORY_BY_FLOOR && spare < FLOOR_SLACK(g->keep_free))
		return n->held;
	return n->held > UINT64_MAX - spare ? UINT64_MAX : n->held + spare;
}

uint64_t
memory_govern(struct memory_governor *g, const struct memory_now *n)
{
	const uint64_t wanted = paced(g, n->now);
	const bool may_grow = judge_pressure(g, n);
	const uint64_t floor = above_floor(g, n);
	uint64_t target = least(wanted, g->ceiling);

	if (!may_grow)
		target = least(target, n->held);
	g->brake = target < wanted ? MEMORY_BY_PRESSURE : MEMORY_FREE_TO_GROW;
	if (floor < target) {
		target = floor;
		g->brake = MEMORY_BY_FLOOR;
	}
	return target / MEMORY_PAGE * MEMORY_PAGE;
}
