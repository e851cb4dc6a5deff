/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agents say of their faults, turned into events and findings.  An answer may skip
 * states; each state that a stamp proves gets its event, at the moment of the stamp.  What
 * a fault has come to on every one of its hosts is said once more, for all of them.
 */
#include "drill.h"
#include "err.h"
#include "kind.h"
#include <stdio.h>
#include <string.h>

/* --- of one host ---------------------------------------------------------------------- */

static void
say_state(struct party *p, const struct fault_status *f, enum fault_state s, usec_t at)
{
	struct drill *d = p->d;
	const char *more = s == FAULT_STUCK  ? f->err.msg :
			   s == FAULT_ACTIVE ? f->note :
					       "";
	struct event v = party_event(p, EVENT_FAULT, f->name, "%s%s%s",
	    fault_state_name(s), more[0] != '\0' ? ": " : "", more);

	if (at != 0)
		drill_stamp(d, &v, at);
	event_num(&v, "state", s);
	if (d->fired != 0 && at >= d->fired)
		event_num(&v, "since_us", (double)(at - d->fired));
	if (s >= FAULT_DISARMED && f->active != 0 && f->effect_unit[0] != '\0') {
		event_num(&v, "effect", (double)f->effect);
		memcpy(v.unit, f->effect_unit, sizeof(v.unit));
	}
	drill_emit(d, &v);
}

static bool did_something_elsewhere(const struct drill *d, size_t fault);

/* It is in force, and nothing has come of it so far, or something has after all. */
static void
say_effect(struct party *p, size_t i, const struct fault_status *f)
{
	char none[64], span[32];
	struct event v;

	if (f->no_effect && did_something_elsewhere(p->d, p->row->fault[i]))
		return;
	if (f->no_effect)
		v = party_event(p, EVENT_FAULT, f->name, "no effect yet: it %s in %s",
		    format_no_effect(f->effect_unit, none, sizeof(none)),
		    format_usec(NO_EFFECT_MS * USEC_PER_MSEC, span, sizeof(span)));
	else
		v = party_event(p, EVENT_FAULT, f->name, "has an effect now");
	event_num(&v, "state", f->state);
	event_num(&v, "no_effect", f->no_effect);
	event_num(&v, "effect", (double)f->effect);
	memcpy(v.unit, f->effect_unit, sizeof(v.unit));
	drill_emit(p->d, &v);
}

/* By a third party: then its note says what is gone.  By the end of the process whose
 * network it was, which is no failure of the fault's; or with its holder, which was one. */
static void
say_lost(struct party *p, const struct fault_status *f)
{
	const char *taken = strstr(f->note, "taken away");
	const char *why = f->err.code != 0           ? f->err.msg :
			  f->outcome != OUTCOME_DONE ? "its holder has ended" :
			  taken != NULL              ? taken :
						       "taken away by somebody else";

	party_say(p, EVENT_ERROR, f->name, "lost: %s", why);
}

static void
compare(struct party *p, size_t i, const struct fault_status *is)
{
	const struct fault_status *was = &p->fault[i];

	if (was->active == 0 && is->active != 0)
		say_state(p, is, FAULT_ACTIVE, is->active);
	if (was->disarmed == 0 && is->disarmed != 0)
		say_state(p, is, FAULT_DISARMED, is->disarmed);
	if (was->state != FAULT_GONE && is->state == FAULT_GONE)
		say_state(p, is, FAULT_GONE, is->clean);
	if (was->state != FAULT_STUCK && is->state == FAULT_STUCK)
		say_state(p, is, FAULT_STUCK, 0);
	else if (was->outcome == OUTCOME_DONE && is->outcome != OUTCOME_DONE && !is->lost)
		party_say(p, EVENT_ERROR, is->name, "%s", is->err.msg);
	if (was->no_effect != is->no_effect && is->state == FAULT_ACTIVE)
		say_effect(p, i, is);
	if (!was->lost && is->lost)
		say_lost(p, is);
}

/* --- of all of them ------------------------------------------------------------------- */

static usec_t
reached(const struct fault_status *f, enum fault_state s)
{
	switch (s) {
	case FAULT_ACTIVE:
		return f->active;
	case FAULT_DISARMED:
		return f->disarmed;
	case FAULT_GONE:
		return f->state == FAULT_GONE ? f->clean : 0;
	default:
		return 0;
	}
}

/* The fault of that number where this party has it; NULL: it was not given it. */
static const struct fault_status *
fault_of(const struct party *p, size_t fault)
{
	for (size_t i = 0; i < p->row->count; i++)
		if (p->row->fault[i] == fault)
			return &p->fault[i];
	return NULL;
}

const char *
fault_hosts(const struct drill *d, size_t fault, char *buf, size_t size)
{
	size_t hosts = d->progress[fault].hosts;

	if (hosts == 1)
		FOR_EACH_PARTY(d, p)
			if (fault_of(p, fault) != NULL)
				return p->name;
	(void)snprintf(buf, size, "%zu hosts", hosts);
	return buf;
}

/* When the last of its hosts came to that state; 0: not all of them are there. */
static usec_t
all_reached(
    const struct drill *d, size_t fault, enum fault_state s, struct fault_status *sum)
{
	usec_t last = 0;

	FOR_EACH_PARTY(d, p) {
		const struct fault_status *f = fault_of(p, fault);
		usec_t at = f != NULL ? reached(f, s) : USEC_INFINITY;

		if (at == 0)
			return 0;
		if (f == NULL)
			continue;
		last = at > last ? at : last;
		sum->effect += f->effect;
		memcpy(sum->effect_unit, f->effect_unit, sizeof(sum->effect_unit));
	}
	return last;
}

static void
say_progress(struct drill *d, size_t fault, enum fault_state s)
{
	struct progress *g = &d->progress[fault];
	char where[NAME_MAX_LEN];
	struct fault_status sum = { 0 };
	usec_t last = g->is_said[s] ? 0 : all_reached(d, fault, s, &sum);

	if (last == 0)
		return;
	g->is_said[s] = true;
	struct event v = drill_event(d, EVENT_FAULT, d->x->faults[fault].spec.name,
	    "%s on %s", fault_state_name(s), fault_hosts(d, fault, where, sizeof(where)));
	drill_stamp(d, &v, last);
	event_num(&v, "hosts", (double)g->hosts);
	event_num(&v, "state", s);
	if (d->fired != 0 && last >= d->fired)
		event_num(&v, "since_us", (double)(last - d->fired));
	if (s >= FAULT_DISARMED && sum.effect_unit[0] != '\0') {
		event_num(&v, "effect", (double)sum.effect);
		memcpy(v.unit, sum.effect_unit, sizeof(v.unit));
	}
	drill_emit(d, &v);
}

static void
say_all_progress(const struct party *p)
{
	struct drill *d = p->d;

	for (size_t i = 0; d->party_count > 1 && i < p->row->count; i++)
		for (enum fault_state s = FAULT_ACTIVE; s <= FAULT_GONE; s++)
			say_progress(d, p->row->fault[i], s);
}

/* --- a drill that an agent ended ------------------------------------------------------ */

static const char *
words_of(enum undo_cause cause)
{
	static const char *const words[UNDO_CAUSES] = {
		[UNDO_LEASE] =
		    "the agent did not hear from us in time and has undone all",
		[UNDO_UNCONFIRMED] =
		    "no renewal got through the network fault: the agent has undone all",
		[UNDO_HALT] = "the host was halted",
		[UNDO_ERROR] = "a fault could not be applied: the agent has undone all",
		[UNDO_FRONT] = "the agent's front failed: the agent has undone all",
		[UNDO_SHUTDOWN] = "the agent was told to stop and has undone all",
	};

	return cause < UNDO_CAUSES ? words[cause] : NULL;
}

/* The first to do it of its own accord stops the drill, before a word is said of it. */
static void
stop_with(const struct party *p, enum undo_cause cause)
{
	struct drill *d = p->d;

	if (d->stop != STOP_NOT)
		return;
	abort_now(d, STOP_ENDED);
	if (cause == UNDO_HALT || cause == UNDO_SHUTDOWN)
		d->found.stopped = true;
	else if (cause == UNDO_ERROR)
		drill_doubt(d, "a fault could not be applied");
	else
		d->found.agent_lost = true;
}

void
party_view(struct party *p, const struct drill_view *v)
{
	struct drill *d = p->d;
	enum undo_cause cause = (enum undo_cause)v->drill.cause;
	/* a clean reboot stops the agent, too */
	bool is_meant = cause == UNDO_SHUTDOWN && party_goes_down(p);
	bool is_news =
	    v->drill.cause != p->status.cause && words_of(cause) != NULL && !is_meant;

	if (!p->is_armed || strcmp(v->drill.drill, d->id) != 0)
		return; /* what it refused or rehearsed, or an error without a drill */
	p->status = v->drill;
	if (is_news)
		stop_with(p, cause);
	if (!p->is_fired && v->drill.fired && v->drill.fired_at != 0)
		party_fired(p);
	for (size_t i = 0; i < v->count && i < p->row->count; i++) {
		compare(p, i, &v->fault[i]);
		p->fault[i] = v->fault[i];
	}
	if (is_news)
		party_say(p, EVENT_ERROR, NULL, "%s", words_of(cause));
	say_all_progress(p);
	party_undo_progress(p);
}

/* --- what the drill has found --------------------------------------------------------- */

/* A fault whose effect is counted from 0 had none. */
static bool
did_nothing(const struct fault_status *f)
{
	const struct kind *k = kind_find(f->kind);

	return f->active != 0 && f->effect == 0 && k != NULL && kind_counts(k);
}

/* A cut between hosts is one fault: what one side drops the other never sees, and not every
 * pair talks.  It did nothing when none of its hosts saw anything. */
static bool
did_something_elsewhere(const struct drill *d, size_t fault)
{
	if (!fault_is_open(&d->x->faults[fault]))
		return false;
	FOR_EACH_PARTY(d, p)
		for (size_t i = 0; i < p->row->count; i++)
			if (p->row->fault[i] == fault && p->fault[i].effect > 0)
				return true;
	return false;
}

static void
judge_effect(struct party *p, size_t i)
{
	const struct fault_status *f = &p->fault[i];
	char none[64];

	(void)format_no_effect(f->effect_unit, none, sizeof(none));
	if (did_something_elsewhere(p->d, p->row->fault[i])) {
		party_say(p, EVENT_NOTE, f->name, "%s here", none);
		return;
	}
	drill_doubt(p->d, "%s had no effect", f->name);
	party_say(p, EVENT_ERROR, f->name, "no effect: it was in force, but %s", none);
}

static void
judge_fault(struct party *p, size_t i)
{
	const struct fault_status *f = &p->fault[i];
	struct drill *d = p->d;
	bool is_over = d->stop == STOP_NOT || d->stop == STOP_BREACH;

	if (f->dirty || f->state == FAULT_STUCK) {
		d->found.undo_failed = true;
		party_say(p, EVENT_ERROR, f->name, "%s", f->err.msg);
	}
	if (f->lost)
		drill_doubt(d, "%s was taken away before its time", f->name);
	else if (did_nothing(f) && is_over)
		judge_effect(p, i);
	if (d->fired != 0 && d->stop == STOP_NOT && f->active == 0) {
		drill_doubt(d, "%s was never in force", f->name);
		party_say(p, EVENT_ERROR, f->name, "it was never in force");
	}
}

void
parties_judge_faults(struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		for (size_t i = 0; p->is_armed && i < p->row->count; i++)
			judge_fault(p, i);
}
