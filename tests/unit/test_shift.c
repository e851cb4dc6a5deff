/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phases compared: against published examples, and by simulation with fixed seeds whether
 * the limits hold the truth as often as they say.
 */
#include "shift.h"
#include "splitmix.h"
#include "test.h"
#include <math.h>
#include <string.h>

#define RUNS 1000

static uint64_t seed;
static struct hist a, b;

static double
uniform(void)
{
	return (double)(splitmix_next(&seed) >> 11) / 9007199254740992.0;
}

static struct answers
answers(uint64_t n, uint64_t bad)
{
	return (struct answers){ .n = n, .bad = bad };
}

static struct shift
share_shift(uint64_t n1, uint64_t bad1, uint64_t n2, uint64_t bad2)
{
	const struct answers before = answers(n1, bad1), then = answers(n2, bad2);
	struct shift s;

	assert_true(shift_of_share(&before, &then, &s));
	return s;
}

static void
shares_differ_as_in_the_paper(void **state)
{
	struct shift s = share_shift(80, 48, 70, 56);

	(void)state;
	/* Newcombe 1998, table II, contrast (a), method 10 */
	assert_true(fabs(s.by - 0.2) < 1e-12);
	assert_true(fabs(s.low - 0.0524) < 5e-5);
	assert_true(fabs(s.high - 0.3339) < 5e-5);
	assert_true(shift_is_clear(&s));
}

static void
edges_of_a_share_have_limits(void **state)
{
	struct shift s = share_shift(1000, 0, 1000, 0);

	(void)state;
	assert_true(fabs(s.by) < 1e-12 && s.low < 0 && s.high > 0 && s.high < 0.01);
	assert_false(shift_is_clear(&s));
	s = share_shift(1000, 0, 1000, 1000);
	assert_true(s.low > 0.99 && s.high <= 1 + 1e-12);
	s = share_shift(1000, 500, 1000, 100);
	assert_true(s.high < 0 && shift_is_clear(&s));
}

static void
rows_of_bad_answers_widen_the_limits(void **state)
{
	struct answers before = answers(1000, 10), then = answers(1000, 25);
	struct shift alone, rows;

	(void)state;
	assert_true(shift_of_share(&before, &then, &alone));
	then.after_bad = 25;
	then.bad_after_bad = 20; /* in rows of five */
	assert_true(shift_of_share(&before, &then, &rows));
	assert_true(rows.high - rows.low > 1.5 * (alone.high - alone.low));
	assert_true(shift_is_clear(&alone) && !shift_is_clear(&rows));
}

static void
few_answers_show_nothing(void **state)
{
	struct answers few = answers(29, 3), enough = answers(30, 3);
	struct shift s;

	(void)state;
	assert_false(shift_of_share(&few, &enough, &s));
	assert_false(shift_of_share(&enough, &few, &s));
	assert_true(shift_of_share(&enough, &enough, &s));
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_false(shift_of_quantile(&a, &b, 0.5, &s));
	for (int i = 0; i < 367; i++) {
		hist_add(&a, 1000);
		hist_add(&b, 1000);
	}
	assert_true(shift_of_quantile(&a, &b, 0.5, &s));
	/* 0.99^367 > 2.5 %: nothing need lie above it */
	assert_false(shift_of_quantile(&a, &b, 0.99, &s));
	hist_add(&a, 1000);
	hist_add(&b, 1000);
	assert_true(shift_of_quantile(&a, &b, 0.99, &s));
	assert_true(s.low <= 0 && s.high >= 0 && !shift_is_clear(&s));
}

/* An exponential tail of this mean on top of `least`, in µs. */
static void
fill(struct hist *h, unsigned n, double least, double mean)
{
	memset(h, 0, sizeof(*h));
	for (unsigned i = 0; i < n; i++)
		hist_add(h, (usec_t)(least - mean * log1p(-uniform())));
}

static void
limits_hold_the_true_shift_of_a_quantile_as_often_as_they_say(void **state)
{
	static const double quantiles[] = { 0.5, 0.9, 0.99 };

	(void)state;
	seed = 1;
	for (size_t k = 0; k < 3; k++) {
		double truth = 500 - 1000 * log1p(-quantiles[k]);
		unsigned held = 0;

		for (unsigned run = 0; run < RUNS; run++) {
			struct shift s;

			fill(&a, 600, 1000, 1000);
			fill(&b, 800, 1500, 2000);
			assert_true(shift_of_quantile(&a, &b, quantiles[k], &s));
			held += s.low <= truth && truth <= s.high;
		}
		(void)printf("p%g: %u of %u\n", 100 * quantiles[k], held, RUNS);
		assert_in_range(held, 0.935 * RUNS, RUNS);
	}
}

static void
limits_hold_the_true_shift_of_a_share_as_often_as_they_say(void **state)
{
	unsigned held = 0;

	(void)state;
	seed = 2;
	for (unsigned run = 0; run < RUNS; run++) {
		struct answers before = answers(500, 0), then = answers(700, 0);
		struct shift s;

		for (int i = 0; i < 500; i++)
			before.bad += uniform() < 0.01;
		for (int i = 0; i < 700; i++)
			then.bad += uniform() < 0.06;
		assert_true(shift_of_share(&before, &then, &s));
		held += s.low <= 0.05 && 0.05 <= s.high;
	}
	(void)printf("%u of %u\n", held, RUNS);
	assert_in_range(held, 0.935 * RUNS, 0.985 * RUNS);
}

static void
no_shift_is_rarely_taken_for_one(void **state)
{
	unsigned clear = 0;

	(void)state;
	seed = 3;
	for (unsigned run = 0; run < RUNS; run++) {
		struct shift s;

		fill(&a, 500, 1000, 1000);
		fill(&b, 500, 1000, 1000);
		assert_true(shift_of_quantile(&a, &b, 0.9, &s));
		clear += shift_is_clear(&s);
	}
	assert_in_range(clear, 0, 0.065 * RUNS);
}

static void
worse_is_the_share_of_pairs(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_true(fabs(shift_worse(&a, &b) - 0.5) < 1e-12);
	hist_add(&a, 10);
	hist_add(&a, 20);
	hist_add(&b, 20);
	hist_add(&b, 30);
	/* 20 > 10, 20 = 20, 30 > 10, 30 > 20 */
	assert_true(fabs(shift_worse(&a, &b) - 3.5 / 4) < 1e-12);
	assert_true(fabs(shift_worse(&b, &a) - 0.5 / 4) < 1e-12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_differ_as_in_the_paper),
		cmocka_unit_test(edges_of_a_share_have_limits),
		cmocka_unit_test(rows_of_bad_answers_widen_the_limits),
		cmocka_unit_test(few_answers_show_nothing),
		cmocka_unit_test(
		    limits_hold_the_true_shift_of_a_quantile_as_often_as_they_say),
		cmocka_unit_test(
		    limits_hold_the_true_shift_of_a_share_as_often_as_they_say),
		cmocka_unit_test(no_shift_is_rarely_taken_for_one),
		cmocka_unit_test(worse_is_the_share_of_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
