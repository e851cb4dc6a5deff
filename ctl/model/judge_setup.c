/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an experiment to what the judge is told: the same for a plan and for the drill, so
 * that the one shows the other's numbers.  The baseline is the caller's to add.
 */
#include "experiment.h"
#include "judge.h"
#include <math.h>
#include <string.h>

_Static_assert(BURN_MAX == BURNS_MAX, "every burn rate of the file is judged");

static void
set_slo(struct judge_config *c, size_t i, const struct slo_def *slo)
{
	c->probe[i].slo = slo->objective;
	c->probe[i].burn_count = slo->is_set ? slo->burn_count : 0;
	for (size_t k = 0; k < c->probe[i].burn_count; k++)
		c->probe[i].burn[k] = (struct burn){
			.rate = slo->burn[k].rate,
			.longer = slo->burn[k].longer,
			.shorter = slo->burn[k].shorter,
		};
}

void
judge_configure(struct judge_config *c, const struct experiment *x)
{
	const usec_t faults = experiment_faults_end(x);
	const double during =
	    (double)(faults > x->steady.during ? faults : x->steady.during) /
	    (double)USEC_PER_SEC;

	memset(c, 0, sizeof(*c));
	c->alpha = x->budget.false_abort;
	c->max_bad = x->budget.max_bad;
	c->consecutive = x->budget.consecutive;
	c->probe_count = x->probe_count;
	for (size_t i = 0; i < x->probe_count; i++) {
		const struct probe_def *p = &x->probes[i];

		c->probe[i].objective = p->objective;
		c->probe[i].abort_at = p->abort_at;
		c->probe[i].rate = (double)p->rate_mhz / 1000;
		c->probe[i].planned = floor(c->probe[i].rate * during + 1e-9);
		c->probe[i].stall = experiment_stall(x, p);
		c->probe[i].slice = probe_slice(p);
		set_slo(c, i, &p->slo);
	}
}
