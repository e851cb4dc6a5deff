/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who takes part.  A question is put to every party before the first answer is awaited, and
 * the answers are taken as they come: nobody waits for anybody but the drill itself.
 * Nothing of what happens from the arming on is decided here; this only knows whose answer
 * it is, and keeps the leases.
 */
#include "drill.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- making them ---------------------------------------------------------------------- */

/* Without a roster everything is done on this host. */
static const struct roster_host *
make_roster(struct drill *d, size_t *ret_count)
{
	struct roster_host *h = &d->here;

	if (d->o->roster != NULL) {
		*ret_count = d->o->roster->count;
		return d->o->roster->hosts;
	}
	for (size_t i = 0; i < d->x->fault_count && i < DRILL_FAULTS_MAX; i++) {
		h->fault[i] = i;
		h->spec[i] = &d->x->faults[i].spec;
		h->count = i + 1;
	}
	*ret_count = h->count > 0;
	return h;
}

void
parties_init(struct drill *d)
{
	const struct roster_host *rows = make_roster(d, &d->party_count);

	d->parties = xcalloc(d->party_count, sizeof(*d->parties));
	d->progress = xcalloc(d->x->fault_count, sizeof(*d->progress));
	for (size_t i = 0; i < d->party_count; i++) {
		struct party *p = &d->parties[i];

		p->d = d;
		p->row = &rows[i];
		p->name = rows[i].host != NULL ? rows[i].host->name : "localhost";
		p->host = rows[i].host == NULL && d->party_count == 1 ? "" : p->name;
		p->fault = xcalloc(rows[i].count, sizeof(*p->fault));
		for (size_t f = 0; f < rows[i].count; f++)
			d->progress[rows[i].fault[f]].hosts++;
	}
}

void
parties_release(struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		free(p->fault);
	free(d->parties);
	free(d->progress);
	fleet_free(d->fleet);
}

/* --- steps ---------------------------------------------------------------------------- */

static bool
is_awaited(const struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		if (p->is_asked)
			return true;
	return false;
}

void
parties_await(struct drill *d, enum step s, usec_t patience)
{
	usec_t until = clock_boottime() + patience;
	char span[32];

	d->step = s;
	while (is_awaited(d) && d->stop == STOP_NOT && clock_boottime() < until)
		loop_turn(d, until);
	FOR_EACH_PARTY(d, p) {
		if (!p->is_asked || d->stop != STOP_NOT)
			continue;
		p->is_asked = false;
		(void)err_set(&p->why, -ETIMEDOUT, "the agent did not answer within %s",
		    format_usec(patience, span, sizeof(span)));
	}
	d->step = STEP_NONE;
}

bool
parties_agree(struct drill *d)
{
	bool all = true;

	FOR_EACH_PARTY(d, p) {
		if (p->why.code == 0)
			continue;
		all = false;
		if (p->why.outcome == OUTCOME_STUCK)
			d->found.undo_failed = true;
		else
			d->found.refused = true;
		d->is_invalid = d->is_invalid || p->why.outcome == OUTCOME_INVALID;
		party_say(p, EVENT_ERROR, NULL, "%s", p->why.msg);
	}
	return all && d->stop == STOP_NOT;
}

/* --- answers -------------------------------------------------------------------------- */

/* The agent is there and knows of no such drill: it was started anew in the middle of it. */
static bool
has_forgotten(const struct party *p, const struct fleet_answer *a)
{
	return party_is_live(p) && p->is_warm && a->what < FLEET_WARM_ASKS &&
	       a->json != NULL && !a->has_view && a->err.code == -ENOENT;
}

static void
dispatch(struct party *p, const struct fleet_answer *a)
{
	switch (a->what) {
	case FLEET_STATUS:
		party_status_answer(p, a);
		break;
	case FLEET_ARM:
		party_arm_answer(p, a);
		break;
	case FLEET_SHOW:
		party_warm_answer(p, a);
		break;
	case FLEET_SELFTEST:
		party_try_answer(p, a);
		break;
	case FLEET_FIRE:
		party_fire_answer(p, a);
		break;
	case FLEET_UNDO:
	case FLEET_BREACH:
		party_undo_answer(p, a);
		break;
	case FLEET_LOOK:
		party_look_answer(p, a);
		break;
	default: /* a renewal: it says how the faults are, and that is below */
		break;
	}
}

void
parties_answer(void *ctx, const struct fleet_answer *a)
{
	struct drill *d = ctx;
	struct party *p = &d->parties[a->host];

	if (has_forgotten(p, a))
		party_lost(p,
		    "the agent is lost: it was started anew and knows nothing of this drill");
	else
		dispatch(p, a);
	if (a->has_view)
		party_view(p, a->view);
}

void
parties_lost(void *ctx, size_t host, const struct err *why)
{
	struct drill *d = ctx;

	party_lost(&d->parties[host], why->msg);
}

/* --- leases --------------------------------------------------------------------------- */

bool
party_is_live(const struct party *p)
{
	return p->is_armed && !p->is_lost && !p->status.ended;
}

size_t
parties_live(const struct drill *d)
{
	size_t n = 0;

	FOR_EACH_PARTY(d, p)
		n += party_is_live(p);
	return n;
}

size_t
parties_armed(const struct drill *d)
{
	size_t n = 0;

	FOR_EACH_PARTY(d, p)
		n += p->is_armed;
	return n;
}

void
parties_renew(struct drill *d)
{
	struct err e = { 0 };

	d->next_renew = parties_next_renewal(d);
	FOR_EACH_PARTY(d, p) {
		if (party_is_live(p) && p->is_warm &&
		    fleet_ask(d->fleet, (size_t)(p - d->parties), FLEET_RENEW, &e) < 0)
			party_lost(p, e.msg);
	}
}
