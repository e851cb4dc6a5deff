/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceilings: so many bad answers and no more, whatever statistics say of them.  A person set
 * them, so what they stop is no false stop and has no part in α.
 */
#include "judge_parts.h"
#include <math.h>

enum judge_reason
ceiling_over(const struct judge *j, size_t probe, double *ret_limit)
{
	const struct judge_config *c = &j->config;
	const struct judge_probe *p = &j->probe[probe];

	if (c->max_bad != 0 && j->bad >= c->max_bad) {
		*ret_limit = (double)c->max_bad;
		return JUDGE_MAX_BAD;
	}
	if (c->consecutive != 0 && p->in_a_row >= c->consecutive) {
		*ret_limit = c->consecutive;
		return JUDGE_CONSECUTIVE;
	}
	if (c->probe[probe].slice > 0 && (double)p->bad >= c->probe[probe].slice) {
		*ret_limit = c->probe[probe].slice;
		return JUDGE_SLICE;
	}
	return JUDGE_GO_ON;
}

double
ceiling_outage(const struct judge *j, size_t probe)
{
	const struct judge_config *c = &j->config;
	double least = INFINITY;

	if (c->max_bad != 0)
		least = fmin(least, (double)c->max_bad);
	if (c->consecutive != 0)
		least = fmin(least, c->consecutive);
	if (c->probe[probe].slice > 0)
		least = fmin(least, ceil(c->probe[probe].slice));
	return least;
}
