/* SPDX-License-Identifier: Apache-2.0 */
/*
 * True time is what the clock would show by now: CLOCK_BOOTTIME with the offset it had
 * before the fault, less what the rate has added since.  The rate of the clock is that of
 * CLOCK_BOOTTIME, too, so that part is measured by CLOCK_MONOTONIC_RAW, which nothing
 * steers.  It counts whatever the reason: an NTP daemon that sees a clock one hour ahead
 * may slow it down by a tenth, and the whole host with it.
 *
 * Setting the clock and steering it leave different traces, so it can be told whether what
 * we find is what we did.  If it is not, somebody else has set the clock since, and knows
 * better.
 */
#include "clock_debt.h"

#include "cleanup.h"
#include "parse.h"
#include "undo_table.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSEC       INT64_C(1000000)
#define TRUE_TO    (1 * MSEC)
#define STEP_TO    (2500 * MSEC) /* a leap second may have come to it */
#define STEER_PPB  20000 /* what an NTP daemon adds or takes as a matter of course */
#define ANSWER_PPB 50000 /* what it does only about a clock gone wrong */

/* ns that the rate has added beyond what it did before; what is usual is none. */
static int64_t
steered(const struct clock_promise *p, const struct host_clock *now)
{
	const int64_t elapsed = now->raw - p->was.raw;
	const double before = (double)clock_rate_ppb(&p->was.rate) / 1e9;
	const int64_t added =
	    now->lead - p->was.lead - (int64_t)((double)elapsed * before);
	const int64_t usual = MSEC + (int64_t)((double)elapsed * STEER_PPB / 1e9);

	/* a rate of ours is never usual, however small */
	if (p->step == 0 || llabs(added) > usual)
		return added;
	return 0;
}

static enum clock_owner
owner_of_rate(const struct clock_promise *p, const struct host_clock *now)
{
	const int64_t is = clock_rate_ppb(&now->rate);
	const int64_t was = clock_rate_ppb(&p->was.rate);
	const int64_t ours = clock_rate_ppb(&p->drift);

	if (is == was)
		return CLOCK_TRUE;
	/* a daemon that steers the one we set, and one that answers it */
	if (llabs(is - ours) < llabs(is - was) || llabs(is - was) > ANSWER_PPB)
		return CLOCK_OURS;
	return CLOCK_THEIRS;
}

void
clock_judge(
    const struct clock_promise *p, const struct host_clock *now, struct clock_debt *ret)
{
	const int64_t jump = now->offset - p->was.offset, added = steered(p, now);
	const int64_t half = llabs(p->step) / 2;
	const int64_t to = p->step == 0 ? TRUE_TO : half < STEP_TO ? half : STEP_TO;

	*ret = (struct clock_debt){
		.time = CLOCK_THEIRS,
		.rate = owner_of_rate(p, now),
		.error = jump + added,
	};
	if (llabs(ret->error) <= TRUE_TO) {
		ret->time = CLOCK_TRUE;
	} else if (llabs(jump - p->step) < to) {
		ret->time = CLOCK_OURS;
		ret->shift = -p->step - added;
	}
}

/* --- as an operation -------------------------------------------------------------------- */

struct undo
clock_promise_undo(const struct clock_promise *p)
{
	struct undo u = {
		.op = UNDO_CLOCK,
		.num = { p->was.offset, p->was.raw, p->was.lead, p->step },
	};

	(void)snprintf(u.was, sizeof(u.was),
	    "tick=%" PRId64 ",freq=%" PRId64 ",status=%" PRId64 ",maxerror=%" PRId64
	    ",esterror=%" PRId64,
	    p->was.rate.tick, p->was.rate.freq, p->was.status, p->was.maxerror,
	    p->was.esterror);
	(void)snprintf(u.now, sizeof(u.now), "tick=%" PRId64 ",freq=%" PRId64,
	    p->drift.tick, p->drift.freq);
	return u;
}

struct field {
	const char *key;
	int64_t min, max, *value;
};

/* "tick=10000,freq=0": each key once, in this order, and nothing else. */
static bool
read_fields(const char *text, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct field *f = &fields[i];
		const size_t key = strlen(f->key), len = strcspn(text, ",");
		struct err e = { 0 };
		char word[64];

		if (len >= sizeof(word) || len <= key + 1 ||
		    strncmp(text, f->key, key) != 0 || text[key] != '=')
			return false;
		(void)snprintf(
		    word, sizeof(word), "%.*s", (int)(len - key - 1), text + key + 1);
		if (parse_i64(word, f->value, &e) < 0 || *f->value < f->min ||
		    *f->value > f->max || (text[len] == ',') != (i + 1 < count))
			return false;
		text += len + 1;
	}
	return true;
}

bool
clock_promise_read(const struct undo *u, struct clock_promise *ret)
{
	struct clock_promise p = {
		.was = { .offset = u->num[0], .raw = u->num[1], .lead = u->num[2] },
		.step = u->num[3],
	};
	const struct field was[] = {
		{ "tick", CLOCK_TICK_MIN, CLOCK_TICK_MAX, &p.was.rate.tick },
		{ "freq", -CLOCK_FREQ_MAX, CLOCK_FREQ_MAX, &p.was.rate.freq },
		{ "status", 0, UINT16_MAX, &p.was.status },
		{ "maxerror", 0, INT32_MAX, &p.was.maxerror },
		{ "esterror", 0, INT32_MAX, &p.was.esterror },
	};
	const struct field now[] = {
		{ "tick", CLOCK_TICK_MIN, CLOCK_TICK_MAX, &p.drift.tick },
		{ "freq", -CLOCK_FREQ_MAX, CLOCK_FREQ_MAX, &p.drift.freq },
	};

	if (!read_fields(u->was, was, ARRAY_LEN(was)) ||
	    !read_fields(u->now, now, ARRAY_LEN(now)))
		return false;
	*ret = p;
	return true;
}
