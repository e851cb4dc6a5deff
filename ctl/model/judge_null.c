/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What health looks like: p0, q and r of a probe from its objective and its baseline, and
 * whether that baseline is steady at all.  What may surprise: an uncertain baseline never
 * raises p0 beyond half of abort_at, or a short one would switch the judge off; a bad one
 * may, and then there is no drill.
 */
#include "judge_parts.h"
#include <math.h>

#define CONFIDENCE 0.95
/* An objective of 100 % would make one bad answer infinitely strong evidence. */
#define P0_MIN     1e-6
#define STEADY_MIN 30

/* How sticky bad answers may be in health: a pause that the experiment names may be long,
 * one that a short baseline suggests must not switch the judge off. */
#define R_MAX     0.9
/* …and beyond it a row soon ends. */
#define R_PAST    0.5
#define STALL_MAX 100000

double
null_of_objective(double objective)
{
	return fmax(1 - objective, P0_MIN);
}

static double
null_share(const struct judge_config *c, size_t i)
{
	double p0 = null_of_objective(c->probe[i].objective), upper;
	uint64_t n = c->probe[i].base.n, bad = c->probe[i].base.bad;

	if (n == 0)
		return p0;
	upper = share_upper(n, bad, CONFIDENCE);
	if ((double)bad <= p0 * (double)n)
		upper = fmin(upper, c->probe[i].abort_at / 2);
	return fmax(p0, upper);
}

static double
share_of(uint64_t n, uint64_t bad)
{
	return n > 0 ? (double)bad / (double)n : 0;
}

bool
answers_cluster(const struct answers *a, double share)
{
	return a->after_bad > 0 && share_lower(a->after_bad, a->bad_after_bad,
				       CONFIDENCE) > fmax(share, share_of(a->n, a->bad));
}

void
null_set(struct judge_probe *p, const struct judge_config *c, size_t i)
{
	const struct answers *a = &c->probe[i].base;
	const double stall = c->probe[i].stall;
	double low;

	p->p0 = null_share(c, i);
	p->q = p->r = p->p0;
	if (stall >= 1) {
		p->stall = (uint32_t)fmin(ceil(stall), STALL_MAX);
		p->r = fmax(R_PAST, p->p0);
	} else if (stall <= 0 && answers_cluster(a, p->p0)) {
		p->r = share_upper(a->after_bad, a->bad_after_bad, CONFIDENCE);
		p->r = fmax(fmin(p->r, R_MAX), p->p0);
		low = share_lower(a->after_bad, a->bad_after_bad, CONFIDENCE);
		p->q = p->p0 * (1 - fmin(low, p->r)) / (1 - p->p0);
	}
}

double
answers_worth(const struct answers *a, double share)
{
	double r = share_of(a->after_bad, a->bad_after_bad),
	       q = share_of(a->n - a->after_bad, a->bad - a->bad_after_bad),
	       rho = fmin(fmax(r - q, 0), R_MAX);

	return answers_cluster(a, share) ? (1 - rho) / (1 + rho) : 1;
}

enum steady
judge_steady(const struct answers *a, double objective)
{
	double worth = answers_worth(a, 1 - objective);
	uint64_t n = (uint64_t)floor((double)a->n * worth),
		 bad = (uint64_t)floor((double)a->bad * worth);

	if (a->n < STEADY_MIN)
		return STEADY_FEW;
	/* a share that equals 1 − objective but for rounding does not exceed it */
	if (share_lower(n, bad, CONFIDENCE) > 1 - objective + 1e-12)
		return STEADY_NO;
	return STEADY_YES;
}
