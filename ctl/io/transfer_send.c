/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending what is due: the pool of transfers that each probe has, which of them start at
 * once, which are held and which are skipped.  What becomes of them is in transfer.c.
 */
#include "err.h"
#include "prober_state.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>

static int
transfer_new(struct probe *b, struct transfer **ret, struct err *e)
{
	struct prober *p = b->prober;
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->probe = b;
	t->watched = -1;
	t->key = (uint32_t)p->transfer_count;
	int r = b->type->make(t, e);
	if (r < 0) {
		free(t);
		return r;
	}
	if ((p->transfer_count & (p->transfer_count + 1)) == 0) /* 0, 1, 3, 7 … */
		p->transfers = xrealloc(p->transfers,
		    (2 * p->transfer_count + 1) * sizeof(struct transfer *));
	p->transfers[p->transfer_count++] = t;
	t->list = &b->idle;
	TAILQ_INSERT_HEAD(&b->idle, t, link);
	*ret = t;
	return 0;
}

void
transfers_free(struct probe *b)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(&b->idle)) != NULL) {
		TAILQ_REMOVE(&b->idle, t, link);
		b->type->unmake(t);
		free(t);
	}
}

static bool
may_connect(const struct probe *b)
{
	struct transfer *t;
	size_t connecting = 0;

	if (!b->connects_slowly)
		return true;
	TAILQ_FOREACH(t, &b->waiting, link)
		connecting += !t->is_held && b->type->is_connecting(t);
	return connecting < CONNECTING_MAX;
}

int
transfers_release(struct probe *b, struct err *e)
{
	struct transfer *t;
	int r = 0;

	if (b->held == 0)
		return 0;
	TAILQ_FOREACH(t, &b->waiting, link) {
		if (!t->is_held)
			continue;
		if (r < 0 || !may_connect(b))
			break;
		t->is_held = false;
		b->held--;
		r = b->type->start(t, e);
	}
	return r;
}

/* An even spread: what is owed grows with every request, and is paid when it makes a whole
 * one. */
static bool
is_next_fresh(struct probe *b)
{
	b->fresh_owed += b->def->fresh;
	if (b->fresh_owed < 1 - 1e-9)
		return false;
	b->fresh_owed -= 1;
	return true;
}

static int
send_one(struct probe *b, usec_t intended, usec_t now, struct err *e)
{
	struct transfer *t = TAILQ_FIRST(&b->idle);

	if (t == NULL) {
		int r = transfer_new(b, &t, e);
		if (r < 0)
			return r;
	}
	t->intended = intended;
	t->sent = now;
	t->lost = b->prober->lost;
	t->answered = 0;
	t->is_fresh = is_next_fresh(b);
	t->is_held = b->held > 0 || !may_connect(b);
	b->held += t->is_held;
	b->in_flight++;
	transfer_move(t, &b->waiting);
	return t->is_held ? 0 : b->type->start(t, e);
}

static void
skip_one(struct probe *b, usec_t intended, usec_t now)
{
	char why[WHY_MAX];

	(void)snprintf(why, sizeof(why), "%zu requests in flight", b->in_flight);
	transfers_skip(b, intended, now, why);
}

static bool
is_due(const struct probe *b, usec_t now)
{
	return schedule_next(&b->schedule) <= now && !b->prober->stop_asked;
}

void
transfers_skip_due(struct probe *b, usec_t now)
{
	while (b->in_flight >= b->in_flight_max && is_due(b, now))
		skip_one(b, schedule_take(&b->schedule), now);
}

usec_t
transfers_due(const struct probe *b)
{
	usec_t at = schedule_next(&b->schedule);

	if (at == USEC_INFINITY)
		return at;
	return b->in_flight >= b->in_flight_max ? at + SKIP_PATIENCE : at - b->lead;
}

int
transfers_send_due(struct probe *b, usec_t now, struct err *e)
{
	int r = 0;

	while (r == 0 && is_due(b, now + b->lead)) {
		usec_t intended = schedule_take(&b->schedule);

		if (usec_after(now, intended) > b->def->good.within / 2)
			transfers_skip(b, intended, now, TOO_LATE);
		else if (b->in_flight >= b->in_flight_max)
			skip_one(b, intended, now);
		else
			r = send_one(b, intended, now, e);
	}
	return r;
}
