/* SPDX-License-Identifier: Apache-2.0 */
/* The delay line, by a clock of the test's own. */
#include "test.h"

#include <string.h>

#include "delay_line.h"

static void
push(struct delay_line *l, uint64_t due, uint32_t id)
{
	assert_true(delay_line_push(l, &(struct held){ .due = due, .id = id }));
}

static void
assert_pops(struct delay_line *l, uint64_t due, uint32_t id)
{
	const struct held *first = delay_line_first(l);
	struct held h;

	assert_non_null(first);
	assert_int_equal(first->due, due);
	h = delay_line_pop(l);
	assert_int_equal(h.due, due);
	assert_int_equal(h.id, id);
}

static void
in_order_it_is_a_ring_that_goes_round(void **state)
{
	struct delay_line l;
	uint32_t out = 0;

	(void)state;
	delay_line_init(&l, 7);
	for (uint32_t i = 0; i < 1000; i++) {
		push(&l, i + 3, i);
		assert_false(l.is_heap);
		assert_int_equal(delay_line_latest(&l), i + 3);
		while (delay_line_first(&l) != NULL && delay_line_first(&l)->due <= i) {
			assert_pops(&l, out + 3, out);
			out++;
		}
	}
	assert_int_equal(out, 997);
	assert_int_equal(l.count, 3);
	delay_line_release(&l);
}

static void
whoever_overtakes_makes_it_a_heap_until_it_is_empty(void **state)
{
	(void)state;
	/* wherever the ring's head is */
	for (uint32_t turned = 0; turned < 7; turned++) {
		struct delay_line l;

		delay_line_init(&l, 7);
		for (uint32_t i = 0; i < turned; i++) {
			push(&l, i, i);
			assert_pops(&l, i, i);
		}
		for (uint32_t i = 0; i < 6; i++)
			push(&l, 100 + 10 * i, i);
		push(&l, 125, 6);
		assert_true(l.is_heap);
		assert_int_equal(delay_line_latest(&l), 150);
		assert_pops(&l, 100, 0);
		assert_pops(&l, 110, 1);
		assert_pops(&l, 120, 2);
		assert_pops(&l, 125, 6);
		assert_pops(&l, 130, 3);
		push(&l, 135, 7);
		assert_pops(&l, 135, 7);
		assert_pops(&l, 140, 4);
		assert_pops(&l, 150, 5);
		assert_null(delay_line_first(&l));
		assert_int_equal(delay_line_latest(&l), 0);
		push(&l, 10, 8);
		assert_false(l.is_heap);
		assert_pops(&l, 10, 8);
		delay_line_release(&l);
	}
}

static void
same_times_leave_in_the_order_they_came(void **state)
{
	enum { N = 1000 };
	struct delay_line l;

	(void)state;
	delay_line_init(&l, N);
	l.turn = UINT32_MAX - N / 2; /* turns wrap around */
	push(&l, 9, 0);
	for (uint32_t i = 1; i < N; i++)
		push(&l, 5 + i % 3, i);
	assert_true(l.is_heap);
	for (uint64_t due = 5; due < 8; due++)
		for (uint32_t i = 1; i < N; i++)
			if (5 + i % 3 == due)
				assert_pops(&l, due, i);
	assert_pops(&l, 9, 0);
	delay_line_release(&l);
}

static void
any_order_comes_out_sorted_and_each_once(void **state)
{
	enum { N = 5000 };
	static uint8_t seen[N];
	struct delay_line l;
	uint64_t random = 1, last = 0;

	(void)state;
	delay_line_init(&l, N);
	for (uint32_t i = 0; i < N; i++) {
		random = random * 6364136223846793005U + 1442695040888963407U;
		push(&l, random >> 40, i);
	}
	for (int i = 0; i < N; i++) {
		struct held h = delay_line_pop(&l);

		assert_true(h.due >= last);
		last = h.due;
		assert_int_equal(seen[h.id]++, 0);
	}
	assert_null(memchr(seen, 0, N));
	delay_line_release(&l);
}

static void
a_full_line_refuses_and_loses_nothing(void **state)
{
	(void)state;
	for (uint64_t step = 0; step < 2; step++) {
		struct delay_line l;

		delay_line_init(&l, 10);
		for (uint32_t i = 0; i < 10; i++)
			push(&l, step == 0 ? i : 100 - i, i);
		assert_false(delay_line_push(&l, &(struct held){ .due = 1 }));
		assert_int_equal(l.count, 10);
		for (uint32_t i = 0; i < 10; i++)
			assert_pops(&l, step == 0 ? i : 91 + i, step == 0 ? i : 9 - i);
		assert_null(delay_line_first(&l));
		delay_line_release(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_it_is_a_ring_that_goes_round),
		cmocka_unit_test(whoever_overtakes_makes_it_a_heap_until_it_is_empty),
		cmocka_unit_test(same_times_leave_in_the_order_they_came),
		cmocka_unit_test(any_order_comes_out_sorted_and_each_once),
		cmocka_unit_test(a_full_line_refuses_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
