/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other's clock.  With our moments a and d around theirs b and c, theirs is ahead by
 * ((b − a) + (c − d)) / 2, and that is wrong by at most half the round trip; so the
 * shortest round trip wins, until it is so old that drift counts.  Nothing of what they say
 * is believed further than arithmetic allows: what makes no sense is not learnt from, and
 * no moment that has passed is put after the answer that told of it.
 */
#include "fleet_state.h"
#include <stdlib.h>

#define BEST_FOR   (60 * USEC_PER_SEC)
#define MOMENT_MAX ((usec_t)1 << 61)
/* Clocks that nobody has set differ by less than this share of the time. */
#define DRIFT_PER  (usec_t)2000
#define SLOP       USEC_PER_MSEC

/* Has their clock been set, or their machine started, since we last looked? */
static bool
contradicts(const struct clock_offset *old, const struct clock_offset *new)
{
	usec_t apart = old->offset > new->offset ? (usec_t)(old->offset - new->offset) :
						   (usec_t)(new->offset - old->offset);

	return apart > (old->round_trip + new->round_trip) / 2 +
			   (new->at - old->at) / DRIFT_PER + SLOP;
}

void
clock_offset_learn(struct clock_offset *c, const struct exchange_times *t)
{
	struct clock_offset new = { .is_known = true, .at = t->answered };

	if (t->received == 0 || t->finished < t->received || t->finished > MOMENT_MAX ||
	    t->answered < t->asked || t->finished - t->received > t->answered - t->asked)
		return;
	new.round_trip = t->answered - t->asked - (t->finished - t->received);
	new.offset =
	    ((int64_t)(t->received - t->asked) + (int64_t)(t->finished - t->answered)) /
	    2;
	if (!c->is_known || new.round_trip <= c->round_trip ||
	    new.at - c->at > BEST_FOR || contradicts(c, &new))
		*c = new;
}

static void
shift(const struct clock_offset *c, usec_t *moment, usec_t latest)
{
	int64_t ours;

	if (*moment == 0 || *moment >= USEC_INFINITY)
		return;
	/* Neither can be larger than 2^61 here but by a lie: that one stays at the edge. */
	ours = *moment > MOMENT_MAX ? (int64_t)MOMENT_MAX : (int64_t)*moment - c->offset;
	ours = ours < 1 ? 1 : ours;
	*moment = (usec_t)ours < latest ? (usec_t)ours : latest;
}

static void
shift_fault(const struct clock_offset *c, struct fault_status *f, usec_t answered)
{
	usec_t *past[] = { &f->staged, &f->active, &f->told, &f->disarmed, &f->undone,
		&f->clean };

	for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++)
		shift(c, past[i], answered);
	shift(c, &f->at, USEC_INFINITY - 1);
	shift(c, &f->until, USEC_INFINITY - 1);
}

void
clock_offset_apply(const struct clock_offset *c, struct drill_view *v, usec_t answered)
{
	struct drill_status *d = &v->drill;

	shift(c, &d->armed_at, answered);
	/* Told to fire, it may say so before the moment has come. */
	shift(c, &d->fired_at, USEC_INFINITY - 1);
	shift(c, &d->lease_until, USEC_INFINITY - 1);
	shift(c, &d->ends_at, USEC_INFINITY - 1);
	shift(c, &d->undo_told, answered);
	for (size_t i = 0; i < v->count; i++)
		shift_fault(c, &v->fault[i], answered);
}
