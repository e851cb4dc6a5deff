/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge where failures cluster, by simulation with fixed seeds: ten thousand healthy
 * drills whose bad answers come one by one or in rows, each judged by what its own baseline
 * showed; and how long a sick system goes unnoticed, against what arithmetic says.
 */
#include "judge.h"
#include "splitmix.h"
#include "test.h"
#include <math.h>
#include <stdint.h>

#define RUNS     10000
#define FEW      1000 /* where the answer is plain */
#define BEFORE   2000 /* 10 s at 200/s */
#define DURING   3000
#define SHARE    0.01
#define ALPHA    0.05
#define PATIENCE 100000

static uint64_t seed;

static double
uniform(void)
{
	return (double)(splitmix_next(&seed) >> 11) / 9007199254740992.0;
}

/* A system whose bad answers, SHARE of all, come in rows of `mean` on average. */
struct system {
	double q, r;
	unsigned longest; /* no row is longer; 0: any may be */
	unsigned row;
};

static struct system
system_of(double share, double mean)
{
	double r = mean > 1 ? 1 - 1 / mean : share;

	return (struct system){ .r = r, .q = share * (1 - r) / (1 - share) };
}

static bool
answer(struct system *s)
{
	bool is_bad = uniform() < (s->row > 0 ? s->r : s->q);

	if (s->longest > 0 && s->row == s->longest)
		is_bad = false;
	s->row = is_bad ? s->row + 1 : 0;
	return is_bad;
}

static struct judge_config
config(void)
{
	struct judge_config c = { .alpha = ALPHA, .probe_count = 1 };

	c.probe[0].objective = 1 - SHARE;
	c.probe[0].abort_at = 0.1;
	c.probe[0].planned = DURING;
	return c;
}

static struct answers
look_at(struct system *s, unsigned count)
{
	struct answers a = { 0 };
	bool last = false;

	for (unsigned i = 0; i < count; i++) {
		bool bad = answer(s);

		a.n++;
		a.bad += bad;
		a.after_bad += last;
		a.bad_after_bad += last && bad;
		last = bad;
	}
	return a;
}

struct counts {
	unsigned stopped, unsteady, clustered;
};

struct drills {
	unsigned count;
	double mean;   /* answers in a row of bad ones */
	double stall;  /* as the experiment says; 0: it does not */
	double h;      /* instead of the judge's own; 0: that */
	bool is_blind; /* to what follows what */
};

/* One that has a steady state; was it stopped? */
static bool
is_stopped(const struct drills *o, const struct judge_config *c, struct system *s)
{
	static struct judge j;
	struct judge_decision d;
	size_t probe;

	if (judge_init(&j, c, &probe) < 0)
		return false; /* it does not begin: no steady state, either */
	j.h = o->h > 0 ? o->h : j.h;
	for (int i = 0; i < DURING; i++) {
		if (judge_sample(&j, 0, answer(s), 0, &d))
			return true;
	}
	return false;
}

/* Healthy drills, from their baseline on. */
static struct counts
healthy_drills(struct drills o)
{
	struct counts counts = { 0 };

	for (unsigned run = 0; run < o.count; run++) {
		struct system s = system_of(SHARE, o.mean);
		struct judge_config c = config();

		s.longest = (unsigned)o.stall;
		c.probe[0].base = look_at(&s, BEFORE);
		c.probe[0].stall = o.stall;
		if (o.is_blind)
			c.probe[0].base.after_bad = 0;
		counts.clustered += answers_cluster(&c.probe[0].base, SHARE);
		if (judge_steady(&c.probe[0].base, 1 - SHARE) != STEADY_YES)
			counts.unsteady++;
		else
			counts.stopped += is_stopped(&o, &c, &s);
	}
	(void)printf("rows of %g: %u of %u stopped, %u unsteady, %u seen to cluster\n",
	    o.mean, counts.stopped, o.count, counts.unsteady, counts.clustered);
	return counts;
}

static void
healthy_drills_are_stopped_no_more_often_than_promised(void **state)
{
	static const double means[] = { 1, 2, 5 };

	(void)state;
	seed = 1;
	for (size_t i = 0; i < 3; i++) {
		struct counts c =
		    healthy_drills((struct drills){ RUNS, .mean = means[i] });

		assert_true(c.stopped <= ALPHA * RUNS);
		/* a system at its objective is on the edge of it: one-sided 95 % */
		assert_true(c.unsteady <= 0.08 * RUNS);
	}
}

/* The promise is not kept by luck: with a threshold for one sample in place of all, and
 * with each answer judged by itself, it is broken. */
static void
neither_a_lower_threshold_nor_an_independent_null_would_do(void **state)
{
	(void)state;
	seed = 2;
	assert_true(
	    healthy_drills((struct drills){ FEW, 1, .h = log(1 / ALPHA) }).stopped >
	    4 * ALPHA * FEW);
	for (double mean = 2; mean <= 5; mean += 3) {
		struct drills o = { FEW, mean, .is_blind = true };

		assert_true(healthy_drills(o).stopped > 4 * ALPHA * FEW);
	}
}

static void
a_pause_that_is_named_is_taken_for_health(void **state)
{
	(void)state;
	seed = 3;
	for (double stall = 2; stall <= 20; stall += 6) {
		struct drills o = { FEW, .mean = stall / 2, .stall = stall };

		assert_true(healthy_drills(o).stopped <= ALPHA * FEW);
	}
}

static void
rows_are_seen_where_they_are_and_nowhere_else(void **state)
{
	(void)state;
	seed = 4;
	assert_true(healthy_drills((struct drills){ FEW, 5 }).clustered > 0.9 * FEW);
	assert_true(healthy_drills((struct drills){ FEW, 1 }).clustered < 0.06 * FEW);
}

/* --- speed ---------------------------------------------------------------------------- */

/* The mean of a test's step where this share is bad, independently. */
static double
gain(const struct cusum *t, double share)
{
	double up = share * t->after_bad.up + (1 - share) * t->after_good.up;
	double down = share * t->after_bad.down + (1 - share) * t->after_good.down;

	return share * up + (1 - share) * down;
}

static double
delay_by_theory(const struct judge *j, double share)
{
	double best = 0;

	if (share >= 1)
		return judge_outage_samples(j, 0);
	for (size_t i = 0; i < j->probe[0].bank_count; i++)
		best = fmax(best, gain(&j->probe[0].bank[i], share));
	return j->h / best;
}

static double
delay_seen(struct judge *j, const struct judge_config *c, double share)
{
	struct judge_decision d;
	uint64_t sum = 0;
	const int runs = 2000;
	size_t probe;

	for (int run = 0; run < runs; run++) {
		assert_int_equal(judge_init(j, c, &probe), 0);
		do {
			assert_true(++sum < (uint64_t)PATIENCE * (uint64_t)runs);
		} while (!judge_sample(j, 0, uniform() < share, 0, &d));
	}
	return (double)sum / runs;
}

static void
what_is_sick_is_noticed_as_soon_as_arithmetic_says(void **state)
{
	static const double shares[] = { 1, 0.2, 0.05 };
	static struct judge j;
	struct judge_config c = config();
	size_t probe;

	(void)state;
	seed = 5;
	c.alpha = 0.001;
	c.probe[0].objective = 0.999;
	c.probe[0].abort_at = 0.05;
	for (size_t i = 0; i < 3; i++) {
		double seen = delay_seen(&j, &c, shares[i]), theory;

		assert_int_equal(judge_init(&j, &c, &probe), 0);
		theory = delay_by_theory(&j, shares[i]);
		(void)printf("%g %% bad: noticed after %.1f, by theory %.1f\n",
		    100 * shares[i], seen, theory);
		assert_true(fabs(seen - theory) <= 0.2 * theory);
	}
}

/* What it costs to take rows for healthy is known beforehand, and bounded. */
static void
an_outage_is_noticed_though_rows_are_healthy(void **state)
{
	static const double stalls[] = { 2, 5, 20, 200 };
	static struct judge j;
	unsigned last = 0;
	size_t probe;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct judge_config c = config();
		unsigned promised;

		c.probe[0].stall = stalls[i];
		assert_int_equal(judge_init(&j, &c, &probe), 0);
		promised = judge_outage_samples(&j, 0);
		assert_true(delay_seen(&j, &c, 1) <= promised);
		(void)printf("rows of %g: an outage after %u\n", stalls[i], promised);
		assert_true(promised > last && promised < stalls[i] + 40);
		last = promised;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_drills_are_stopped_no_more_often_than_promised),
		cmocka_unit_test(
		    neither_a_lower_threshold_nor_an_independent_null_would_do),
		cmocka_unit_test(a_pause_that_is_named_is_taken_for_health),
		cmocka_unit_test(rows_are_seen_where_they_are_and_nowhere_else),
		cmocka_unit_test(what_is_sick_is_noticed_as_soon_as_arithmetic_says),
		cmocka_unit_test(an_outage_is_noticed_though_rows_are_healthy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
