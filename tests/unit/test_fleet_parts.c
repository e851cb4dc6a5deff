/* SPDX-License-Identifier: Apache-2.0 */
/* What the fleet decides without the world: other clocks, and when to try again. */
#include "fleet_state.h"
#include "test.h"
#include <string.h>

#define HOUR (3600 * USEC_PER_SEC)

/* An exchange as it looks to us: their clock is ahead, the way there and back takes its
 * time, and so do they. */
static struct exchange_times
exchange_of(usec_t asked, int64_t ahead, usec_t there, usec_t work, usec_t back)
{
	usec_t received = (usec_t)((int64_t)(asked + there) + ahead);

	return (struct exchange_times){ asked, received, received + work,
		asked + there + work + back };
}

static void
shortest_round_trip_wins(void **state)
{
	struct clock_offset c = { 0 };
	struct exchange_times t = exchange_of(HOUR, -5000, 900, 10, 100);

	(void)state;
	clock_offset_learn(&c, &t);
	assert_true(c.is_known);
	assert_int_equal(c.round_trip, 1000);
	assert_int_equal(c.offset, -5000 + 400); /* wrong by less than 500 */
	t = exchange_of(HOUR + 10, -5000, 50, 200000, 50);
	clock_offset_learn(&c, &t);
	assert_int_equal(c.round_trip, 100);
	assert_int_equal(c.offset, -5000);
	t = exchange_of(HOUR + USEC_PER_SEC, -5000, 90000, 10, 10);
	clock_offset_learn(&c, &t);
	assert_int_equal(c.offset, -5000);
	/* A minute later any is better than one so old. */
	t = exchange_of(HOUR + 62 * USEC_PER_SEC, -5000, 300, 10, 100);
	clock_offset_learn(&c, &t);
	assert_int_equal(c.round_trip, 400);
}

/* The other machine was started anew, and its clock with it. */
static void
clock_that_was_set_is_noticed(void **state)
{
	struct clock_offset c = { 0 };
	struct exchange_times t = exchange_of(HOUR, (int64_t)HOUR, 50, 10, 50);

	(void)state;
	clock_offset_learn(&c, &t);
	t = exchange_of(HOUR + USEC_PER_SEC, -(int64_t)HOUR / 2, 4000, 10, 50);
	clock_offset_learn(&c, &t);
	assert_int_equal(c.round_trip, 4050);
	assert_true(c.offset < 0);
}

static void
moments_that_make_no_sense_are_not_learnt_from(void **state)
{
	static const struct exchange_times none[] = {
		{ HOUR, 0, 0, HOUR + 100 },
		{ HOUR, 0, HOUR, HOUR + 100 },
		{ HOUR, 500, 400, HOUR + 100 }, /* finished before it began */
		{ HOUR, 500, 601, HOUR + 100 }, /* worked longer than we waited */
		{ HOUR, 1, UINT64_MAX, HOUR + 100 },
		{ HOUR, UINT64_MAX - 5, UINT64_MAX, HOUR + 100 },
		{ HOUR, 500, 600, HOUR - 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct clock_offset c = { 0 };

		clock_offset_learn(&c, &none[i]);
		assert_false(c.is_known);
	}
}

static void
view_is_told_by_our_clock(void **state)
{
	struct clock_offset c = { .is_known = true, .offset = (int64_t)HOUR };
	struct drill_view v = { .count = 1 };
	struct fault_status *f = &v.fault[0];
	usec_t now = 10 * HOUR;

	(void)state;
	v.drill.armed_at = now + HOUR - 500;
	v.drill.ends_at = USEC_INFINITY;
	v.drill.lease_until = now + HOUR + 2000;
	f->until = now + HOUR + 60 * USEC_PER_SEC;
	f->active = now + HOUR - 100;
	f->undone = now + HOUR + 7;    /* our measure is wrong by some µs */
	f->clean = UINT64_MAX / 2 - 1; /* a lie */
	f->told = 5;                   /* before there was time */
	clock_offset_apply(&c, &v, now);
	assert_int_equal(v.drill.armed_at, now - 500);
	assert_true(v.drill.ends_at == USEC_INFINITY);
	assert_int_equal(v.drill.lease_until, now + 2000);
	assert_int_equal(v.drill.undo_told, 0);
	assert_int_equal(f->until, now + 60 * USEC_PER_SEC);
	assert_int_equal(f->active, now - 100);
	assert_int_equal(f->undone, now);
	assert_int_equal(f->clean, now);
	assert_int_equal(f->told, 1);
	assert_int_equal(f->staged, 0);
}

static void
clock_far_behind_is_told_by_ours_too(void **state)
{
	struct clock_offset c = { .is_known = true, .offset = -(int64_t)(300000 * HOUR) };
	struct drill_view v = { 0 };
	usec_t now = 300001 * HOUR;

	(void)state;
	v.drill.armed_at = HOUR - 500;
	v.drill.ends_at = HOUR + 500;
	clock_offset_apply(&c, &v, now);
	assert_int_equal(v.drill.armed_at, now - 500);
	assert_int_equal(v.drill.ends_at, now + 500);
}

static void
breaker_opens_after_three_and_for_longer_each_time(void **state)
{
	struct breaker b = { 0 };
	usec_t now = HOUR, opened[8];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(breaker_allows(&b, now));
		breaker_failed(&b, now);
	}
	for (int i = 0; i < 8; i++) {
		assert_false(breaker_allows(&b, now));
		assert_false(breaker_allows(&b, b.open_until - 1));
		opened[i] = b.open_until - now;
		now = b.open_until;
		/* One try; whoever comes meanwhile waits for what becomes of it. */
		assert_true(breaker_allows(&b, now));
		assert_false(breaker_allows(&b, now + 1));
		breaker_failed(&b, now);
	}
	assert_int_equal(opened[0], USEC_PER_SEC / 2);
	for (int i = 1; i < 8; i++)
		assert_true(opened[i] >= opened[i - 1]);
	assert_int_equal(opened[7], 5 * USEC_PER_SEC);
	breaker_succeeded(&b);
	assert_true(breaker_allows(&b, now));
	assert_true(breaker_allows(&b, now));
}

static void
jitter_is_full_and_bounded(void **state)
{
	usec_t bounds[] = { 100, 100, 200, 400, 450, 450 };
	usec_t low, high, t;

	(void)state;
	for (unsigned n = 0; n < 6; n++) {
		low = UINT64_MAX;
		high = 0;
		for (int i = 0; i < 2000; i++) {
			t = backoff_jitter(100, 450, n);
			low = t < low ? t : low;
			high = t > high ? t : high;
		}
		assert_true(high <= bounds[n]);
		/* 2000 throws that all miss a tenth: less likely than 10^-90 */
		assert_true(low < bounds[n] / 10 && high > bounds[n] - bounds[n] / 10);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shortest_round_trip_wins),
		cmocka_unit_test(clock_that_was_set_is_noticed),
		cmocka_unit_test(moments_that_make_no_sense_are_not_learnt_from),
		cmocka_unit_test(view_is_told_by_our_clock),
		cmocka_unit_test(clock_far_behind_is_told_by_ours_too),
		cmocka_unit_test(breaker_opens_after_three_and_for_longer_each_time),
		cmocka_unit_test(jitter_is_full_and_bounded),
	};

	return cmocka_run_group_tests_name("fleet_parts", tests, NULL, NULL);
}
