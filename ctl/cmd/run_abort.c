/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the decision to clean.  abort_now does nothing but put the undo on the wire; all
 * words come later.  The prober goes on meanwhile, so that the first good answer is seen.
 */
#include "drill.h"
#include "err.h"
#include "probe.h"
#include <math.h>
#include <stdio.h>

#define END_PATIENCE    (2 * USEC_PER_SEC)  /* for a timeline to end by itself */
#define ANSWER_PATIENCE (10 * USEC_PER_SEC) /* for the answer to an undo */
#define CLEAN_PATIENCE  (60 * USEC_PER_SEC)
#define STUCK_PATIENCE  (10 * USEC_PER_SEC)
#define POLL_EVERY      (20 * USEC_PER_MSEC)

void
abort_now(struct drill *d, enum stop stop)
{
	usec_t now = clock_boottime();
	struct err e;

	if (d->is_hot && !d->undo_sent && !d->status.ended && stop != STOP_AGENT) {
		d->undo_sent = client_hot_undo(d->client, stop == STOP_BREACH, &e) == 0;
		d->sent = clock_boottime();
	}
	d->stop = stop;
	if (d->after_from != USEC_INFINITY)
		return; /* the timeline was over: there is no decision to count from */
	d->decided = d->after_from = now;
	if (d->prober != NULL)
		prober_mark(d->prober, now);
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
abort_explain(struct drill *d)
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
	event_num(&v, "p1", c->p1);
	event_num(&v, "alpha", c->alpha);
	event_num(&v, "from", (double)c->from);
	event_num(&v, "to", (double)c->to);
	event_num(&v, "bad", (double)c->bad);
	drill_emit(d, &v);
}

static void
moment(struct event *v, const char *key, usec_t at, usec_t decided)
{
	if (at != 0)
		event_num(v, key, (double)at - (double)decided);
}

void
abort_say(struct drill *d, const char *how_far)
{
	usec_t disarmed = 0, undone = 0, clean = 0;
	usec_t zero = d->decided != 0 ? d->decided : d->status.undo_told;

	for (size_t i = 0; i < d->fault_count; i++) {
		const struct fault_status *f = &d->fault[i];

		disarmed = f->disarmed > disarmed ? f->disarmed : disarmed;
		undone = f->undone > undone ? f->undone : undone;
		clean = f->clean > clean ? f->clean : clean;
	}
	if (zero == 0 || disarmed < zero)
		return; /* every fault had ended before */
	struct event v = drill_event(d, EVENT_UNDO,
	    d->stop == STOP_NOT    ? "end" :
	    d->stop == STOP_BREACH ? "breach" :
				     "asked",
	    "%s", how_far);
	moment(&v, "first_bad_us", d->first_bad, zero);
	if (d->decided != 0)
		moment(&v, "sent_us", d->sent, zero);
	moment(&v, "told_us", d->status.undo_told, zero);
	moment(&v, "disarmed_us", disarmed, zero);
	moment(&v, "undone_us", undone, zero);
	if (d->status.ended)
		moment(&v, "clean_us", clean, zero);
	moment(&v, "first_good_us", d->first_good, zero);
	drill_emit(d, &v);
}

/* --- deeds ---------------------------------------------------------------------------- */

/* Turn the loop and ask now and then, until `done` or `until`. */
static bool
wait_ended(struct drill *d, usec_t until)
{
	while (!d->status.ended && !d->found.agent_lost && clock_boottime() < until) {
		loop_turn(d, clock_boottime() + POLL_EVERY);
		if (!d->status.ended && !d->found.agent_lost)
			agent_poll(d);
	}
	return d->status.ended;
}

static void
wait_answer(struct drill *d)
{
	usec_t until = clock_boottime() + ANSWER_PATIENCE;

	while (!d->undo_answered && !d->status.ended && !d->found.agent_lost &&
	       clock_boottime() < until)
		loop_turn(d, until);
	if (!d->undo_answered && !d->status.ended && !d->found.agent_lost)
		agent_lost(d, "no answer to the undo within 10 s");
}

/* Not over the hot connection: there is none yet, or it broke. */
static void
undo_slowly(struct drill *d)
{
	struct drill_view v = { 0 };
	struct err e = { 0 };

	if (client_undo(d->client, d->id, &v, &e) < 0 && v.drill.drill[0] == '\0') {
		drill_view_release(&v);
		agent_lost(d, e.msg);
		return;
	}
	d->undo_sent = d->undo_answered = true;
	agent_view(d, &v);
	drill_view_release(&v);
}

static bool
is_stuck(const struct drill *d)
{
	for (size_t i = 0; i < d->fault_count; i++)
		if (d->fault[i].state == FAULT_STUCK)
			return true;
	return false;
}

static void
wait_clean(struct drill *d)
{
	usec_t from = clock_boottime();

	while (!wait_ended(d, clock_boottime() + USEC_PER_SEC)) {
		usec_t patience = is_stuck(d) ? STUCK_PATIENCE : CLEAN_PATIENCE;

		if (d->found.agent_lost || clock_boottime() > from + patience)
			break;
	}
	if (d->status.ended || d->found.agent_lost)
		return;
	d->found.undo_failed = true;
	drill_say(d, EVENT_ERROR, NULL,
	    "not everything is swept: stormctl status and stormctl doctor say what is left");
}

void
abort_finish(struct drill *d)
{
	if (!d->is_armed)
		return;
	abort_explain(d);
	if (!d->status.ended)
		drill_say(d, EVENT_PHASE, "undo", NULL);
	if (d->stop == STOP_NOT && d->fired != 0)
		(void)wait_ended(d, clock_boottime() + END_PATIENCE);
	if (!d->status.ended && !d->undo_sent && !d->found.agent_lost)
		undo_slowly(d);
	if (d->undo_sent && !d->undo_answered) {
		wait_answer(d);
		abort_say(d, "undone");
	}
	if (!d->found.agent_lost)
		wait_clean(d);
	abort_say(d, d->status.ended ? "clean" : "not clean");
}
