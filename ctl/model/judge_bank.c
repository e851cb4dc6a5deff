/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bank of CUSUM tests of one probe.  All steps are worked out once; a sample then costs
 * an addition for each test.  What may surprise: they never change during the drill, however the
 * system behaves, because the bound on false stops holds only for a null fixed beforehand.
 */
#include "judge_parts.h"
#include <math.h>

/* p1 = 1 would make a good answer infinitely strong evidence of health. */
#define P1_MAX 0.9999
/* Rows this long make the sharpest test of an outage worth its share of α. */
#define R_LONG 0.5

static void
add_test(struct judge_probe *p, double p1)
{
	struct cusum *t = &p->bank[p->bank_count];
	double q1, r1;

	p1 = fmin(p1, P1_MAX);
	for (size_t i = 0; i < p->bank_count; i++) {
		if (fabs(p->bank[i].p1 - p1) < 1e-9)
			return;
	}
	r1 = fmax(p1, p->r);
	q1 = p1 * (1 - r1) / (1 - p1);
	*t = (struct cusum){
		.p1 = p1,
		.after_good = { log(q1 / p->q), log1p(-q1) - log1p(-p->q) },
		.after_bad = { log(r1 / p->r), log1p(-r1) - log1p(-p->r) },
	};
	p->bank_count++;
}

void
bank_fill(struct judge_probe *p, double abort_at)
{
	const double outage = fmax(0.99, 1 - (1 - p->r) / 10);
	const double at[BANK_MAX] = { abort_at, 0.5, 0.9, outage };
	const size_t count = p->r >= R_LONG ? BANK_MAX : BANK_MAX - 1;

	for (size_t i = 0; i < count; i++) {
		if (at[i] >= abort_at && at[i] >= 2 * p->p0)
			add_test(p, at[i]);
	}
}

static void
step(struct cusum *t, const struct judge_probe *p, bool bad)
{
	const double before = t->s;
	double up = t->after_good.up, down = t->after_good.down;

	if (p->in_a_row > 0 && p->in_a_row < p->stall) {
		up = down = 0;
	} else if (p->in_a_row > 0) {
		up = t->after_bad.up;
		down = t->after_bad.down;
	}
	t->s = fmax(0, t->s + (bad ? up : down));
	if (t->s <= 0)
		t->bad = 0;
	else if (before <= 0)
		t->since = p->n;
	if (t->s > 0 && bad)
		t->bad++;
}

const struct cusum *
bank_step(struct judge_probe *p, bool bad, double h)
{
	const struct cusum *passed = NULL;

	for (size_t i = 0; i < p->bank_count; i++) {
		step(&p->bank[i], p, bad);
		if (passed == NULL && p->bank[i].s >= h)
			passed = &p->bank[i];
	}
	return passed;
}

/* The first bad answer of an outage follows a good one, all others a bad one. */
static double
outage_of(const struct cusum *t, double h, uint32_t stall)
{
	double rest = h - t->after_good.up, silent = stall > 0 ? stall - 1 : 0;

	if (rest <= 0)
		return 1;
	return t->after_bad.up > 0 ? 1 + silent + ceil(rest / t->after_bad.up) : INFINITY;
}

double
bank_outage(const struct judge_probe *p, double h)
{
	double least = INFINITY;

	for (size_t i = 0; i < p->bank_count; i++)
		least = fmin(least, outage_of(&p->bank[i], h, p->stall));
	return least;
}
