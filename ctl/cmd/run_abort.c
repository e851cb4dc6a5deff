/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the decision to clean.  abort_now does nothing but put the undo on every wire, in
 * one pass; all words come later.  Then each host is waited for by itself: one that is dead
 * or slow keeps no other from being undone, swept and said to be.  The prober goes on
 * meanwhile, so that the first good answer is seen.
 */
#include "drill.h"
#include "probe.h"
#include <sched.h>
#include <stdio.h>

#define END_PATIENCE    (2 * USEC_PER_SEC)  /* for a timeline to end by itself */
#define ARM_PATIENCE    (5 * USEC_PER_SEC)  /* for a host that is still arming */
#define ANSWER_PATIENCE (10 * USEC_PER_SEC) /* for the answer to an undo */
#define SAY_AFTER       USEC_PER_SEC
#define CLEAN_PATIENCE  (60 * USEC_PER_SEC)
#define STUCK_PATIENCE  (10 * USEC_PER_SEC)
#define POLL_FIRST      (20 * USEC_PER_MSEC)
#define POLL_MAX        (320 * USEC_PER_MSEC)

/* On a busy machine whoever wakes up would run between one host and the next: 20 ms from
 * the first of thirty to the last were seen, instead of one.  Best effort: it takes root. */
static bool
go_first(const struct drill *d)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	return d->party_count > 1 && sched_getscheduler(0) == SCHED_OTHER &&
	       sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0;
}

static void
go_as_before(void)
{
	const struct sched_param none = { 0 };

	(void)sched_setscheduler(0, SCHED_OTHER, &none); /* less is always allowed */
}

/* No allocation, no formatting, no waiting: a host that cannot be told is found out later. */
static void
tell_all(struct drill *d, enum fleet_ask undo)
{
	bool is_first = go_first(d);
	struct err e;

	for (size_t i = 0; i < d->party_count; i++) {
		struct party *p = &d->parties[i];

		if (p->is_undo_sent || !party_is_live(p))
			continue;
		p->is_undo_sent = fleet_ask(d->fleet, i, undo, &e) == 0;
		p->undo_sent = clock_boottime();
	}
	if (is_first)
		go_as_before();
}

void
abort_now(struct drill *d, enum stop stop)
{
	usec_t now = clock_boottime();

	d->stop = stop;
	tell_all(d, stop == STOP_BREACH ? FLEET_BREACH : FLEET_UNDO);
	if (d->after_from != USEC_INFINITY)
		return; /* the timeline was over: there is no decision to count from */
	d->decided = d->after_from = now;
	if (d->prober != NULL)
		prober_mark(d->prober, now);
}

/* --- deeds ---------------------------------------------------------------------------- */

void
party_undo_answer(struct party *p, const struct fleet_answer *a)
{
	if (a->json == NULL)
		return; /* no answer of the agent's: it is asked again, or lost */
	p->is_undo_answered = true;
}

static bool
is_arming(const struct party *p)
{
	return p->is_arming;
}

static bool
is_unanswered(const struct party *p)
{
	return party_is_live(p) && p->is_undo_sent && !p->is_undo_answered;
}

/* Turn the loop as long as there is such a party: false when the time has come first. */
static bool
wait_none(struct drill *d, bool (*is_such)(const struct party *p), usec_t patience)
{
	usec_t until = clock_boottime() + patience;

	for (;;) {
		size_t n = 0;

		FOR_EACH_PARTY(d, p)
			n += is_such(p);
		if (n == 0 || clock_boottime() >= until)
			return n == 0;
		loop_turn(d, until);
	}
}

/* Turn the loop and ask now and then, at first often, until all have ended or `until`. */
static bool
wait_ended(struct drill *d, usec_t until)
{
	usec_t every = POLL_FIRST, next = clock_boottime() + every;
	struct err e;

	while (parties_live(d) > 0 && clock_boottime() < until) {
		loop_turn(d, next < until ? next : until);
		if (clock_boottime() < next)
			continue;
		every = every < POLL_MAX ? 2 * every : every;
		next = clock_boottime() + every;
		for (size_t i = 0; i < d->party_count; i++)
			if (party_is_live(&d->parties[i]))
				(void)fleet_ask(d->fleet, i, FLEET_SHOW, &e);
	}
	return parties_live(d) == 0;
}

/* Each says that it is undone; whoever does not in time is lost.  When somebody is slow,
 * what the others have done is said first. */
static void
wait_undone(struct drill *d)
{
	bool was_sent = false;

	FOR_EACH_PARTY(d, p)
		was_sent = was_sent || p->is_undo_sent;
	if (!wait_none(d, is_unanswered, SAY_AFTER)) {
		undo_say(d, "undone");
		(void)wait_none(d, is_unanswered, ANSWER_PATIENCE - SAY_AFTER);
	}
	FOR_EACH_PARTY(d, p)
		if (is_unanswered(p))
			party_lost(
			    p, "the agent is lost: no answer to the undo within 10 s");
	if (was_sent) /* else it ended by itself */
		undo_say(d, "undone");
}

static bool
is_stuck(const struct party *p)
{
	for (size_t i = 0; i < p->row->count; i++)
		if (p->fault[i].state == FAULT_STUCK)
			return true;
	return false;
}

/* Patience is longer as long as somebody is still at it. */
static bool
is_hopeless(const struct drill *d, usec_t from)
{
	usec_t waited = clock_boottime() - from;

	FOR_EACH_PARTY(d, p)
		if (party_is_live(p) &&
		    waited < (is_stuck(p) ? STUCK_PATIENCE : CLEAN_PATIENCE))
			return false;
	return true;
}

static void
wait_clean(struct drill *d)
{
	usec_t from = clock_boottime();

	while (!wait_ended(d, clock_boottime() + USEC_PER_SEC))
		if (is_hopeless(d, from))
			break;
	FOR_EACH_PARTY(d, p) {
		if (!party_is_live(p))
			continue;
		d->found.undo_failed = true;
		party_say(p, EVENT_ERROR, NULL,
		    "not everything is swept: stormctl status and stormctl doctor say "
		    "what is left");
	}
}

/* Hosts that never said whether they armed: told as soon as they do. */
static void
wait_armed(struct drill *d)
{
	if (wait_none(d, is_arming, ARM_PATIENCE))
		return;
	FOR_EACH_PARTY(d, p)
		if (p->is_arming)
			party_seek(p);
}

/* Armed, but its warm connection could not be had: once more, since now it is needed. */
static void
warm_again(struct drill *d)
{
	for (size_t i = 0; i < d->party_count; i++)
		if (party_is_live(&d->parties[i]) && !d->parties[i].is_warm &&
		    !d->parties[i].is_undo_sent)
			fleet_warm(d->fleet, i, d->id);
}

void
abort_finish(struct drill *d)
{
	wait_armed(d);
	if (parties_armed(d) == 0)
		return;
	evidence_decision(d);
	if (parties_live(d) > 0)
		drill_say(d, EVENT_PHASE, "undo", NULL);
	if (d->stop == STOP_NOT && d->fired != 0)
		(void)wait_ended(d, clock_boottime() + END_PATIENCE);
	warm_again(d);
	tell_all(d, FLEET_UNDO);
	wait_undone(d);
	wait_clean(d);
	undo_say(d, "clean");
}
