/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before, during, after: what each lasts, which samples belong to it, and when it ends the
 * drill.  A sample belongs to the phase in which its request was due, not to the one in
 * which its answer came.
 */
#include "drill.h"
#include "err.h"
#include "probe.h"

/* --- samples -------------------------------------------------------------------------- */

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
	if (d->phase == PHASE_BEFORE || s->intended < d->during_from)
		return PHASE_BEFORE;
	return s->intended >= d->after_from ? PHASE_AFTER : PHASE_DURING;
}

void
phase_sample(void *ctx, const struct sample *s)
{
	struct drill *d = ctx;
	struct tally *t = &d->tally[s->probe];
	enum phase p = phase_of(d, s);

	if (d->stop == STOP_NOT && p == PHASE_DURING && s->class != SAMPLE_SKIPPED &&
	    !load_is(d, s->probe)) {
		if (d->is_judging)
			judging_answer(d, s);
		else
			judging_late_answer(d, s);
	}
	tally_add(t, p, s);
	if (p == PHASE_AFTER && s->class == SAMPLE_OK && d->first_good == 0 &&
	    d->stop == STOP_BREACH && d->decision.probe == s->probe)
		d->first_good = s->known;
	if (s->class != SAMPLE_SKIPPED && !load_is(d, s->probe))
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
		timing_take(d, i, p);
		if (second.n + second.skipped == 0)
			continue;
		struct event v = drill_event(d, EVENT_SAMPLES, t->def->name, NULL);
		event_num(&v, "n", (double)second.n);
		event_num(&v, "bad", (double)second.bad);
		event_num(&v, "skipped", (double)second.skipped);
		event_num(&v, "late", (double)second.late);
		if (load_is(d, i))
			event_num(&v, "load", 1);
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

	for (size_t i = d->x->probe_count; i < d->judged_count; i++) {
		const struct totals *t = &d->tally[i].phase[PHASE_BEFORE];

		if (t->n > 0 && t->bad == 0)
			continue;
		hold = false;
		drill_say(d, EVENT_ERROR, d->checks[i].name,
		    t->n > 0 ? "the guard does not hold" : "the guard gave no answer");
	}
	return hold;
}

usec_t
phase_during_span(const struct drill *d)
{
	usec_t faults = experiment_faults_end(d->x), span = d->x->steady.during;

	return faults > span ? faults : span;
}

/* Long enough for each guard to be asked and answered once. */
static usec_t
before_span(const struct drill *d)
{
	usec_t span = d->x->steady.before;

	for (size_t i = d->x->probe_count; i < d->judged_count; i++) {
		const struct probe_def *g = &d->checks[i];
		usec_t need = 1000 * USEC_PER_SEC / g->rate_mhz + g->good.within;

		span = need > span ? need : span;
	}
	return span;
}

static bool
has_guard_failed(const struct drill *d)
{
	for (size_t i = d->x->probe_count; i < d->judged_count; i++)
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
		prober_pause(d->prober, d->judged_count); /* the load goes on */
		phase_second(d);
		report_totals(d, PHASE_BEFORE);
	}
	if (d->stop != STOP_NOT)
		return false;
	if (!guards_hold(d)) {
		d->found.unsteady = true;
		return false;
	}
	return judging_begin(d);
}

/* --- during --------------------------------------------------------------------------- */

/* With nothing to watch but the faults it is over when they are. */
static bool
is_going_on(const struct drill *d, usec_t span)
{
	if (d->stop != STOP_NOT || clock_boottime() >= d->fired + span)
		return false;
	return d->judged_count > 0 || parties_live(d) > 0 || parties_armed(d) == 0;
}

void
phase_during(struct drill *d)
{
	usec_t span = phase_during_span(d);

	if (d->prober != NULL)
		phase_second(d); /* of the load, while everything armed */
	enter(d, PHASE_DURING, span, "");
	d->is_judging = true;
	d->fired = d->during_from = parties_moment(d);
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
	while (!d->found.stopped && clock_boottime() < end &&
	       (!is_back(d) || prober_awaits(d->prober, d->judged_count)))
		loop_turn(d, end);
	d->stop = stop;
	phase_end(d);
	if (d->found.stopped)
		return;
	evidence_recovery(d);
	for (size_t i = 0; i < d->x->probe_count; i++) {
		if (tally_is_back(&d->tally[i]))
			continue;
		d->found.not_recovered = true;
		drill_say(d, EVENT_ERROR, d->checks[i].name,
		    "has not met its objective again since the faults were undone");
	}
}

void
phase_end(struct drill *d)
{
	if (d->prober == NULL)
		return;
	prober_stop(d->prober);
	phase_second(d);
}
