/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to decisions: the CUSUM bank first, since it says most, then the ceilings, then
 * the burn rates.  All constants of a drill are worked out once in judge_init.
 */
#include "judge_parts.h"
#include <errno.h>
#include <math.h>
#include <string.h>

int
judge_init(struct judge *j, const struct judge_config *c, size_t *ret_probe)
{
	double planned = 1, tests = 1;

	memset(j, 0, sizeof(*j));
	j->config = *c;
	for (size_t i = 0; i < c->probe_count; i++) {
		struct judge_probe *p = &j->probe[i];
		double half = c->probe[i].abort_at / 2,
		       own = null_of_objective(c->probe[i].objective);

		null_set(p, c, i);
		/* Equal is the cap of an uncertain baseline; a null that is the objective's
		 * own, or a bad baseline's, must stay below. */
		if (p->p0 > half || (p->p0 >= half && p->p0 <= own)) {
			*ret_probe = i;
			return -ERANGE;
		}
		bank_fill(p, c->probe[i].abort_at);
		windows_init(p, c, i);
		planned = fmax(planned, c->probe[i].planned);
		tests = fmax(tests, (double)p->bank_count);
	}
	j->planned = planned;
	j->tests = tests;
	j->h = log(planned * tests * fmax(1, (double)c->probe_count) / c->alpha);
	return 0;
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
	double limit;
	enum judge_reason reason = ceiling_over(j, probe, &limit);

	if (reason == JUDGE_GO_ON)
		return false;
	decide(ret, reason, j, probe);
	ret->limit = limit;
	if (reason == JUDGE_CONSECUTIVE) {
		ret->from = p->n - p->in_a_row + 1;
		ret->bad = p->in_a_row;
	}
	return true;
}

static bool
over_burn(const struct judge *j, size_t probe, struct judge_decision *ret)
{
	struct burn_seen seen;

	if (!windows_over(&j->probe[probe], &seen))
		return false;
	decide(ret, JUDGE_BURN, j, probe);
	ret->burn = seen;
	ret->limit = seen.limit;
	ret->from = ret->to - seen.n + 1;
	ret->bad = seen.bad;
	return true;
}

bool
judge_sample(
    struct judge *j, size_t probe, bool bad, uint64_t at, struct judge_decision *ret)
{
	struct judge_probe *p = &j->probe[probe];

	p->n++;
	p->bad += bad;
	j->bad += bad;
	const struct cusum *passed = bank_step(p, bad, j->h);
	p->in_a_row = bad ? p->in_a_row + 1 : 0;
	windows_add(p, bad, at);
	if (passed == NULL)
		return bad && (over_ceiling(j, probe, ret) || over_burn(j, probe, ret));
	decide(ret, JUDGE_BREACH, j, probe);
	ret->s = passed->s;
	ret->limit = j->h;
	ret->p1 = passed->p1;
	ret->from = passed->since;
	ret->bad = passed->bad;
	return true;
}

unsigned
judge_outage_samples(const struct judge *j, size_t probe)
{
	const struct judge_probe *p = &j->probe[probe];
	double least =
	    fmin(bank_outage(p, j->h), fmin(ceiling_outage(j, probe), windows_outage(p)));

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
