/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FATES_H
#define FATES_H
/* What a model of netem makes of many packets, and the arithmetic to judge it by. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "cleanup.h"
#include "model.h"

enum { N = 100000, LIMIT = N + 10 };
#define MS  UINT64_C(1000000)
#define US  UINT64_C(1000)
#define SEC UINT64_C(1000000000)

/* What became of N packets, one every `step` ns. */
static struct run {
	struct fate fates[N][2];
	size_t counts[N];
	double delays[N]; /* ms */
} run;

static inline void
decide_all(struct model *m, uint64_t start, uint64_t step, bool takes_ecn)
{
	for (uint32_t i = 0; i < N; i++) {
		const struct model_packet p = {
			.at = start + i * step, .len = 1000, .takes_ecn = takes_ecn
		};
		struct held h;

		run.counts[i] = model_decide(m, &p, run.fates[i]);
		for (size_t k = run.counts[i]; k-- > 0;)
			if (run.fates[i][k].kind == FATE_HOLD)
				model_hold(m, &(struct held){ .due = run.fates[i][k].due,
						  .id = i,
						  .len = p.len });
		run.delays[i] = ((double)run.fates[i][0].due - (double)p.at) / (double)MS;
		while (model_pop(m, p.at, &h))
			;
	}
}

static inline void
run_model(const struct impairment *i, uint64_t seed)
{
	struct model m;

	model_init(&m, i, seed, LIMIT);
	decide_all(&m, SEC, 10 * US, false);
	model_release(&m);
}

static inline double
mean_of(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return sum / (double)n;
}

/* Covariance of each value with the one `lag` before it; of lag 0 the variance. */
static inline double
covariance(const double *v, size_t n, size_t lag)
{
	double mean = mean_of(v, n), sum = 0;

	for (size_t i = lag; i < n; i++)
		sum += (v[i] - mean) * (v[i - lag] - mean);
	return sum / (double)(n - lag);
}

static inline void
assert_near(const char *what, double got, double want, double off)
{
	print_message(
	    "         %-40s %10.5f, want %10.5f +- %.5f\n", what, got, want, off);
	if (fabs(got - want) > off)
		fail_msg("%s: %f is not %f", what, got, want);
}

/* Within five standard deviations of a share of N. */
static inline void
assert_share(const char *what, double got, double want)
{
	assert_near(what, got, want, 5 * sqrt(want * (1 - want) / N) + 1e-9);
}

static inline double
share_dropped(void)
{
	size_t n = 0;

	for (size_t i = 0; i < N; i++)
		n += run.fates[i][0].kind == FATE_DROP;
	return (double)n / N;
}

#endif
