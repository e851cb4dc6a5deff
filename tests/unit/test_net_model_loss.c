/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Losses and marks of the model of netem over 100,000 packets at a time, against what theory
 * says: shares, what follows what, and how long bursts last.  Seeded, as test_net_model.c.
 */
#include "fates.h"

static void
random_loss_has_its_share(void **state)
{
	static const uint32_t losses[] = { 0, 1, 100, 1000, 30000, 99999, SHARE_ALL };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(losses); c++) {
		const struct impairment i = { .loss = losses[c] };

		run_model(&i, c);
		assert_share("loss", share_dropped(), (double)losses[c] / SHARE_ALL);
	}
	run_model(&(struct impairment){ .loss = SHARE_ALL }, 9);
	assert_true(share_dropped() == 1);
}

/* P(x < t) of x = (1 - r) u + r x', by putting the law into itself until it stays. */
static double
correlated_share(double r, double t)
{
	enum { GRID = 1000, ROUNDS = 60 };
	static double law[GRID + 1], sums[GRID + 1], next[GRID + 1];

	for (int i = 0; i <= GRID; i++)
		law[i] = (double)i / GRID;
	for (int n = 0; n < ROUNDS; n++) {
		/* the mean of the law between (t - (1 - r)) / r and t / r */
		sums[0] = 0;
		for (int i = 1; i <= GRID; i++)
			sums[i] = sums[i - 1] + (law[i - 1] + law[i]) / 2 / GRID;
		for (int i = 0; i <= GRID; i++) {
			double high = (double)i / GRID / r;
			double low = high - (1 - r) / r;
			double area = 0;

			if (high > 1) {
				area += high - 1;
				high = 1;
			}
			area += sums[(int)(high * GRID)];
			if (low > 0)
				area -= low > 1 ? sums[GRID] + low - 1 :
						  sums[(int)(low * GRID)];
			next[i] = area * r / (1 - r);
		}
		memcpy(law, next, sizeof(law));
	}
	return law[(int)(t * GRID)];
}

/* As with netem, correlation makes a small loss smaller: numbers near the ends are rare. */
static void
correlated_loss_comes_in_runs_and_is_rarer(void **state)
{
	static const struct {
		double loss, r;
	} cases[] = { { 0.3, 0.5 }, { 0.2, 0.25 }, { 0.4, 0.8 } };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		const struct impairment i = { .loss =
						  (uint32_t)(cases[c].loss * SHARE_ALL),
			.loss_correlation = (uint32_t)(cases[c].r * SHARE_ALL) };
		size_t pairs = 0;
		double share;

		run_model(&i, c);
		share = share_dropped();
		assert_near(
		    "loss", share, correlated_share(cases[c].r, cases[c].loss), 0.01);
		for (size_t k = 1; k < N; k++)
			pairs += run.fates[k - 1][0].kind == FATE_DROP &&
				 run.fates[k][0].kind == FATE_DROP;
		print_message("         after a loss %.3f\n", (double)pairs / N / share);
		assert_true((double)pairs / N / share > share * 1.3);
	}
}

/* The share of each state of a chain in the long run: of one that stands still every other
 * time, so that a chain that goes round settles, too. */
static void
stationary(const double p[4][4], double ret[4])
{
	double now[4] = { 1, 0, 0, 0 };

	for (int n = 0; n < 10000; n++) {
		for (int k = 0; k < 4; k++) {
			ret[k] = now[k] / 2;
			for (int i = 0; i < 4; i++)
				ret[k] += now[i] * p[i][k] / 2;
		}
		memcpy(now, ret, sizeof(now));
	}
}

static void
loss_by_four_states_has_its_shares(void **state)
{
	/* p13 p31 p32 p23 p14 */
	static const double cases[][5] = {
		{ 0.02, 0.2, 0.3, 0.4, 0.01 },
		{ 0.05, 0.95, 0, 1, 0 },
		{ 0.1, 0.1, 0.6, 0.2, 0.2 },
		{ 0.3, 0.7, 0.3, 1, 0.7 },
	};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		const double *a = cases[c];
		const double p[4][4] = {
			{ 1 - a[0] - a[4], 0, a[0], a[4] },
			{ 0, 1 - a[3], a[3], 0 },
			{ a[1], a[2], 1 - a[1] - a[2], 0 },
			{ 1, 0, 0, 0 },
		};
		struct impairment i = { .loss_model = LOSS_STATE };
		double want[4], pairs = 0;

		for (int k = 0; k < 5; k++)
			i.loss_args[k] = (uint32_t)(a[k] * SHARE_ALL);
		stationary(p, want);
		run_model(&i, c);
		/* dependent packets: as if there were ten times fewer */
		assert_near("loss", share_dropped(), want[2] + want[3],
		    5 * sqrt(want[2] + want[3]) / sqrt(N / 10.0));
		for (size_t k = 1; k < N; k++)
			pairs += run.fates[k - 1][0].kind == FATE_DROP &&
				 run.fates[k][0].kind == FATE_DROP;
		assert_near("two lost in a row", pairs / N, want[2] * p[2][2],
		    5 * sqrt(want[2] * p[2][2] + 1e-6) / sqrt(N / 10.0));
	}
}

static void
loss_by_gilbert_and_elliott_has_its_bursts(void **state)
{
	/* p r 1-h 1-k */
	static const double cases[][4] = { { 0.01, 0.2, 1, 0 }, { 0.05, 0.3, 0.8, 0.01 },
		{ 0.5, 0.5, 0.5, 0.5 } };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		const double *a = cases[c];
		double bad = a[0] / (a[0] + a[1]);
		double want = bad * a[2] + (1 - bad) * a[3];
		struct impairment i = { .loss_model = LOSS_GEMODEL };
		size_t bursts = 0, lost = 0;

		for (int k = 0; k < 4; k++)
			i.loss_args[k] = (uint32_t)(a[k] * SHARE_ALL);
		run_model(&i, c);
		assert_near("loss", share_dropped(), want,
		    5 * sqrt(want * (1 - want) / (N / 10.0)));
		for (size_t k = 1; k < N; k++) {
			bool is_lost = run.fates[k][0].kind == FATE_DROP;

			lost += is_lost;
			bursts += is_lost && run.fates[k - 1][0].kind != FATE_DROP;
		}
		if (c == 0) /* a burst is as long as the bad state */
			assert_near("length of a burst", (double)lost / (double)bursts,
			    1 / a[1], 0.4);
	}
}

static void
marks_take_the_place_of_losses_where_they_can(void **state)
{
	const struct impairment i = { .loss = 20000, .ecn = true };

	(void)state;
	for (int takes = 0; takes < 2; takes++) {
		size_t marked = 0;
		struct model m;

		model_init(&m, &i, 7, LIMIT);
		decide_all(&m, SEC, 10 * US, takes);
		model_release(&m);
		for (size_t k = 0; k < N; k++)
			marked += run.fates[k][0].is_marked;
		assert_share("marked", (double)marked / N, takes ? 0.2 : 0);
		assert_share("lost", share_dropped(), takes ? 0 : 0.2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_loss_has_its_share),
		cmocka_unit_test(correlated_loss_comes_in_runs_and_is_rarer),
		cmocka_unit_test(loss_by_four_states_has_its_shares),
		cmocka_unit_test(loss_by_gilbert_and_elliott_has_its_bursts),
		cmocka_unit_test(marks_take_the_place_of_losses_where_they_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
