/* SPDX-License-Identifier: Apache-2.0 */
/* The delay line, by a clock of the test's own. */
#include "test.h"

#include <string.h>

#include "delay_line.h"

#define MS UINT64_C(1000000)

static void
constant_delay_keeps_order_and_time(void **state)
{
	struct delay_line l;
	uint32_t id;

	(void)state;
	delay_line_init(&l, 100, 50 * MS, 0);
	for (uint32_t i = 0; i < 100; i++)
		assert_true(delay_line_push(&l, i * MS, 7 + i));
	assert_int_equal(delay_line_next(&l), 50 * MS);
	assert_false(delay_line_pop(&l, 50 * MS - 1, &id));
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(delay_line_pop(&l, (50 + i) * MS, &id));
		assert_int_equal(id, 7 + i);
		assert_false(delay_line_pop(&l, (50 + i) * MS, &id));
	}
	assert_int_equal(delay_line_next(&l), UINT64_MAX);
	delay_line_release(&l);
}

static void
ring_goes_round_many_times(void **state)
{
	struct delay_line l;
	uint32_t id, out = 0;

	(void)state;
	delay_line_init(&l, 7, 3, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(delay_line_push(&l, i, i));
		while (delay_line_pop(&l, i, &id))
			assert_int_equal(id, out++);
	}
	assert_int_equal(out, 997);
	assert_int_equal(l.count, 3);
	delay_line_release(&l);
}

static void
full_line_refuses_and_loses_nothing(void **state)
{
	static const uint64_t jitters[] = { 0, 5 };
	uint32_t id;

	(void)state;
	for (size_t j = 0; j < 2; j++) {
		struct delay_line l;
		bool seen[10] = { false };

		delay_line_init(&l, 10, 10, jitters[j]);
		for (uint32_t i = 0; i < 10; i++)
			assert_true(delay_line_push(&l, 0, i));
		assert_false(delay_line_push(&l, 0, 10));
		assert_int_equal(l.count, 10);
		while (delay_line_pop(&l, 15, &id)) {
			assert_true(id < 10 && !seen[id]);
			seen[id] = true;
		}
		assert_int_equal(l.count, 0);
		assert_true(delay_line_push(&l, 20, 11));
		delay_line_release(&l);
	}
}

static void
jitter_stays_in_bounds_and_is_even(void **state)
{
	enum { N = 20000, BINS = 10 };
	unsigned bins[BINS] = { 0 };
	uint64_t at, sum = 0;
	struct delay_line l;
	uint32_t id;

	(void)state;
	delay_line_init(&l, N, 100 * MS, 20 * MS);
	for (uint32_t i = 0; i < N; i++)
		assert_true(delay_line_push(&l, 0, i));
	while ((at = delay_line_next(&l)) != UINT64_MAX) {
		assert_in_range(at, 80 * MS, 120 * MS);
		sum += at;
		bins[at == 120 * MS ? BINS - 1 : (at - 80 * MS) / (4 * MS)]++;
		assert_true(delay_line_pop(&l, at, &id));
	}
	assert_in_range(sum / N, 99 * MS, 101 * MS);
	for (size_t i = 0; i < BINS; i++) /* 2,000 each; five deviations are 212 */
		assert_in_range(bins[i], 1700, 2300);
	delay_line_release(&l);
}

static void
jittered_packets_come_out_by_time_and_each_once(void **state)
{
	enum { N = 5000 };
	static uint8_t seen[N];
	uint64_t last = 0, at;
	struct delay_line l;
	bool is_reordered = false;
	uint32_t id, before = 0;

	(void)state;
	delay_line_init(&l, N, 10 * MS, 10 * MS);
	for (uint32_t i = 0; i < N; i++)
		assert_true(delay_line_push(&l, i * MS / 10, i));
	while ((at = delay_line_next(&l)) != UINT64_MAX) {
		assert_true(at >= last);
		last = at;
		assert_true(delay_line_pop(&l, at, &id));
		assert_int_equal(seen[id]++, 0);
		is_reordered |= id < before;
		before = id;
	}
	assert_null(memchr(seen, 0, N));
	assert_true(is_reordered);
	delay_line_release(&l);
}

static void
same_seed_gives_same_delays(void **state)
{
	struct delay_line a, b, c;
	bool differs = false;

	(void)state;
	delay_line_init(&a, 50, 10 * MS, 5 * MS);
	delay_line_init(&b, 50, 10 * MS, 5 * MS);
	delay_line_init(&c, 50, 10 * MS, 5 * MS);
	a.random = b.random = 42;
	c.random = 43;
	for (uint32_t i = 0; i < 50; i++) {
		assert_true(delay_line_push(&a, i, i) && delay_line_push(&b, i, i) &&
			    delay_line_push(&c, i, i));
		assert_int_equal(delay_line_next(&a), delay_line_next(&b));
		differs |= delay_line_next(&a) != delay_line_next(&c);
	}
	assert_true(differs);
	delay_line_release(&a);
	delay_line_release(&b);
	delay_line_release(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constant_delay_keeps_order_and_time),
		cmocka_unit_test(ring_goes_round_many_times),
		cmocka_unit_test(full_line_refuses_and_loses_nothing),
		cmocka_unit_test(jitter_stays_in_bounds_and_is_even),
		cmocka_unit_test(jittered_packets_come_out_by_time_and_each_once),
		cmocka_unit_test(same_seed_gives_same_delays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
