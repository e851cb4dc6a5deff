/* SPDX-License-Identifier: Apache-2.0 */
/* Differences and their limits; where each formula is from is in the header. */
#include "shift.h"
#include <math.h>

#define CONFIDENCE  0.95
#define Z           1.959963984540054 /* 97.5 % of the normal distribution lie below */
#define ANSWERS_MIN 30

/* What one phase shows alone. */
struct seen {
	double x, low, high;
};

static void
difference(const struct seen *a, const struct seen *b, struct shift *ret)
{
	ret->from = a->x;
	ret->to = b->x;
	ret->by = b->x - a->x;
	ret->low = ret->by - hypot(b->x - b->low, a->high - a->x);
	ret->high = ret->by + hypot(b->high - b->x, a->x - a->low);
}

static struct seen
seen_share(const struct answers *a)
{
	double x = (double)a->bad / (double)a->n;
	double n = (double)a->n * answers_worth(a, 0), per = Z * Z / n;
	double middle = (x + per / 2) / (1 + per);
	double half = Z / (1 + per) * sqrt(x * (1 - x) / n + per / (4 * n));

	return (struct seen){ x, fmin(fmax(0, middle - half), x),
		fmax(fmin(1, middle + half), x) };
}

bool
shift_of_share(
    const struct answers *before, const struct answers *then, struct shift *ret)
{
	if (before->n < ANSWERS_MIN || then->n < ANSWERS_MIN)
		return false;
	struct seen a = seen_share(before), b = seen_share(then);

	difference(&a, &b, ret);
	return true;
}

/* The least k with P(X ≥ k) ≤ p, X of n answers below the quantile; n + 1: none. */
static uint64_t
rank_of(uint64_t n, double q, double p)
{
	uint64_t low = 0, high = n + 1; /* the tail of 0 is 1, that of n + 1 is 0 */

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (share_tail(n, mid, q) <= p)
			high = mid;
		else
			low = mid;
	}
	return high;
}

/* X_(k) lies above the quantile when fewer than k answers lie below it, and beneath when
 * at least k do. */
static bool
seen_quantile(const struct hist *h, double q, struct seen *ret)
{
	if (h->count < ANSWERS_MIN || !hist_supports(h, q))
		return false;
	uint64_t low = rank_of(h->count, q, (1 + CONFIDENCE) / 2) - 1;
	uint64_t high = rank_of(h->count, q, (1 - CONFIDENCE) / 2);

	if (low < 1 || high > h->count)
		return false;
	ret->x = (double)hist_quantile(h, q);
	/* a bucket's value is its top: it may lie as far below as the bucket is wide */
	ret->low = (double)hist_rank(h, low) * (1 - 1.0 / (1 << HIST_SUB_BITS));
	ret->high = (double)hist_rank(h, high);
	return true;
}

bool
shift_of_quantile(
    const struct hist *before, const struct hist *then, double q, struct shift *ret)
{
	struct seen a, b;

	if (!seen_quantile(before, q, &a) || !seen_quantile(then, q, &b))
		return false;
	difference(&a, &b, ret);
	return true;
}

bool
shift_is_clear(const struct shift *s)
{
	return s->low > 0 || s->high < 0;
}

double
shift_worse(const struct hist *before, const struct hist *then)
{
	double pairs = (double)before->count * (double)then->count, below = 0, worse = 0;

	if (pairs <= 0)
		return 0.5;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		worse += then->bucket[i] * (below + before->bucket[i] / 2.0);
		below += before->bucket[i];
	}
	return worse / pairs;
}
