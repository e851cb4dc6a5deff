/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline of a drill, by stormd's own clock from the moment it was fired. */
#include "timeline.h"

struct span
timeline_span(const struct spec *s, usec_t fired)
{
	return (struct span){
		.at = fired + s->at,
		.until = fired + s->at + s->duration,
		.is_oneshot = s->duration == 0,
	};
}

enum turn
timeline_due(const struct span *s, usec_t now)
{
	if (s->at == 0 || s->is_over)
		return TURN_WAIT;
	if (!s->is_oneshot && now >= s->until)
		return TURN_DISARM;
	if (!s->is_applied && now >= s->at)
		return TURN_APPLY;
	return TURN_WAIT;
}

usec_t
timeline_next(const struct span *s)
{
	if (s->at == 0 || s->is_over)
		return USEC_INFINITY;
	if (!s->is_applied)
		return s->at;
	return s->is_oneshot ? USEC_INFINITY : s->until;
}

bool
timeline_overlap(const struct spec *a, const struct spec *b)
{
	return a->at < b->at + b->duration && b->at < a->at + a->duration;
}
