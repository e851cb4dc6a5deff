/* SPDX-License-Identifier: Apache-2.0 */
/* What a drill came to, in numbers and one sentence: taken from its totals and its events,
 * which are redacted already. */
#include "drill.h"
#include <stdio.h>
#include <string.h>

static const struct event *
first_of(const struct drill *d, enum event_type t)
{
	for (size_t i = 0; i < d->out.count; i++)
		if (d->out.events[i].type == t)
			return &d->out.events[i];
	return NULL;
}

/* A stop is explained by its evidence, a refusal by what was refused. */
static void
explain(const struct drill *d, enum verdict v, struct run_result *ret)
{
	const struct event *why = first_of(d, EVENT_DECISION);

	if (why == NULL && v != VERDICT_HELD)
		why = first_of(d, EVENT_ERROR);
	if (why == NULL)
		why = first_of(d, EVENT_VERDICT);
	if (why == NULL)
		return;
	bool has_subject = why->type != EVENT_VERDICT && why->subject[0] != '\0';
	(void)snprintf(ret->why, sizeof(ret->why), "%s%s%s",
	    has_subject ? why->subject : "", has_subject ? ": " : "", why->text);
}

void
result_fill(const struct drill *d, enum verdict v)
{
	struct run_result *r = d->o->result;

	if (r == NULL)
		return;
	usec_t decided = d->known_late != 0 ? d->known_late : d->decided;

	*r = (struct run_result){
		.is_stopped = d->stop == STOP_BREACH || d->known_late != 0,
		.is_asked_to_end = d->found.stopped,
	};
	memcpy(r->drill, d->id, sizeof(r->drill));
	if (r->is_stopped)
		r->reason = d->decision.reason;
	if (r->is_stopped && d->fired != 0 && decided > d->fired)
		r->stopped_after = decided - d->fired;
	for (size_t i = 0; i < d->x->probe_count && i < PROBES_MAX; i++)
		r->during[i] = totals_answers(&d->tally[i].phase[PHASE_DURING]);
	explain(d, v, r);
}
