/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of memory.fill: goals, pace, and the two brakes. */
#include "memory_goal.h"
#include "proc.h"
#include "test.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define SEC    USEC_PER_SEC

static const struct memory_state host = {
	.total = GIB(16), .available = GIB(12), .limit = UINT64_MAX, .below = UINT64_MAX
};
static const struct memory_state group = {
	.total = GIB(16), .available = GIB(12), .limit = GIB(2), .below = GIB(1)
};

static uint64_t
goal(enum memory_way way, uint64_t amount, const struct memory_state *s)
{
	return memory_goal(&(struct memory_ask){ way, amount }, s);
}

static void
a_size_is_whole_pages_and_no_less(void **state)
{
	(void)state;
	assert_int_equal(goal(MEMORY_SIZE, MIB(100), &host), MIB(100));
	assert_int_equal(goal(MEMORY_SIZE, MIB(100) + 1, &host), MIB(100) + 4096);
	assert_int_equal(goal(MEMORY_SIZE, INT64_MAX, &host), UINT64_C(1) << 63);
	assert_int_equal(goal(MEMORY_SIZE, UINT64_MAX, &host), UINT64_MAX / 4096 * 4096);
}

static void
what_is_left_is_left_below_the_tighter_bound(void **state)
{
	(void)state;
	assert_int_equal(goal(MEMORY_LEAVE, GIB(2), &host), GIB(10));
	assert_int_equal(goal(MEMORY_LEAVE, MIB(256), &group), MIB(768));
	assert_int_equal(goal(MEMORY_LEAVE, GIB(12), &host), 0);
	assert_int_equal(goal(MEMORY_LEAVE, GIB(13), &host), 0);
}

static void
a_percentage_counts_what_others_use(void **state)
{
	(void)state;
	/* 4 of 16 GiB are in use */
	assert_int_equal(goal(MEMORY_PERCENT_TOTAL, 50000, &host), GIB(4));
	assert_int_equal(goal(MEMORY_PERCENT_TOTAL, 100000, &host), GIB(12));
	assert_int_equal(goal(MEMORY_PERCENT_TOTAL, 25000, &host), 0);
	assert_int_equal(goal(MEMORY_PERCENT_TOTAL, 1000, &host), 0);
	assert_int_equal(goal(MEMORY_PERCENT_AVAILABLE, 50000, &host), GIB(6));
	assert_int_equal(goal(MEMORY_PERCENT_AVAILABLE, 50000, &group), MIB(512));
	/* 1 of 2 GiB is in use */
	assert_int_equal(goal(MEMORY_PERCENT_LIMIT, 75000, &group), MIB(512));
	assert_int_equal(goal(MEMORY_PERCENT_LIMIT, 50000, &group), 0);
}

static void
no_size_of_a_machine_overflows(void **state)
{
	const struct memory_state huge = { .total = UINT64_C(1) << 52,
		.available = UINT64_C(1) << 52,
		.limit = UINT64_MAX,
		.below = UINT64_MAX };

	(void)state;
	assert_int_equal(goal(MEMORY_PERCENT_TOTAL, 50000, &huge), UINT64_C(1) << 51);
	assert_int_equal(memory_rate(UINT64_C(1) << 52, 0, 1), UINT64_MAX);
}

static void
the_floor_is_a_share_but_never_little(void **state)
{
	(void)state;
	assert_int_equal(memory_keep_free(GIB(20)), GIB(1));
	assert_int_equal(memory_keep_free(MIB(512)), MIB(64));
	assert_int_equal(memory_room(&host, GIB(1)), GIB(11));
	assert_int_equal(memory_room(&host, GIB(13)), 0);
}

static void
the_slower_of_rate_and_ramp_counts(void **state)
{
	(void)state;
	assert_int_equal(memory_rate(MIB(100), 0, 0), 0);
	assert_int_equal(memory_rate(MIB(100), MIB(5), 0), MIB(5));
	assert_int_equal(memory_rate(MIB(100), 0, 10 * SEC), MIB(10));
	assert_int_equal(memory_rate(MIB(100), MIB(5), 10 * SEC), MIB(5));
	assert_int_equal(memory_rate(MIB(100), MIB(50), 10 * SEC), MIB(10));
	/* so long a ramp is still a pace, not "at once" */
	assert_int_equal(memory_rate(MIB(1), 0, UINT64_C(2592000) * SEC), 1);
}

static void
shares_are_pages_and_add_up(void **state)
{
	const uint64_t bytes = 4096 * 103;

	(void)state;
	for (size_t count = 1; count <= 16; count++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < count; i++) {
			const uint64_t share = memory_share(bytes, i, count);

			assert_int_equal(share % 4096, 0);
			assert_true(share <= memory_share(bytes, 0, count));
			sum += share;
		}
		assert_int_equal(sum, bytes);
	}
}

/* --- the governor --- */

static struct memory_governor
governor(uint64_t to)
{
	return (struct memory_governor){ .goal = to, .ceiling = to, .keep_free = GIB(1) };
}

static uint64_t
govern(struct memory_governor *g, uint64_t held, uint64_t available, uint32_t pressure,
    usec_t now)
{
	return memory_govern(g,
	    &(struct memory_now){
		.held = held, .available = available, .pressure = pressure, .now = now });
}

static void
all_at_once_where_there_is_room(void **state)
{
	struct memory_governor g = governor(GIB(4));

	(void)state;
	assert_int_equal(govern(&g, 0, GIB(8), 0, 0), GIB(4));
	assert_int_equal(g.brake, MEMORY_FREE_TO_GROW);
	assert_int_equal(govern(&g, GIB(4), GIB(4), 0, SEC), GIB(4));
}

static void
grows_by_the_rate_from_what_can_be_seen(void **state)
{
	struct memory_governor g = governor(MIB(100));

	(void)state;
	g.rate = MIB(10);
	g.began = 7 * SEC;
	assert_int_equal(govern(&g, 0, GIB(8), 0, 7 * SEC), MEMORY_LEAST);
	assert_int_equal(govern(&g, 0, GIB(8), 0, 8 * SEC), MIB(10));
	assert_int_equal(govern(&g, 0, GIB(8), 0, 9 * SEC + SEC / 2), MIB(25));
	assert_int_equal(govern(&g, 0, GIB(8), 0, 60 * SEC), MIB(100));
	/* a clock read before the beginning */
	assert_int_equal(govern(&g, 0, GIB(8), 0, 6 * SEC), MEMORY_LEAST);
}

static void
never_promises_what_the_floor_needs(void **state)
{
	struct memory_governor g = governor(GIB(4));

	(void)state;
	assert_int_equal(govern(&g, 0, GIB(3), 0, 0), GIB(2));
	assert_int_equal(g.brake, MEMORY_BY_FLOOR);
	assert_int_equal(govern(&g, MIB(100), GIB(1), 0, 0), MIB(100));
	assert_int_equal(govern(&g, 0, 0, 0, 0), 0);
}

static void
gives_back_what_the_floor_lacks(void **state)
{
	struct memory_governor g = governor(GIB(4));

	(void)state;
	assert_int_equal(govern(&g, GIB(4), GIB(1) - MIB(300), 0, 0), GIB(4) - MIB(300));
	assert_int_equal(g.brake, MEMORY_BY_FLOOR);
	/* a little room is none: it would be given back the next moment */
	assert_int_equal(
	    govern(&g, GIB(4) - MIB(300), GIB(1) + MIB(50), 0, 0), GIB(4) - MIB(300));
	assert_int_equal(
	    govern(&g, GIB(4) - MIB(300), GIB(1) + MIB(200), 0, 0), GIB(4) - MIB(100));
	assert_int_equal(govern(&g, GIB(4) - MIB(300), GIB(2), 0, 0), GIB(4));
	assert_int_equal(g.brake, MEMORY_FREE_TO_GROW);
	assert_int_equal(govern(&g, MIB(10), 0, 0, 0), 0);
}

static void
pressure_stops_and_cuts_every_two_seconds(void **state)
{
	struct memory_governor g = governor(MIB(800));

	(void)state;
	g.pressure_max = 10000;
	assert_int_equal(govern(&g, 0, GIB(8), 0, 100 * SEC), MIB(800));
	assert_int_equal(govern(&g, MIB(400), GIB(8), 10001, 101 * SEC), MIB(350));
	assert_int_equal(g.brake, MEMORY_BY_PRESSURE);
	/* too early to judge again, and no growth either */
	assert_int_equal(govern(&g, MIB(350), GIB(8), 30000, 102 * SEC), MIB(350));
	assert_int_equal(govern(&g, MIB(320), GIB(8), 30000, 103 * SEC), MIB(280));
	/* just below: as it is */
	assert_int_equal(govern(&g, MIB(280), GIB(8), 9000, 110 * SEC), MIB(280));
	assert_int_equal(g.brake, MEMORY_BY_PRESSURE);
	/* clearly below: a sixteenth of the goal more, each time */
	assert_int_equal(govern(&g, MIB(280), GIB(8), 1000, 111 * SEC), MIB(330) + 4096);
	assert_int_equal(govern(&g, MIB(330), GIB(8), 1000, 112 * SEC), MIB(330) + 4096);
	for (unsigned i = 0; i < 20; i++)
		(void)govern(&g, MIB(400), GIB(8), 0, (114 + 2 * i) * SEC);
	assert_int_equal(govern(&g, MIB(800), GIB(8), 0, 200 * SEC), MIB(800));
	assert_int_equal(g.brake, MEMORY_FREE_TO_GROW);
}

static void
pressure_that_was_not_asked_about_is_no_matter(void **state)
{
	struct memory_governor g = governor(MIB(800));

	(void)state;
	assert_int_equal(govern(&g, MIB(400), GIB(8), 100000, 100 * SEC), MIB(800));
}

static void
the_floor_outdoes_pressure(void **state)
{
	struct memory_governor g = governor(MIB(800));

	(void)state;
	g.pressure_max = 10000;
	assert_int_equal(
	    govern(&g, MIB(800), GIB(1) - MIB(400), 20000, 100 * SEC), MIB(400));
	assert_int_equal(g.brake, MEMORY_BY_FLOOR);
}

static void
pressure_is_read_as_the_kernel_writes_it(void **state)
{
	uint32_t share = 7;

	(void)state;
	assert_int_equal(proc_pressure_parse("some avg10=1.53 avg60=0.87 avg300=0.10 "
					     "total=1234\nfull avg10=9.00 …",
			     &share),
	    0);
	assert_int_equal(share, 1530);
	assert_int_equal(proc_pressure_parse("some avg10=100.00 avg60=0", &share), 0);
	assert_int_equal(share, 100000);
	assert_int_equal(proc_pressure_parse("some avg10=0.07 avg60=0", &share), 0);
	assert_int_equal(share, 70);
	assert_true(proc_pressure_parse("full avg10=1.00 avg60=0", &share) < 0);
	assert_true(proc_pressure_parse("", &share) < 0);
	assert_int_equal(share, 70);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_is_whole_pages_and_no_less),
		cmocka_unit_test(what_is_left_is_left_below_the_tighter_bound),
		cmocka_unit_test(a_percentage_counts_what_others_use),
		cmocka_unit_test(no_size_of_a_machine_overflows),
		cmocka_unit_test(the_floor_is_a_share_but_never_little),
		cmocka_unit_test(the_slower_of_rate_and_ramp_counts),
		cmocka_unit_test(shares_are_pages_and_add_up),
		cmocka_unit_test(all_at_once_where_there_is_room),
		cmocka_unit_test(grows_by_the_rate_from_what_can_be_seen),
		cmocka_unit_test(never_promises_what_the_floor_needs),
		cmocka_unit_test(gives_back_what_the_floor_lacks),
		cmocka_unit_test(pressure_stops_and_cuts_every_two_seconds),
		cmocka_unit_test(pressure_that_was_not_asked_about_is_no_matter),
		cmocka_unit_test(the_floor_outdoes_pressure),
		cmocka_unit_test(pressure_is_read_as_the_kernel_writes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
