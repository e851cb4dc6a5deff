/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One moment for all: far enough ahead that the slowest host hears of it in time, each
 * agent waiting for it by its own clock.  A host that is alone begins at once.  From then
 * on the renewals come soon after every planned change, and close together while a network
 * fault has just come into force: it is taken away again unless one gets through.
 */
#include "drill.h"
#include <errno.h>
#include <stdio.h>

#define AHEAD_MIN    (50 * USEC_PER_MSEC)
#define AHEAD_TRIPS  4
#define AHEAD_MAX    (5 * USEC_PER_SEC)
#define LOOK_AFTER   (20 * USEC_PER_MSEC)
#define SETTLE_SPAN  (2 * USEC_PER_SEC)
#define SETTLE_EVERY (CONFIRM_MAX_MS * USEC_PER_MSEC / 4)

usec_t
parties_moment(const struct drill *d)
{
	usec_t ahead = AHEAD_MIN;

	if (d->party_count < 2)
		return clock_boottime();
	FOR_EACH_PARTY(d, p)
		if (AHEAD_TRIPS * p->round_trip > ahead)
			ahead = AHEAD_TRIPS * p->round_trip;
	return clock_boottime() + (ahead < AHEAD_MAX ? ahead : AHEAD_MAX);
}

static void
fail(struct party *p, const struct err *why)
{
	struct drill *d = p->d;

	d->is_unfired = true;
	if (d->stop == STOP_NOT)
		abort_now(d, STOP_ENDED);
	party_say(p, EVENT_ERROR, NULL, "%s", why->msg);
}

void
parties_fire(struct drill *d)
{
	bool is_alone = d->party_count == 1;
	struct err e = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->party_count; i++) {
		if (!party_is_live(&d->parties[i]))
			continue;
		r = is_alone ? fleet_ask(d->fleet, i, FLEET_FIRE, &e) :
			       fleet_fire(d->fleet, i, d->fired, &e);
		if (r < 0)
			fail(&d->parties[i], &e);
	}
	d->next_renew = parties_next_renewal(d);
}

void
party_fire_answer(struct party *p, const struct fleet_answer *a)
{
	if (a->err.code < 0) /* else its view says when */
		fail(p, &a->err);
}

/* The whole fleet has begun: within what span. */
static void
say_all_fired(struct drill *d)
{
	usec_t first = USEC_INFINITY, last = 0;

	FOR_EACH_PARTY(d, p) {
		if (!p->is_fired)
			return;
		first = p->status.fired_at < first ? p->status.fired_at : first;
		last = p->status.fired_at > last ? p->status.fired_at : last;
	}
	d->is_agreed = true;
	if (d->party_count < 2)
		return;
	struct event v = drill_event(d, EVENT_FIRED, NULL,
	    "the timeline starts on %zu hosts, within %.1f ms", d->party_count,
	    (double)(last - first) / 1000);
	drill_stamp(d, &v, last);
	event_num(&v, "hosts", (double)d->party_count);
	event_num(&v, "spread_us", (double)(last - first));
	drill_emit(d, &v);
}

void
party_fired(struct party *p)
{
	struct drill *d = p->d;
	usec_t at = p->status.fired_at;
	struct event v = party_event(p, EVENT_FIRED, NULL, "the timeline starts");

	p->is_fired = true;
	d->fired = at > d->fired ? at : d->fired;
	drill_stamp(d, &v, at);
	drill_emit(d, &v);
	if (!d->is_agreed)
		say_all_fired(d);
}

/* --- renewals ------------------------------------------------------------------------- */

static usec_t
sooner(usec_t next, usec_t at, usec_t now)
{
	return at > now && at < next ? at : next;
}

/* A renewal's answer says how the faults are: one is due soon after each planned change. */
usec_t
parties_next_renewal(const struct drill *d)
{
	usec_t now = clock_boottime(), lease = d->lease_ms * USEC_PER_MSEC;
	usec_t next = now + (lease < LOST_AFTER_MAX ? lease : LOST_AFTER_MAX) / 3;

	for (size_t i = 0; d->fired != 0 && i < d->x->fault_count; i++) {
		const struct spec *s = &d->x->faults[i].spec;
		usec_t begin = d->fired + s->at, end = begin + s->duration;

		next = sooner(next, begin + LOOK_AFTER, now);
		next = sooner(next, end + LOOK_AFTER, now);
		if (now >= begin && now < begin + SETTLE_SPAN)
			next = sooner(next, now + SETTLE_EVERY, now);
	}
	return next;
}
