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
#define P1_MAX     0.999
#define STEADY_MIN 30

static double
null_share(const struct judge_config *c, size_t i)
{
	double p0 = fmax(1 - c->probe[i].objective, P0_MIN), upper;
	uint64_t n = c->probe[i].base_n, bad = c->probe[i].base_bad;

	if (n == 0)
		return p0;
	upper = share_upper(n, bad, CONFIDENCE);
	if ((double)bad <= p0 * (double)n)
		upper = fmin(upper, c->probe[i].abort_at / 2);
	return fmax(p0, upper);
}

static void
add_test(struct judge_probe *p, double p1)
{
	struct cusum *t = &p->bank[p->bank_count];

	p1 = fmin(p1, P1_MAX);
	for (size_t i = 0; i < p->bank_count; i++) {
		if (fabs(p->bank[i].p1 - p1) < 1e-9)
			return;
	}
	*t = (struct cusum){
		.p1 = p1,
		.up = log(p1 / p->p0),
		.down = log1p(-p1) - log1p(-p->p0),
	};
	p->bank_count++;
}

static void
fill_bank(struct judge_probe *p, double abort_at)
{
	const double at[BANK_MAX] = { abort_at, 0.5, 0.9 };

	for (size_t i = 0; i < BANK_MAX; i++) {
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

		p->p0 = null_share(c, i);
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
step(struct cusum *t, uint64_t number, bool bad)
{
	double before = t->s;

	t->s = fmax(0, t->s + (bad ? t->up : t->down));
	if (t->s <= 0)
		t->bad = 0;
	else if (before <= 0)
		t->since = number;
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
judge_sample(struct judge *j, size_t probe, bool bad, struct judge_decision *ret)
{
	struct judge_probe *p = &j->probe[probe];
	const struct cusum *passed = NULL;

	p->n++;
	p->bad += bad;
	j->bad += bad;
	p->in_a_row = bad ? p->in_a_row + 1 : 0;
	for (size_t i = 0; i < p->bank_count; i++) {
		step(&p->bank[i], p->n, bad);
		if (passed == NULL && p->bank[i].s >= j->h)
			passed = &p->bank[i];
	}
	if (passed == NULL)
		return bad && over_ceiling(j, probe, ret);
	decide(ret, JUDGE_BREACH, j, probe);
	ret->s = passed->s;
	ret->p1 = passed->p1;
	ret->from = passed->since;
	ret->bad = passed->bad;
	return true;
}

unsigned
judge_outage_samples(const struct judge *j, size_t probe)
{
	const struct judge_probe *p = &j->probe[probe];
	double least = INFINITY;

	for (size_t i = 0; i < p->bank_count; i++)
		least = fmin(least, ceil(j->h / p->bank[i].up));
	if (j->config.max_bad != 0)
		least = fmin(least, (double)j->config.max_bad);
	if (j->config.consecutive != 0)
		least = fmin(least, (double)j->config.consecutive);
	return least < 1 ? 1 : (unsigned)least;
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
	case JUDGE_GUARD:
		return "guard";
	}
	return "?";
}

enum steady
judge_steady(uint64_t n, uint64_t bad, double objective)
{
	if (n < STEADY_MIN)
		return STEADY_FEW;
	/* a share that equals 1 − objective but for rounding does not exceed it */
	if (share_lower(n, bad, CONFIDENCE) > 1 - objective + 1e-12)
		return STEADY_NO;
	return STEADY_YES;
}
