/* SPDX-License-Identifier: Apache-2.0 */
/* The judge's ceilings by error budget: the drill's slice of it, and how fast it burns. */
#include "judge.h"
#include "test.h"
#include <errno.h>
#include <math.h>

#define RATE   100 /* answers a second */
#define SECOND UINT64_C(1000000)

static struct judge j;
static struct judge_decision d;
static uint64_t at; /* µs after fire */

/* Its tests are nearly blind (156 bad ones in a row): what a person has set comes first. */
static struct judge_config
config(void)
{
	struct judge_config c = { .alpha = 1e-300, .probe_count = 1 };

	c.probe[0].objective = 0.99;
	c.probe[0].abort_at = 0.9;
	c.probe[0].planned = 6000;
	c.probe[0].rate = RATE;
	c.probe[0].slo = 0.99;
	return c;
}

/* 14.4 times as fast as 99 % allows, over 10 s and 1 s. */
static struct judge_config
burning(void)
{
	struct judge_config c = config();

	c.probe[0].burn[0] = (struct burn){ 14.4, 10 * SECOND, SECOND };
	c.probe[0].burn_count = 1;
	return c;
}

static void
begin(const struct judge_config *c)
{
	size_t probe = 99;

	assert_int_equal(judge_init(&j, c, &probe), 0);
	at = 0;
}

static bool
answer(bool bad)
{
	bool stop = judge_sample(&j, 0, bad, at, &d);

	at += SECOND / RATE;
	return stop;
}

/* So many answers of which every `every`-th is bad (0: none); the one that stopped, or 0. */
static unsigned
answers(unsigned count, unsigned every)
{
	for (unsigned n = 1; n <= count; n++) {
		if (answer(every > 0 && n % every == 0))
			return n;
	}
	return 0;
}

static void
slice_is_spent_by_the_bad_answer_that_reaches_it(void **state)
{
	struct judge_config c = config();

	(void)state;
	c.probe[0].slice = 2.5;
	begin(&c);
	assert_int_equal(judge_outage_samples(&j, 0), 3);
	assert_int_equal(answers(40, 20), 0);
	assert_int_equal(answers(40, 20), 20);
	assert_int_equal(d.reason, JUDGE_SLICE);
	assert_int_equal(d.from, 1);
	assert_int_equal(d.to, 60);
	assert_int_equal(d.bad, 3);
	assert_true(fabs(d.limit - 2.5) < 1e-9);
}

static void
slice_is_that_of_its_own_probe(void **state)
{
	struct judge_config c = config();

	(void)state;
	c.probe_count = 2;
	c.probe[1] = c.probe[0];
	c.probe[1].slice = 2;
	begin(&c);
	for (int i = 0; i < 20; i++)
		assert_false(judge_sample(&j, 0, true, 0, &d));
	assert_false(judge_sample(&j, 1, true, 0, &d));
	assert_true(judge_sample(&j, 1, true, 0, &d));
	assert_int_equal(d.probe, 1);
}

static void
without_a_slice_or_a_burn_rate_nothing_stops(void **state)
{
	struct judge_config c = config();

	(void)state;
	begin(&c);
	assert_int_equal(answers(150, 1), 0);
}

static void
burn_stops_once_the_whole_window_would_be_over(void **state)
{
	struct judge_config c = burning();

	(void)state;
	begin(&c);
	/* 14.4 % of the thousand answers of ten seconds, from fire on */
	assert_int_equal(judge_outage_samples(&j, 0), 144);
	assert_int_equal(answers(1000, 1), 144);
	assert_int_equal(d.reason, JUDGE_BURN);
	assert_int_equal(d.from, 1);
	assert_int_equal(d.to, 144);
	assert_int_equal(d.bad, 144);
	assert_true(fabs(d.burn.longer - 14.4) < 1e-6);
	assert_true(d.burn.shorter > 95);
	/* and after a while of health no later */
	begin(&c);
	assert_int_equal(answers(3000, 0), 0);
	assert_in_range(answers(1000, 1), 138, 144);
}

static void
burn_below_its_rate_goes_on(void **state)
{
	struct judge_config c = burning();

	(void)state;
	begin(&c);
	assert_int_equal(answers(20000, 8), 0); /* 12.5 % */
	assert_in_range(answers(20000, 5), 1, 1000);
}

/* What is over is not stopped any more: the short window must be over, too. */
static void
burn_that_has_ended_does_not_stop(void **state)
{
	struct judge_config c = burning();

	(void)state;
	begin(&c);
	assert_int_equal(answers(143, 1), 0);
	assert_int_equal(answers(150, 0), 0);
	/* a bad one now and then keeps the long window over, the short one below */
	assert_int_equal(answers(500, 10), 0);
	assert_true(j.probe[0].burn[0].longer.bad > 144);
}

static void
few_answers_mean_nothing(void **state)
{
	struct judge_config c = burning();

	(void)state;
	c.probe[0].rate = 1; /* ten in the long window */
	begin(&c);
	assert_false(judge_sample(&j, 0, false, 30 * SECOND, &d));
	for (uint64_t s = 31; s < 35; s++)
		assert_false(judge_sample(&j, 0, true, s * SECOND, &d));
	assert_true(judge_sample(&j, 0, true, 35 * SECOND, &d));
	assert_int_equal(d.bad, 5); /* of 30, as if there were so many */
}

static void
answers_count_when_they_were_due(void **state)
{
	struct judge_config c = burning();

	(void)state;
	begin(&c);
	assert_false(judge_sample(&j, 0, true, 20 * SECOND, &d));
	/* eleven seconds old: of no window */
	assert_false(judge_sample(&j, 0, true, 9 * SECOND, &d));
	assert_int_equal(j.probe[0].burn[0].longer.n, 1);
	/* five seconds: of the long one */
	assert_false(judge_sample(&j, 0, true, 15 * SECOND, &d));
	assert_int_equal(j.probe[0].burn[0].longer.n, 2);
	assert_int_equal(j.probe[0].burn[0].shorter.n, 1);
	/* and a jump over many windows forgets all */
	assert_false(judge_sample(&j, 0, true, 1000 * SECOND, &d));
	assert_int_equal(j.probe[0].burn[0].longer.n, 1);
	assert_int_equal(j.probe[0].burn[0].longer.bad, 1);
}

static void
fastest_of_several_burn_rates_is_named(void **state)
{
	struct judge_config c = burning();

	(void)state;
	c.probe[0].burn[1] = (struct burn){ 50, 2 * SECOND, SECOND / 2 };
	c.probe[0].burn_count = 2;
	begin(&c);
	assert_int_equal(judge_outage_samples(&j, 0), 100);
	assert_int_equal(answers(1000, 1), 100);
	assert_int_equal(d.burn.index, 1);
	assert_true(fabs(d.limit - 50) < 1e-9);
}

static void
burn_of_an_objective_of_a_hundred_percent_stays_finite(void **state)
{
	struct judge_config c = burning();

	(void)state;
	c.probe[0].slo = 1;
	begin(&c);
	assert_int_equal(answers(5000, 0), 0);
	assert_true(answer(true));
	assert_int_equal(d.reason, JUDGE_BURN);
	assert_true(isfinite(d.burn.longer));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slice_is_spent_by_the_bad_answer_that_reaches_it),
		cmocka_unit_test(slice_is_that_of_its_own_probe),
		cmocka_unit_test(without_a_slice_or_a_burn_rate_nothing_stops),
		cmocka_unit_test(burn_stops_once_the_whole_window_would_be_over),
		cmocka_unit_test(burn_below_its_rate_goes_on),
		cmocka_unit_test(burn_that_has_ended_does_not_stop),
		cmocka_unit_test(few_answers_mean_nothing),
		cmocka_unit_test(answers_count_when_they_were_due),
		cmocka_unit_test(fastest_of_several_burn_rates_is_named),
		cmocka_unit_test(burn_of_an_objective_of_a_hundred_percent_stays_finite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
