/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact (Clopper–Pearson) bounds of a share.  The lower bound is the p at which `bad` or
 * more of n would be seen with probability 1 − confidence, the upper bound the p at which
 * `bad` or fewer would.  A binomial tail is a regularised incomplete beta function,
 *	P(X ≥ k) = I_p(k, n−k+1),
 * computed by its continued fraction; the p that belongs to a probability is then found by
 * bisection: sixty halvings are all a double can hold, and need no derivative to go wrong.
 */
#include "judge.h"
#include <math.h>

#define FRACTION_TERMS 10000 /* converges in about the root of n terms */
#define FRACTION_EPS   1e-14
#define BISECTIONS     60

static double
keep_off_zero(double v)
{
	return fabs(v) < 1e-300 ? 1e-300 : v;
}

/* The continued fraction of I_x(a, b) by Lentz's method; for x < (a+1)/(a+b+2). */
static double
beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 / keep_off_zero(1 - (a + b) * x / (a + 1)), sum = d;

	for (int i = 1; i <= FRACTION_TERMS; i++) {
		double m = i, twice = 2 * m;
		double even = m * (b - m) * x / ((a + twice - 1) * (a + twice));
		double odd = -(a + m) * (a + b + m) * x / ((a + twice) * (a + twice + 1));

		d = 1 / keep_off_zero(1 + even * d);
		c = keep_off_zero(1 + even / c);
		sum *= d * c;
		d = 1 / keep_off_zero(1 + odd * d);
		c = keep_off_zero(1 + odd / c);
		sum *= d * c;
		if (fabs(d * c - 1) < FRACTION_EPS)
			break;
	}
	return sum;
}

static double
log_gamma(double x)
{
	int sign; /* lgamma would write a global */

	return lgamma_r(x, &sign);
}

/* I_x(a, b), 0 < x < 1. */
static double
incomplete_beta(double a, double b, double x)
{
	double front = exp(
	    log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));

	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* The x with I_x(a, b) = target. */
static double
inverse_beta(double a, double b, double target)
{
	double low = 0, high = 1;

	for (int i = 0; i < BISECTIONS; i++) {
		double mid = (low + high) / 2;

		if (incomplete_beta(a, b, mid) < target)
			low = mid;
		else
			high = mid;
	}
	return (low + high) / 2;
}

double
share_lower(uint64_t n, uint64_t bad, double confidence)
{
	if (n == 0 || bad == 0)
		return 0;
	return inverse_beta((double)bad, (double)(n - bad) + 1, 1 - confidence);
}

double
share_upper(uint64_t n, uint64_t bad, double confidence)
{
	if (n == 0 || bad >= n)
		return 1;
	return inverse_beta((double)bad + 1, (double)(n - bad), confidence);
}

double
share_tail(uint64_t n, uint64_t k, double p)
{
	if (k == 0)
		return 1;
	return k > n ? 0 : incomplete_beta((double)k, (double)(n - k) + 1, p);
}
