/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge's part in a drill: whether it may begin, what is told of the null and its cost
 * in speed, each answer on its way to a decision, and the decision in words.  The deciding
 * itself is ctl/model/judge*.c.
 */
#include "drill.h"
#include "err.h"
#include "probe.h"
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
		    "machine is too busy to judge",
		    100 * totals_late_share(t));
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
}

static bool
prepare_judge(struct drill *d)
{
	struct judge_config c = {
		.alpha = d->x->budget.false_abort,
		.max_bad = d->x->budget.max_bad,
		.consecutive = d->x->budget.consecutive,
		.probe_count = d->x->probe_count,
	};
	size_t worst = 0;

	for (size_t i = 0; i < c.probe_count; i++) {
		const struct totals *t = &d->tally[i].phase[PHASE_BEFORE];

		c.probe[i].objective = d->checks[i].objective;
		c.probe[i].abort_at = d->checks[i].abort_at;
		c.probe[i].planned = (double)d->checks[i].rate_mhz / 1000 *
				     (double)phase_during_span(d) / (double)USEC_PER_SEC;
		c.probe[i].base = totals_answers(t);
		c.probe[i].stall = experiment_stall(d->x, &d->checks[i]);
	}
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

/* The one place where a bad answer becomes an undo.  Nothing is logged, allocated or
 * rendered between the decision and the bytes on the wire. */
void
judging_answer(struct drill *d, const struct sample *s)
{
	if (s->probe >= d->x->probe_count) {
		if (!s->bad)
			return;
		d->decision = (struct judge_decision){
			.reason = JUDGE_GUARD,
			.probe = s->probe,
			.from = 1,
			.bad = 1,
		};
	} else if (!judge_sample(
		       &d->judge, s->probe, s->bad, after_fire(d, s), &d->decision)) {
		return;
	}
	abort_now(d, STOP_BREACH);
}

/* --- words ---------------------------------------------------------------------------- */

static void
explain_budget(struct drill *d, char *buf, size_t size)
{
	const struct judge_decision *c = &d->decision;
	unsigned long long bad = c->bad, n = c->to - c->from + 1;

	if (c->reason == JUDGE_BREACH)
		(void)snprintf(buf, size,
		    "%llu of the last %llu answers bad; %.2g %% is normal, %.3g %% is "
		    "worth stopping for (evidence %.1f of %.1f; a healthy system is stopped "
		    "in at most %.2g %% of drills)",
		    bad, n, 100 * c->p0, 100 * c->p1, c->s, c->h, 100 * c->alpha);
	else if (c->reason == JUDGE_MAX_BAD)
		(void)snprintf(buf, size, "%llu bad answers: budget.max_bad is used up",
		    (unsigned long long)d->judge.bad);
	else if (c->reason == JUDGE_CONSECUTIVE)
		(void)snprintf(
		    buf, size, "%llu bad answers in a row: budget.consecutive", bad);
	else
		(void)snprintf(buf, size, "the guard no longer holds");
}

void
judging_explain(struct drill *d)
{
	const struct judge_decision *c = &d->decision;
	char why[400];

	if (d->stop != STOP_BREACH)
		return;
	d->found.breached = true;
	d->first_bad = tally_first_bad(&d->tally[c->probe], c->from);
	explain_budget(d, why, sizeof(why));
	struct event v =
	    drill_event(d, EVENT_DECISION, d->checks[c->probe].name, "%s", why);
	drill_stamp(d, &v, d->decided);
	event_num(&v, "s", c->s);
	event_num(&v, "h", c->h);
	event_num(&v, "p0", c->p0);
	event_num(&v, "q", c->q);
	event_num(&v, "r", c->r);
	event_num(&v, "p1", c->p1);
	event_num(&v, "alpha", c->alpha);
	event_num(&v, "from", (double)c->from);
	event_num(&v, "to", (double)c->to);
	event_num(&v, "bad", (double)c->bad);
	drill_emit(d, &v);
}
