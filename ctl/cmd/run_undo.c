/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moments of an undo, in µs after the decision: of each host as it answers, and of the
 * last of them for the drill.  They are the agents' own stamps, read on our clock; when a
 * host's time was up there is no decision, and it counts from there.
 */
#include "drill.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void
moment(struct event *v, const char *key, usec_t at, usec_t zero)
{
	double us = (double)at - (double)zero;

	if (at != 0 && us > event_get(v, key, -HUGE_VAL))
		event_num(v, key, us);
}

static usec_t
last_of(const struct party *p, size_t offset)
{
	usec_t last = 0;

	for (size_t i = 0; i < p->row->count; i++) {
		usec_t at;

		memcpy(&at, (const char *)&p->fault[i] + offset, sizeof(at));
		last = at > last ? at : last;
	}
	return last;
}

/* False: every fault of it had ended before, or none was ever undone. */
static bool
add_moments(const struct party *p, struct event *v)
{
	usec_t zero = p->d->decided != 0 ? p->d->decided : p->status.undo_told;
	usec_t disarmed = last_of(p, offsetof(struct fault_status, disarmed));

	if (!p->is_armed || zero == 0 || disarmed < zero)
		return false;
	if (p->d->decided != 0 && p->is_undo_sent)
		moment(v, "sent_us", p->undo_sent, zero);
	moment(v, "received_us", p->status.undo_told, zero);
	moment(v, "disarmed_us", disarmed, zero);
	moment(v, "undone_us", last_of(p, offsetof(struct fault_status, undone)), zero);
	if (p->status.ended)
		moment(v, "clean_us", last_of(p, offsetof(struct fault_status, clean)),
		    zero);
	return true;
}

static const char *
cause_of(const struct drill *d)
{
	if (d->stop == STOP_NOT)
		return d->fired != 0 ? "end" : "refused";
	return d->stop == STOP_BREACH ? "breach" : "asked";
}

static void
say_one(const struct party *p, const char *how_far)
{
	struct event v = party_event(p, EVENT_UNDO, cause_of(p->d), "%s", how_far);

	if (p->d->party_count > 1 && add_moments(p, &v))
		drill_emit(p->d, &v);
}

void
party_undo_progress(struct party *p)
{
	if (p->is_undo_answered && !p->is_undone_said)
		say_one(p, "undone");
	if (p->status.ended && !p->is_clean_said)
		say_one(p, "clean");
	p->is_undone_said = p->is_undone_said || p->is_undo_answered;
	p->is_clean_said = p->is_clean_said || p->status.ended;
}

/* "clean on 29 of 30 hosts" */
static void
name_it(const struct drill *d, struct event *v, size_t n, const char *how_far)
{
	size_t armed = parties_armed(d);

	if (d->party_count < 2) {
		(void)snprintf(v->text, sizeof(v->text), "%s", how_far);
		return;
	}
	event_num(v, "hosts", (double)n);
	if (n < armed)
		(void)snprintf(v->text, sizeof(v->text), "%s on %zu of %zu hosts",
		    how_far, n, armed);
	else
		(void)snprintf(v->text, sizeof(v->text), "%s on %zu hosts", how_far, n);
}

void
undo_say(struct drill *d, const char *how_far)
{
	bool is_about_clean = strcmp(how_far, "clean") == 0;
	struct event v = drill_event(d, EVENT_UNDO, cause_of(d), NULL);
	size_t all = 0, n = 0;

	FOR_EACH_PARTY(d, p) {
		bool has_any = add_moments(p, &v);

		all += has_any;
		n += has_any && !(is_about_clean && !p->status.ended);
	}
	if (all == 0)
		return;
	name_it(d, &v, n > 0 ? n : all, is_about_clean && n == 0 ? "not clean" : how_far);
	if (d->decided != 0 && d->first_bad != 0)
		event_num(&v, "first_bad_us", (double)d->first_bad - (double)d->decided);
	if (d->decided != 0 && d->first_good != 0)
		event_num(
		    &v, "first_good_us", (double)d->first_good - (double)d->decided);
	drill_emit(d, &v);
}
