/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before, during, after: what each lasts, which samples belong to it, and when it ends the
 * drill.  A sample belongs to the phase in which its request was due, not to the one in
 * which its answer came.
 */
#include "drill.h"
#include "err.h"
#include "probe.h"

#define LATE_SHARE_MAX 0.05

static bool
is_guard(const struct drill *d, size_t check)
{
	return check >= d->x->probe_count;
}

/* --- samples -------------------------------------------------------------------------- */

/* The one place where a bad answer becomes an undo.  Nothing is logged, allocated or
 * rendered between the decision and the bytes on the wire. */
static void
judge(struct drill *d, const struct sample *s)
{
	if (is_guard(d, s->probe)) {
		if (!s->bad)
			return;
		d->decision = (struct judge_decision){
			.reason = JUDGE_GUARD,
			.probe = s->probe,
			.from = 1,
			.bad = 1,
		};
	} else if (!judge_sample(&d->judge, s->probe, s->bad, &d->decision)) {
		return;
	}
	abort_now(d, STOP_BREACH);
}

/* The first bad answer of a row, at most one a second: a flapping service must not bury
 * the story. */
static void
say_bad(struct drill *d, struct tally *t, const struct sample *s)
{
	bool was_bad = t->was_bad;

	t->was_bad = s->bad;
	if (!s->bad || was_bad ||
	    (t->bad_said != 0 && s->known < t->bad_said + USEC_PER_SEC))
		return;
	t->bad_said = s->known;
	struct event v = drill_event(d, EVENT_BAD, t->def->name, "%s", s->why);
	drill_stamp(d, &v, s->known);
	event_num(&v, "latency_us", (double)s->latency);
	drill_emit(d, &v);
}

static enum phase
phase_of(const struct drill *d, const struct sample *s)
{
	if (d->phase == PHASE_BEFORE)
		return PHASE_BEFORE;
	return s->intended >= d->after_from ? PHASE_AFTER : PHASE_DURING;
}

void
phase_sample(void *ctx, const struct sample *s)
{
	struct drill *d = ctx;
	struct tally *t = &d->tally[s->probe];
	enum phase p = phase_of(d, s);

	if (d->is_judging && d->stop == STOP_NOT && p == PHASE_DURING &&
	    s->class != SAMPLE_SKIPPED)
		judge(d, s);
	tally_add(t, p, s);
	if (p == PHASE_AFTER && s->class == SAMPLE_OK && d->first_good == 0 &&
	    d->stop == STOP_BREACH && d->decision.probe == s->probe)
		d->first_good = s->known;
	if (s->class != SAMPLE_SKIPPED)
		say_bad(d, t, s);
}

void
phase_second(struct drill *d)
{
	for (size_t i = 0; i < d->check_count; i++) {
		struct tally *t = &d->tally[i];
		struct totals second;
		enum phase p = d->phase == PHASE_BEFORE ? PHASE_BEFORE : PHASE_DURING;

		tally_second(t, &second);
		prober_hist(d->prober, i, false, &second.hist);
		hist_merge(&t->phase[p].hist, &second.hist);
		prober_hist(d->prober, i, true, &t->phase[PHASE_AFTER].hist);
		if (second.n + second.skipped == 0)
			continue;
		struct event v = drill_event(d, EVENT_SAMPLES, t->def->name, NULL);
		event_num(&v, "n", (double)second.n);
		event_num(&v, "bad", (double)second.bad);
		event_num(&v, "skipped", (double)second.skipped);
		event_num(&v, "late", (double)second.late);
		if (second.hist.count > 0) {
			event_num(&v, "p50_us", (double)hist_quantile(&second.hist, 0.5));
			event_num(&v, "max_us", (double)second.hist.max);
		}
		drill_emit(d, &v);
	}
}

/* --- before --------------------------------------------------------------------------- */

static void
enter(struct drill *d, enum phase p, usec_t span, const char *what)
{
	char text[32];

	d->phase = p;
	d->next_second = clock_boottime() + USEC_PER_SEC;
	drill_say(d, EVENT_PHASE, phase_name(p), "%s%s",
	    format_usec(span, text, sizeof(text)), what);
}

static bool
guards_hold(struct drill *d)
{
	bool hold = true;

	for (size_t i = d->x->probe_count; i < d->check_count; i++) {
		const struct totals *t = &d->tally[i].phase[PHASE_BEFORE];

		if (t->n > 0 && t->bad == 0)
			continue;
		hold = false;
		drill_say(d, EVENT_ERROR, d->checks[i].name,
		    t->n > 0 ? "the guard does not hold" : "the guard gave no answer");
	}
	return hold;
}

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

static usec_t
during_span(const struct drill *d)
{
	usec_t faults = experiment_faults_end(d->x), span = d->x->steady.during;

	return faults > span ? faults : span;
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
				     (double)during_span(d) / (double)USEC_PER_SEC;
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

/* Long enough for each guard to be asked and answered once. */
static usec_t
before_span(const struct drill *d)
{
	usec_t span = d->x->steady.before;

	for (size_t i = d->x->probe_count; i < d->check_count; i++) {
		const struct probe_def *g = &d->checks[i];
		usec_t need = 1000 * USEC_PER_SEC / g->rate_mhz + g->good.within;

		span = need > span ? need : span;
	}
	return span;
}

static bool
has_guard_failed(const struct drill *d)
{
	for (size_t i = d->x->probe_count; i < d->check_count; i++)
		if (d->tally[i].phase[PHASE_BEFORE].bad > 0)
			return true;
	return false;
}

bool
phase_before(struct drill *d)
{
	usec_t span = before_span(d), now = clock_boottime();

	if (d->check_count == 0)
		return d->stop == STOP_NOT;
	if (span > 0) {
		enter(d, PHASE_BEFORE, span, " of probes, nothing injected");
		prober_start(d->prober, now);
		while (d->stop == STOP_NOT && !has_guard_failed(d) &&
		       clock_boottime() < now + span)
			loop_turn(d, now + span);
		prober_stop(d->prober);
		phase_second(d);
		report_totals(d, PHASE_BEFORE);
	}
	if (d->stop != STOP_NOT)
		return false;
	if (!guards_hold(d)) {
		d->found.unsteady = true;
		return false;
	}
	bool go_on = true;
	for (size_t i = 0; d->x->steady.before > 0 && i < d->x->probe_count; i++)
		go_on = is_steady(d, i) && go_on;
	return go_on && prepare_judge(d);
}

/* --- during --------------------------------------------------------------------------- */

/* With nothing to watch but the faults it is over when they are. */
static bool
is_going_on(const struct drill *d, usec_t span)
{
	if (d->stop != STOP_NOT || clock_boottime() >= d->fired + span)
		return false;
	return d->prober != NULL || parties_live(d) > 0 || parties_armed(d) == 0;
}

void
phase_during(struct drill *d)
{
	usec_t span = during_span(d);

	enter(d, PHASE_DURING, span, "");
	d->is_judging = true;
	d->fired = parties_moment(d);
	if (d->prober != NULL)
		prober_start(d->prober, d->fired);
	parties_fire(d);
	while (is_going_on(d, span))
		loop_turn(d, d->fired + span);
	d->is_judging = false;
	if (d->after_from != USEC_INFINITY)
		return; /* abort_now has drawn the line */
	d->after_from = clock_boottime();
	if (d->prober != NULL)
		prober_mark(d->prober, d->after_from);
}

/* --- after ---------------------------------------------------------------------------- */

static bool
is_back(const struct drill *d)
{
	for (size_t i = 0; i < d->x->probe_count; i++)
		if (!d->tally[i].has_recovered)
			return false;
	return true;
}

void
phase_after(struct drill *d)
{
	usec_t span = d->x->steady.after, end = d->after_from + span;
	enum stop stop = d->stop;

	if (d->x->probe_count == 0 || span == 0 || d->found.stopped)
		return;
	enter(d, PHASE_AFTER, span, " at most, until the objectives are met again");
	while (!d->found.stopped && !is_back(d) && clock_boottime() < end)
		loop_turn(d, end);
	d->stop = stop;
	prober_stop(d->prober);
	phase_second(d);
	if (d->found.stopped)
		return;
	for (size_t i = 0; i < d->x->probe_count; i++) {
		if (tally_is_back(&d->tally[i]))
			continue;
		d->found.not_recovered = true;
		drill_say(d, EVENT_ERROR, d->checks[i].name,
		    "has not met its objective again since the faults were undone");
	}
}
