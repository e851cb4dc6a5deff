/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge by simulation with fixed seeds (healthy systems are left alone, sick ones are
 * stopped, at the speed that is promised) and the share bounds against exact values.
 */
#include "experiment.h"
#include "judge.h"
#include "test.h"
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static struct judge j;
static struct judge_decision d;
static uint64_t seed;

/* splitmix64: the same numbers on every machine. */
static double
uniform(void)
{
	uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static struct judge_config
config(double objective, double abort_at, double planned)
{
	struct judge_config c = { .alpha = 0.001, .probe_count = 1 };

	c.probe[0].objective = objective;
	c.probe[0].abort_at = abort_at;
	c.probe[0].planned = planned;
	return c;
}

static void
begin(const struct judge_config *c)
{
	size_t probe = 99;

	assert_int_equal(judge_init(&j, c, &probe), 0);
}

static unsigned
bad_until_stop(void)
{
	for (unsigned n = 1; n < 1000; n++) {
		if (judge_sample(&j, 0, true, 0, &d))
			return n;
	}
	fail_msg("an outage was never stopped");
	return 0;
}

static void
formulas_are_those_of_the_contract(void **state)
{
	struct judge_config c = config(0.99, 0.1, 6000);

	(void)state;
	begin(&c);
	assert_true(fabs(j.probe[0].p0 - 0.01) < 1e-12);
	assert_int_equal(j.probe[0].bank_count, 3);
	assert_true(fabs(j.h - log(6000 * 3 / 0.001)) < 1e-9);
	assert_true(fabs(j.probe[0].bank[0].after_good.up - log(0.1 / 0.01)) < 1e-9);
	assert_true(fabs(j.probe[0].bank[0].after_good.down - log(0.9 / 0.99)) < 1e-9);
	c = config(0.9, 0.5, 100);
	begin(&c);
	assert_int_equal(j.probe[0].bank_count, 2); /* abort_at is 50 %: not twice */
}

static void
full_outage_needs_about_five_bad_samples(void **state)
{
	struct judge_config c = config(0.99, 0.1, 6000);

	(void)state;
	begin(&c);
	for (int i = 0; i < 500; i++)
		assert_false(judge_sample(&j, 0, false, 0, &d));
	assert_int_equal(judge_outage_samples(&j, 0), 4);
	assert_int_equal(bad_until_stop(), 4);
	assert_int_equal(d.reason, JUDGE_BREACH);
	assert_int_equal(d.from, 501);
	assert_int_equal(d.to, 504);
	assert_int_equal(d.bad, 4);
	assert_true(d.s >= d.h);
	/* with a clean baseline of 100 the null is less sure and one more is needed */
	c.probe[0].base.n = 100;
	begin(&c);
	assert_int_equal(bad_until_stop(), 5);
}

/* How many of `runs` drills of `n` samples each are stopped at this share of bad ones. */
static int
stopped(const struct judge_config *c, double share, int runs, int n)
{
	int count = 0;

	for (int run = 0; run < runs; run++) {
		begin(c);
		for (int i = 0; i < n; i++) {
			if (judge_sample(&j, 0, uniform() < share, 0, &d)) {
				count++;
				break;
			}
		}
	}
	return count;
}

static void
healthy_at_the_objective_is_stopped_no_more_often_than_promised(void **state)
{
	struct judge_config c = config(0.99, 0.1, 3000);
	int runs = 2000, count;

	(void)state;
	seed = 1;
	c.alpha = 0.02;
	count = stopped(&c, 0.01, runs, 3000);
	/* 40 are allowed on average; twice that would be beyond chance */
	if (count > 60)
		fail_msg("%d of %d healthy drills were stopped", count, runs);
	c.alpha = 0.001;
	assert_true(stopped(&c, 0.01, runs, 3000) <= 6);
}

static void
share_worth_stopping_for_is_detected(void **state)
{
	struct judge_config c = config(0.99, 0.1, 3000);
	uint64_t samples = 0;
	int runs = 300;

	(void)state;
	seed = 2;
	for (int run = 0; run < runs; run++) {
		begin(&c);
		while (!judge_sample(&j, 0, uniform() < 0.1, 0, &d))
			assert_true(j.probe[0].n < 3000);
		samples += j.probe[0].n;
	}
	/* h over the mean gain per sample, E = 0.1·ln 10 + 0.9·ln(0.9/0.99) */
	assert_true((double)samples / runs < 1.5 * j.h / 0.1445);
}

static void
half_outage_is_detected_faster_than_a_tenth(void **state)
{
	struct judge_config c = config(0.99, 0.1, 3000);
	uint64_t half = 0, tenth = 0;

	(void)state;
	seed = 3;
	for (int run = 0; run < 200; run++) {
		begin(&c);
		while (!judge_sample(&j, 0, uniform() < 0.5, 0, &d))
			;
		half += j.probe[0].n;
		begin(&c);
		while (!judge_sample(&j, 0, uniform() < 0.1, 0, &d))
			;
		tenth += j.probe[0].n;
	}
	assert_true(half * 4 < tenth);
}

static void
ceilings_stop_by_count_and_in_a_row(void **state)
{
	struct judge_config c = config(0.9, 0.4, 1000);

	(void)state;
	c.max_bad = 2;
	begin(&c);
	assert_false(judge_sample(&j, 0, true, 0, &d));
	assert_false(judge_sample(&j, 0, false, 0, &d));
	assert_true(judge_sample(&j, 0, true, 0, &d));
	assert_int_equal(d.reason, JUDGE_MAX_BAD);
	assert_int_equal(judge_outage_samples(&j, 0), 2);
	c.max_bad = 0;
	c.consecutive = 3;
	begin(&c);
	assert_false(judge_sample(&j, 0, true, 0, &d));
	assert_false(judge_sample(&j, 0, false, 0, &d));
	assert_int_equal(bad_until_stop(), 3);
	assert_int_equal(d.reason, JUDGE_CONSECUTIVE);
	assert_int_equal(d.from, 3);
	assert_int_equal(d.to, 5);
}

static void
max_bad_counts_over_all_probes(void **state)
{
	struct judge_config c = config(0.9, 0.4, 1000);

	(void)state;
	c.probe_count = 2;
	c.probe[1] = c.probe[0];
	c.max_bad = 2;
	begin(&c);
	assert_false(judge_sample(&j, 0, true, 0, &d));
	assert_true(judge_sample(&j, 1, true, 0, &d));
	assert_int_equal(d.probe, 1);
}

static void
bad_baseline_cannot_switch_the_abort_off(void **state)
{
	struct judge_config c = config(0.99, 0.1, 1000);
	size_t probe = 99;

	(void)state;
	c.probe[0].base.n = 100;
	c.probe[0].base.bad = 2;
	assert_int_equal(judge_init(&j, &c, &probe), -ERANGE);
	assert_int_equal(probe, 0);
	c.probe[0].base.n = 1000;
	c.probe[0].base.bad = 12;
	begin(&c);
	assert_true(j.probe[0].p0 > 0.012 && j.probe[0].p0 < 0.05);
	c = config(0.5, 0.5, 1000);
	assert_int_equal(judge_init(&j, &c, &probe), -ERANGE);
}

static void
short_clean_baseline_is_uncertain_not_bad(void **state)
{
	struct judge_config c = config(0.99, 0.1, 1000);

	(void)state;
	c.probe[0].base.n = 30;
	begin(&c);
	assert_true(fabs(j.probe[0].p0 - 0.05) < 1e-9);
	assert_true(j.probe[0].bank_count == 3);
	assert_true(bad_until_stop() < 10);
}

static void
objective_of_a_hundred_percent_stays_finite(void **state)
{
	struct judge_config c = config(1.0, 0.1, 1000);

	(void)state;
	begin(&c);
	for (int i = 0; i < 1000; i++)
		assert_false(judge_sample(&j, 0, false, 0, &d));
	assert_true(bad_until_stop() <= 2);
}

/* What a healthy system may show is no reason to stop. */
static void
abort_at_within_what_the_objective_allows_is_refused(void **state)
{
	static const double at[] = { 0, 0.001, 0.01, 0.0199 };
	size_t probe = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct judge_config c = config(0.99, at[i], 1000);

		assert_int_equal(judge_init(&j, &c, &probe), -ERANGE);
		assert_int_equal(probe, 0);
	}
}

static void
no_answers_are_no_decision(void **state)
{
	struct judge_config c = config(0.99, 0.1, 0);
	const struct answers none = { 0 };

	(void)state;
	begin(&c);
	assert_true(isfinite(j.h) && j.h > 0);
	assert_in_range(judge_outage_samples(&j, 0), 1, 10);
	assert_int_equal(judge_steady(&none, 0.99), STEADY_FEW);
	assert_int_equal(judge_steady(&none, 1), STEADY_FEW);
	assert_false(answers_cluster(&none, 0.01));
	assert_true(answers_worth(&none, 0.01) > 0.99);
	/* and a drill without probes has a judge without work */
	c.probe_count = 0;
	begin(&c);
}

static void
experiment_says_what_the_judge_is_told(void **state)
{
	struct probe_def p = {
		.rate_mhz = 200 * 1000,
		.objective = 0.99,
		.abort_at = 0.2,
		.slo = { .is_set = true,
		    .objective = 0.999,
		    .window = 1000 * USEC_PER_SEC,
		    .spend = 0.02,
		    .burn = { { 14.4, 30 * USEC_PER_SEC, 2 * USEC_PER_SEC } },
		    .burn_count = 1 },
	};
	struct fault_def f = { .spec.at = 5 * USEC_PER_SEC,
		.spec.duration = 40 * USEC_PER_SEC };
	struct experiment x = { .probes = &p,
		.probe_count = 1,
		.faults = &f,
		.fault_count = 1,
		.steady.during = 30 * USEC_PER_SEC,
		.budget = { .false_abort = 0.01, .max_bad = 7, .consecutive = 3 } };
	struct judge_config c;

	(void)state;
	judge_configure(&c, &x);
	assert_true(fabs(c.alpha - 0.01) < 1e-12);
	assert_int_equal(c.max_bad, 7);
	assert_int_equal(c.consecutive, 3);
	assert_true(fabs(c.probe[0].planned - 9000) < 1e-9); /* to the fault's end */
	assert_true(fabs(c.probe[0].slice - 4) < 1e-9);
	assert_true(fabs(c.probe[0].slo - 0.999) < 1e-12);
	assert_int_equal(c.probe[0].burn_count, 1);
	assert_int_equal(c.probe[0].burn[0].shorter, 2 * USEC_PER_SEC);
	p.slo.is_set = false;
	judge_configure(&c, &x);
	assert_true(c.probe[0].slice <= 0);
	assert_int_equal(c.probe[0].burn_count, 0);
}

static enum steady
steady(uint64_t n, uint64_t bad, double objective)
{
	const struct answers a = { .n = n, .bad = bad };

	return judge_steady(&a, objective);
}

static void
steady_needs_samples_and_no_proof_of_the_contrary(void **state)
{
	(void)state;
	assert_int_equal(steady(29, 0, 0.99), STEADY_FEW);
	assert_int_equal(steady(30, 0, 0.99), STEADY_YES);
	assert_int_equal(steady(100, 1, 0.99), STEADY_YES);
	assert_int_equal(steady(100, 3, 0.99), STEADY_YES); /* lower bound 0.8 % */
	assert_int_equal(steady(100, 4, 0.99), STEADY_NO);  /* 1.4 % */
	assert_int_equal(steady(100, 100, 0.99), STEADY_NO);
	assert_int_equal(steady(30, 1, 1.0), STEADY_NO);
	assert_int_equal(steady(30, 0, 1.0), STEADY_YES);
}

/* P(X ≤ bad) for X ~ Binomial(n, p), term by term. */
static double
tail(unsigned n, unsigned bad, double p)
{
	double term = pow(1 - p, n), sum = 0;

	for (unsigned i = 0; i <= bad; i++) {
		sum += term;
		term *= (double)(n - i) / (i + 1) * p / (1 - p);
	}
	return sum;
}

static void
bounds_solve_the_binomial_tail(void **state)
{
	static const unsigned cases[][2] = { { 1, 0 }, { 10, 1 }, { 30, 29 }, { 100, 3 },
		{ 300, 7 }, { 500, 250 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned n = cases[i][0], bad = cases[i][1];
		double upper = share_upper(n, bad, 0.95),
		       lower = share_lower(n, bad, 0.95);

		assert_true(fabs(tail(n, bad, upper) - 0.05) < 1e-9);
		if (bad > 0)
			assert_true(fabs(tail(n, bad - 1, lower) - 0.95) < 1e-9);
		assert_true(lower < (double)bad / n + 1e-12 && upper > (double)bad / n);
	}
}

static void
bounds_are_right_at_the_edges_and_for_many(void **state)
{
	(void)state;
	assert_true(share_lower(0, 0, 0.95) <= 0 && share_upper(0, 0, 0.95) >= 1);
	assert_true(share_lower(50, 0, 0.95) <= 0);
	assert_true(share_upper(50, 50, 0.95) >= 1);
	assert_true(fabs(share_upper(100, 0, 0.95) - (1 - pow(0.05, 0.01))) < 1e-10);
	/* a million samples: the normal approximation is good to three digits here */
	assert_true(fabs(share_upper(1000000, 10000, 0.95) - 0.010164) < 2e-6);
	assert_true(fabs(share_lower(1000000, 10000, 0.95) - 0.009837) < 2e-6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formulas_are_those_of_the_contract),
		cmocka_unit_test(full_outage_needs_about_five_bad_samples),
		cmocka_unit_test(
		    healthy_at_the_objective_is_stopped_no_more_often_than_promised),
		cmocka_unit_test(share_worth_stopping_for_is_detected),
		cmocka_unit_test(half_outage_is_detected_faster_than_a_tenth),
		cmocka_unit_test(ceilings_stop_by_count_and_in_a_row),
		cmocka_unit_test(max_bad_counts_over_all_probes),
		cmocka_unit_test(bad_baseline_cannot_switch_the_abort_off),
		cmocka_unit_test(short_clean_baseline_is_uncertain_not_bad),
		cmocka_unit_test(objective_of_a_hundred_percent_stays_finite),
		cmocka_unit_test(abort_at_within_what_the_objective_allows_is_refused),
		cmocka_unit_test(no_answers_are_no_decision),
		cmocka_unit_test(experiment_says_what_the_judge_is_told),
		cmocka_unit_test(steady_needs_samples_and_no_proof_of_the_contrary),
		cmocka_unit_test(bounds_solve_the_binomial_tail),
		cmocka_unit_test(bounds_are_right_at_the_edges_and_for_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
