/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working out a plan.  The judge is set up as `run` will set it up after a clean baseline,
 * so that the figures shown are those of the drill; a baseline with bad answers in it will
 * make it slower, and `run` says so then.
 */
#include "plan.h"
#include <math.h>
#include <string.h>

double
plan_samples(const struct probe_def *d, usec_t phase)
{
	return floor(
	    (double)d->rate_mhz / 1000 * (double)phase / (double)USEC_PER_SEC + 1e-9);
}

void
plan_make(struct plan *p, const struct experiment *x)
{
	struct judge_config c = {
		.alpha = x->budget.false_abort,
		.max_bad = x->budget.max_bad,
		.consecutive = x->budget.consecutive,
		.probe_count = x->probe_count,
	};
	size_t ignored; /* the loader has refused what judge_init would */

	memset(p, 0, sizeof(*p));
	p->x = x;
	for (size_t i = 0; i < x->probe_count; i++) {
		c.probe[i].objective = x->probes[i].objective;
		c.probe[i].abort_at = x->probes[i].abort_at;
		c.probe[i].planned = plan_samples(&x->probes[i], x->steady.during);
		c.probe[i].base_n =
		    (uint64_t)plan_samples(&x->probes[i], x->steady.before);
	}
	(void)judge_init(&p->judge, &c, &ignored);
}

const char *
plan_ops(const struct plan *p, size_t fault)
{
	if (p->asked != ASKED_ANSWERED || fault >= p->view.count)
		return NULL;
	return p->view.ops[fault];
}

void
plan_release(struct plan *p)
{
	if (p->asked == ASKED_ANSWERED)
		drill_view_release(&p->view);
}
