/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chances of single drills.  Bad answers come in rows, and a row of five is hardly more
 * than one piece of evidence: where each depends on the one before it (a chain of two states,
 * with q after a good and r after a bad answer), n of them are worth n·(1−ρ)/(1+ρ) independent
 * ones, ρ = r − q.  That is what the variance of a share says; it is never taken for more
 * than n.
 */
#include "search.h"
#include <math.h>

static double
log_gamma(double x)
{
	int sign; /* lgamma would write a global */

	return lgamma_r(x, &sign);
}

/* P(X ≤ k) of n, each with p. */
static double
at_most(double n, double k, double p)
{
	double sum = 0;

	if (k >= n)
		return 1;
	if (p <= 0)
		return 1;
	if (p >= 1)
		return 0;
	for (uint64_t i = 0; (double)i <= k; i++) {
		double x = (double)i;

		sum += exp(log_gamma(n + 1) - log_gamma(x + 1) - log_gamma(n - x + 1) +
			   x * log(p) + (n - x) * log1p(-p));
	}
	return fmin(sum, 1);
}

/* How much of its count an answer is worth. */
static double
worth(const struct answers *a)
{
	uint64_t after_good = a->n - a->after_bad;

	if (a->after_bad == 0 || after_good == 0 || a->bad < a->bad_after_bad)
		return 1;
	double r = (double)a->bad_after_bad / (double)a->after_bad;
	double q = (double)(a->bad - a->bad_after_bad) / (double)after_good;
	double rho = fmin(fmax(r - q, 0), 0.99);
	return (1 - rho) / (1 + rho);
}

double
search_chance_of_few(const struct answers *a, double share)
{
	double w = worth(a);

	/* rounded to where it is less sure */
	return at_most(floor((double)a->n * w), ceil((double)a->bad * w), share);
}

double
search_chance_of_many(const struct answers *a, double share)
{
	double w = worth(a), bad = floor((double)a->bad * w);

	return bad < 1 ? 1 : fmax(1 - at_most(ceil((double)a->n * w), bad - 1, share), 0);
}
