/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of cpu.load against a CPU whose idle clock goes in steps of 10 ms. */
#include "cpu_share.h"
#include "test.h"
#include <math.h>
#include <stdio.h>

#define SAMPLE 100000 /* µs between two looks */

/* A CPU that others use by `others` millionths, and our burner by what it is told. */
struct cpu {
	struct cpu_share share;
	double wall, idle, used;
};

static void
run(struct cpu *c, unsigned samples, uint32_t others, uint32_t asked)
{
	for (unsigned i = 0; i < samples; i++) {
		const double ours = cpu_share_given(&c->share) / 1e6;
		const double rest = 1 - others / 1e6;
		const double got = ours < rest ? ours : rest;

		c->wall += SAMPLE;
		c->used += SAMPLE * got;
		c->idle += SAMPLE * (rest - got);
		cpu_share_add(&c->share, &(struct cpu_sample){
					     .wall = (uint64_t)c->wall,
					     .idle = (uint64_t)c->idle / 10000 * 10000,
					     .used = (uint64_t)c->used,
					 });
		(void)cpu_share_of(&c->share, asked);
	}
}

static void
alone_it_uses_what_was_asked(void **state)
{
	struct cpu c = { .idle = 3333 };

	(void)state;
	run(&c, 40, 0, 300000);
	for (unsigned i = 0; i < 100; i++) {
		run(&c, 1, 0, 300000);
		assert_in_range(cpu_share_given(&c.share), 297000, 300000);
	}
}

static void
what_others_use_counts(void **state)
{
	struct cpu c = { .idle = 7777 };

	(void)state;
	run(&c, 60, 200000, 500000);
	for (unsigned i = 0; i < 100; i++) {
		run(&c, 1, 200000, 500000);
		assert_in_range(cpu_share_given(&c.share), 296000, 304000);
	}
}

/* Others who come and go: no second is far off, and all seconds together are exact. */
static void
bursts_are_made_up_for(void **state)
{
	static const uint32_t bursts[] = { 0, 0, 60000, 0, 150000, 0, 0, 30000, 0, 0, 0 };
	struct cpu c = { .idle = 1234 };
	double idle, sum = 0;

	(void)state;
	run(&c, 20, 20000, 400000);
	cpu_share_begin(&c.share);
	for (unsigned i = 0; i < 1000; i += 10) {
		idle = c.idle;
		for (unsigned k = 0; k < 10; k++)
			run(&c, 1, bursts[(i + k) % 11], 400000);
		if (i >= 50) /* the first seconds are for finding out */
			sum += fabs((1e6 - (c.idle - idle)) / 1e4 - 40);
	}
	assert_true(sum / 95 < 1.0);
	assert_in_range(cpu_share_seen(&c.share), 39900, 40100);
}

static void
a_change_is_followed_within_a_second(void **state)
{
	struct cpu c = { 0 };

	(void)state;
	run(&c, 60, 0, 500000);
	run(&c, 10, 300000, 500000);
	assert_in_range(cpu_share_given(&c.share), 150000, 250000);
	run(&c, 10, 0, 500000);
	assert_in_range(cpu_share_given(&c.share), 450000, 500000);
}

static void
nothing_is_added_to_a_cpu_that_is_busier_already(void **state)
{
	struct cpu c = { 0 };

	(void)state;
	run(&c, 60, 800000, 500000);
	assert_int_equal(cpu_share_given(&c.share), 0);
}

static void
what_was_seen_is_since_the_load_began(void **state)
{
	struct cpu c = { 0 };

	(void)state;
	assert_int_equal(cpu_share_seen(&c.share), 0);
	run(&c, 10, 900000, 0);
	cpu_share_begin(&c.share);
	assert_int_equal(cpu_share_seen(&c.share), 0);
	run(&c, 100, 0, 1000000);
	assert_in_range(cpu_share_seen(&c.share), 98000, 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_it_uses_what_was_asked),
		cmocka_unit_test(what_others_use_counts),
		cmocka_unit_test(bursts_are_made_up_for),
		cmocka_unit_test(a_change_is_followed_within_a_second),
		cmocka_unit_test(nothing_is_added_to_a_cpu_that_is_busier_already),
		cmocka_unit_test(what_was_seen_is_since_the_load_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
