/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent says of its faults, turned into events and findings.  An answer may skip
 * states; each state that a stamp proves gets its event, at the moment of the stamp.
 */
#include "drill.h"
#include "err.h"
#include <string.h>

static void
say_state(struct drill *d, const struct fault_status *f, enum fault_state s, usec_t at)
{
	const char *more = s == FAULT_STUCK  ? f->err.msg :
			   s == FAULT_ACTIVE ? f->note :
					       "";
	struct event v = drill_event(d, EVENT_FAULT, f->name, "%s%s%s",
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

static void
compare(struct drill *d, const struct fault_status *was, const struct fault_status *is)
{
	if (was->active == 0 && is->active != 0)
		say_state(d, is, FAULT_ACTIVE, is->active);
	if (was->disarmed == 0 && is->disarmed != 0)
		say_state(d, is, FAULT_DISARMED, is->disarmed);
	if (was->state != FAULT_GONE && is->state == FAULT_GONE)
		say_state(d, is, FAULT_GONE, is->clean);
	if (was->state != FAULT_STUCK && is->state == FAULT_STUCK)
		say_state(d, is, FAULT_STUCK, 0);
	else if (was->outcome == OUTCOME_DONE && is->outcome != OUTCOME_DONE)
		drill_say(d, EVENT_ERROR, is->name, "%s", is->err.msg);
	if (!was->lost && is->lost)
		drill_say(
		    d, EVENT_NOTE, NULL, "%s: taken away by somebody else", is->name);
}

/* The agent ended the drill before we did. */
static void
ended_by_agent(struct drill *d, enum undo_cause cause)
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

	if (words[cause] == NULL || d->stop != STOP_NOT)
		return;
	abort_now(d, STOP_ENDED);
	if (cause == UNDO_HALT || cause == UNDO_SHUTDOWN)
		d->found.stopped = true;
	else if (cause == UNDO_FRONT || cause == UNDO_LEASE || cause == UNDO_UNCONFIRMED)
		d->found.agent_lost = true;
	else
		d->found.inconclusive = true;
	drill_say(d, EVENT_ERROR, NULL, "%s", words[cause]);
}

void
agent_view(struct drill *d, const struct drill_view *v)
{
	if (strcmp(v->drill.drill, d->id) != 0)
		return; /* an error without a drill */
	for (size_t i = 0; i < v->count && i < d->fault_count; i++) {
		compare(d, &d->fault[i], &v->fault[i]);
		d->fault[i] = v->fault[i];
	}
	d->status = v->drill;
	if (v->drill.cause < UNDO_CAUSES)
		ended_by_agent(d, (enum undo_cause)v->drill.cause);
}

/* A fault of which the experiment expects an effect had none. */
static bool
did_nothing(const struct fault_status *f)
{
	return f->active != 0 && f->effect == 0 &&
	       (strcmp(f->effect_unit, "packets") == 0 ||
		   strcmp(f->effect_unit, "processes") == 0);
}

void
agent_judge_faults(struct drill *d)
{
	for (size_t i = 0; d->is_armed && i < d->fault_count; i++) {
		const struct fault_status *f = &d->fault[i];

		if (f->dirty || f->state == FAULT_STUCK) {
			d->found.undo_failed = true;
			drill_say(d, EVENT_ERROR, f->name, "%s", f->err.msg);
		}
		if (f->lost)
			d->found.inconclusive = true;
		if (did_nothing(f) && (d->stop == STOP_NOT || d->stop == STOP_BREACH)) {
			d->found.inconclusive = true;
			drill_say(d, EVENT_ERROR, f->name,
			    "no effect: it was in force, but met no %s", f->effect_unit);
		}
		if (d->fired != 0 && d->stop == STOP_NOT && f->active == 0) {
			d->found.inconclusive = true;
			drill_say(d, EVENT_ERROR, f->name, "it was never in force");
		}
	}
}
