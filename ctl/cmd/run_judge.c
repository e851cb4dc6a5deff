/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge's part in a drill: whether it may begin, what is told of the null and its cost
 * in speed, and each answer on its way to a decision.  The deciding itself is
 * ctl/model/judge*.c, and what the answers have shown run_evidence.c.
 */
#include "drill.h"
#include "err.h"
#include "probe.h"
#include <math.h>
#include <stdio.h>

#define LATE_SHARE_MAX 0.05

/* --- before --------------------------------------------------------------------------- */

static bool
is_steady(struct drill *d, size_t i)
{
	const struct totals *t = &d->tally[i].phase[PHASE_BEFORE];
	const struct probe_def *p = &d->checks[i];

	if (totals_late_share(t) > LATE_SHARE_MAX) {
		drill_doubt(d, "our own prober was late");
		drill_say(d, EVENT_ERROR, p->name,
		    "our own prober was late or skipped %.0f %% of the samples: this "
		    "machine is too busy to judge (the last: %s)",
		    100 * totals_late_share(t),
		    t->skipped > 0 ? d->tally[i].skipped_why : "late");
		return false;
	}
	const struct answers before = totals_answers(t);

	switch (judge_steady(&before, p->objective)) {
	case STEADY_YES:
		return true;
	case STEADY_FEW:
		drill_doubt(d, "%s gave too few answers before", p->name);
		drill_say(d, EVENT_ERROR, p->name,
		    "only %llu answers before; 30 are needed: raise steady.before or rate",
		    (unsigned long long)t->n);
		return false;
	case STEADY_NO:
		break;
	}
	d->found.unsteady = true;
	drill_say(d, EVENT_ERROR, p->name,
	    "no steady state: %llu of %llu answers bad before anything was injected, the "
	    "objective is %.6g %% good",
	    (unsigned long long)t->bad, (unsigned long long)t->n, 100 * p->objective);
	return false;
}

/* What the judge made of the baseline, and what that costs in speed. */
static void
say_judge(struct drill *d, size_t i)
{
	const struct totals *t = &d->tally[i].phase[PHASE_BEFORE];
	const struct probe_def *p = &d->checks[i];
	unsigned n = judge_outage_samples(&d->judge, i);
	const struct judge_probe *null = &d->judge.probe[i];
	char span[32], rows[64] = "";
	usec_t wait = n > 0 ? (usec_t)(n - 1) * 1000 * USEC_PER_SEC / p->rate_mhz : 0;

	if (null->stall > 0)
		(void)snprintf(rows, sizeof(rows), ", in rows of up to %u", null->stall);
	else if (null->r > null->p0)
		(void)snprintf(rows, sizeof(rows), ", in rows of %.2g on average at most",
		    1 / (1 - null->r));
	drill_say(d, EVENT_NOTE, NULL,
	    "%s: %llu of %llu bad before, so up to %.2g %% bad is taken for normal%s; a full "
	    "outage stops the drill after %u bad answers, %s after the first is known",
	    p->name, (unsigned long long)t->bad, (unsigned long long)t->n, 100 * null->p0,
	    rows, n, format_usec(wait / 1000 * 1000, span, sizeof(span)));
	if (p->slo.is_set && p->slo.spend > 0)
		drill_say(d, EVENT_NOTE, NULL,
		    "%s: the drill may spend %.3g %% of the error budget of %s, which is %.0f bad "
		    "answers",
		    p->name, 100 * p->slo.spend,
		    format_usec(p->slo.window, span, sizeof(span)), ceil(probe_slice(p)));
}

static bool
prepare_judge(struct drill *d)
{
	struct judge_config c;
	size_t worst = 0;

	judge_configure(&c, d->x);
	for (size_t i = 0; i < c.probe_count; i++)
		c.probe[i].base = totals_answers(&d->tally[i].phase[PHASE_BEFORE]);
	if (judge_init(&d->judge, &c, &worst) < 0) {
		d->found.unsteady = true;
		drill_say(d, EVENT_ERROR, d->checks[worst].name,
		    "the baseline is too bad to judge by: abort_at %.6g %% is not clearly "
		    "above it",
		    100 * d->checks[worst].abort_at);
		return false;
	}
	for (size_t i = 0; i < c.probe_count; i++)
		say_judge(d, i);
	return true;
}

bool
judging_begin(struct drill *d)
{
	bool go_on = true;

	for (size_t i = 0; d->x->steady.before > 0 && i < d->x->probe_count; i++)
		go_on = is_steady(d, i) && go_on;
	return go_on && prepare_judge(d);
}

/* --- during --------------------------------------------------------------------------- */

static usec_t
after_fire(const struct drill *d, const struct sample *s)
{
	return s->intended > d->fired ? s->intended - d->fired : 0;
}

/* Does this answer stop it?  Then d->decision says so. */
static bool
is_enough(struct drill *d, const struct sample *s)
{
	uint64_t number = d->tally[s->probe].phase[PHASE_DURING].n + 1;

	if (s->probe < d->x->probe_count)
		return judge_sample(
		    &d->judge, s->probe, s->bad, after_fire(d, s), &d->decision);
	if (s->bad)
		d->decision = (struct judge_decision){
			.reason = JUDGE_GUARD,
			.probe = s->probe,
			.from = number,
			.to = number,
			.bad = 1,
		};
	return s->bad;
}

static void
keep_last_straw(struct drill *d, const struct sample *s)
{
	(void)snprintf(d->last_straw, sizeof(d->last_straw), "%s", s->why);
}

/* The one place where a bad answer becomes an undo.  Nothing is logged, allocated or
 * rendered between the decision and the bytes on the wire. */
void
judging_answer(struct drill *d, const struct sample *s)
{
	if (!is_enough(d, s))
		return;
	abort_now(d, STOP_BREACH);
	keep_last_straw(d, s);
}

/* There is nothing left to abort; but what was breached was not held. */
void
judging_late_answer(struct drill *d, const struct sample *s)
{
	if (d->known_late != 0 || !is_enough(d, s))
		return;
	d->known_late = s->known;
	d->found.breached = true;
	keep_last_straw(d, s);
}
