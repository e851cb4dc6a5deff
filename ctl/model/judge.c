/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUSUM bank and the hard ceilings.  All constants of a drill are worked out once in
 * judge_init; a sample then costs three additions.  What may surprise: p0 and the steps
 * never change during the drill, however the system behaves, because the bound on false
 * stops holds only for a null fixed beforehand.
 */
#include "judge.h"
#include <errno.h>
#include <math.h>
#include <string.h>

#define CONFIDENCE 0.95
/* An objective of 100 % would make one bad answer infinitely strong evidence. */
#define P0_MIN     1e-6
/* …and p1 = 1 would do the same for a good one. */
#define P1_MAX     0.9999
#define STEADY_MIN 30

/* How sticky bad answers may be in health: a pause that the experiment names may be long,
 * one that a short baseline suggests must not switch the judge off. */
#define R_MAX     0.9
/* …and beyond it a row soon ends. */
#define R_PAST    0.5
#define STALL_MAX 100000
/* Rows this long make the sharpest test of an outage worth its share of α. */
#define R_LONG    0.5

static double
null_share(const struct judge_config *c, size_t i)
{
	double p0 = fmax(1 - c->probe[i].objective, P0_MIN), upper;
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

static void
set_null(struct judge_probe *p, const struct judge_config *c, size_t i)
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

static void
fill_bank(struct judge_probe *p, double abort_at)
{
	const double outage = fmax(0.99, 1 - (1 - p->r) / 10);
	const double at[BANK_MAX] = { abort_at, 0.5, 0.9, outage };
	const size_t count = p->r >= R_LONG ? BANK_MAX : BANK_MAX - 1;

	for (size_t i = 0; i < count; i++) {
		if (at[i] >= abort_at && at[i] >= 2 * p->p0)
			add_test(p, at[i]);
	}
}

int
judge_init(struct judge *j, const struct judge_config *c, size_t *ret_probe)
{
	double planned = 1, tests = 1;

	memset(j, 0, sizeof(*j));
	j->config = *c;
	for (size_t i = 0; i < c->probe_count; i++) {
		struct judge_probe *p = &j->probe[i];
		double half = c->probe[i].abort_at / 2,
		       own = fmax(1 - c->probe[i].objective, P0_MIN);

		set_null(p, c, i);
		/* Equal is the cap of an uncertain baseline; a null that is the objective's
		 * own, or a bad baseline's, must stay below. */
		if (p->p0 > half || (p->p0 >= half && p->p0 <= own)) {
			*ret_probe = i;
			return -ERANGE;
		}
		fill_bank(p, c->probe[i].abort_at);
		planned = fmax(planned, c->probe[i].planned);
		tests = fmax(tests, (double)p->bank_count);
	}
	j->h = log(planned * tests * fmax(1, (double)c->probe_count) / c->alpha);
	return 0;
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

static void
decide(struct judge_decision *d, enum judge_reason reason, const struct judge *j,
    size_t probe)
{
	memset(d, 0, sizeof(*d));
	d->reason = reason;
	d->probe = probe;
	d->alpha = j->config.alpha;
	d->h = j->h;
	d->p0 = j->probe[probe].p0;
	d->q = j->probe[probe].q;
	d->r = j->probe[probe].r;
	d->from = 1;
	d->to = j->probe[probe].n;
	d->bad = j->probe[probe].bad;
}

static bool
over_ceiling(const struct judge *j, size_t probe, struct judge_decision *ret)
{
	const struct judge_probe *p = &j->probe[probe];

	if (j->config.max_bad != 0 && j->bad >= j->config.max_bad) {
		decide(ret, JUDGE_MAX_BAD, j, probe);
		return true;
	}
	if (j->config.consecutive != 0 && p->in_a_row >= j->config.consecutive) {
		decide(ret, JUDGE_CONSECUTIVE, j, probe);
		ret->from = p->n - p->in_a_row + 1;
		ret->bad = p->in_a_row;
		return true;
	}
	return false;
}

bool
judge_sample(
    struct judge *j, size_t probe, bool bad, uint64_t at, struct judge_decision *ret)
{
	struct judge_probe *p = &j->probe[probe];
	const struct cusum *passed = NULL;

	(void)at;
	p->n++;
	p->bad += bad;
	j->bad += bad;
	for (size_t i = 0; i < p->bank_count; i++) {
		step(&p->bank[i], p, bad);
		if (passed == NULL && p->bank[i].s >= j->h)
			passed = &p->bank[i];
	}
	p->in_a_row = bad ? p->in_a_row + 1 : 0;
	if (passed == NULL)
		return bad && over_ceiling(j, probe, ret);
	decide(ret, JUDGE_BREACH, j, probe);
	ret->s = passed->s;
	ret->p1 = passed->p1;
	ret->from = passed->since;
	ret->bad = passed->bad;
	return true;
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

unsigned
judge_outage_samples(const struct judge *j, size_t probe)
{
	const struct judge_probe *p = &j->probe[probe];
	double least = INFINITY;

	for (size_t i = 0; i < p->bank_count; i++)
		least = fmin(least, outage_of(&p->bank[i], j->h, p->stall));
	if (j->config.max_bad != 0)
		least = fmin(least, (double)j->config.max_bad);
	if (j->config.consecutive != 0)
		least = fmin(least, (double)j->config.consecutive);
	return least < 1 ? 1 : (unsigned)fmin(least, UINT32_MAX);
}

const char *
judge_reason_name(enum judge_reason r)
{
	switch (r) {
	case JUDGE_GO_ON:
		return "go on";
	case JUDGE_BREACH:
		return "breach";
	case JUDGE_MAX_BAD:
		return "max_bad";
	case JUDGE_CONSECUTIVE:
		return "consecutive";
	case JUDGE_SLICE:
		return "slo";
	case JUDGE_BURN:
		return "burn";
	case JUDGE_GUARD:
		return "guard";
	}
	return "?";
}

/* As many independent answers as these are worth: of a Markov chain the variance of a share
 * is larger by (1+ρ)/(1−ρ), ρ = r − q. */
static void
weigh(const struct answers *a, double share, uint64_t *ret_n, uint64_t *ret_bad)
{
	double r = share_of(a->after_bad, a->bad_after_bad),
	       q = share_of(a->n - a->after_bad, a->bad - a->bad_after_bad),
	       rho = fmin(fmax(r - q, 0), R_MAX), worth;

	worth = answers_cluster(a, share) ? (1 - rho) / (1 + rho) : 1;
	*ret_n = (uint64_t)floor((double)a->n * worth);
	*ret_bad = (uint64_t)floor((double)a->bad * worth);
}

enum steady
judge_steady(const struct answers *a, double objective)
{
	uint64_t n, bad;

	if (a->n < STEADY_MIN)
		return STEADY_FEW;
	weigh(a, 1 - objective, &n, &bad);
	/* a share that equals 1 − objective but for rounding does not exceed it */
	if (share_lower(n, bad, CONFIDENCE) > 1 - objective + 1e-12)
		return STEADY_NO;
	return STEADY_YES;
}
