/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers are sent as a burst into the channel's buffer.  A front that has not read enough
 * of it to take the burst is as good as dead and is treated so (front_broken), at the end
 * of the turn.
 */
#include "waiter.h"
#include "chan.h"
#include "drill.h"
#include "err.h"
#include "front.h"
#include "super.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define SELFTEST_PATIENCE (1 * USEC_PER_SEC)

static void
send_or_break(struct super *s, const void *msg)
{
	struct err e = { 0 };

	if (s->front.channel.fd < 0 || s->front.is_broken)
		return;
	if (chan_send(s->front.channel.fd, msg, &e) != 0)
		front_broken(&s->front, "does not read its answers");
}

void
answer_text(struct super *s, uint32_t seq, const char *text, uint32_t len)
{
	static struct msg_text m;

	m = (struct msg_text){ .head = { .type = MSG_TEXT, .seq = seq }, .len = len };
	memcpy(m.text, text, len);
	send_or_break(s, &m);
}

static void
send_drill(struct super *s, uint32_t seq, const struct drill *d, bool with_text)
{
	struct msg_drill m = { .head = { .type = MSG_DRILL, .seq = seq },
		.drill = d->status };

	send_or_break(s, &m);
	for (size_t i = 0; i < d->count; i++) {
		struct msg_fault f = { .head = { .type = MSG_FAULT, .seq = seq },
			.fault = d->fault[i].status };

		send_or_break(s, &f);
		if (with_text && d->fault[i].ops_len > 0)
			answer_text(s, seq, d->fault[i].ops, d->fault[i].ops_len);
	}
}

/* Of the whole agent: what is live, and for a halt what it has just ended. */
static bool
belongs(const struct waiter *w, const struct drill *d)
{
	if (w->type == MSG_HALT && d->status.undo_told >= w->received)
		return true;
	return !d->status.ended;
}

static void
send_agent(struct super *s, uint32_t seq)
{
	struct msg_agent m = { .head = { .type = MSG_AGENT, .seq = seq } };

	super_status(s, &m.agent);
	send_or_break(s, &m);
}

void
answer(struct super *s, const struct waiter *w, const struct err *err)
{
	struct msg_answer m = { .head = { .type = MSG_ANSWER, .seq = w->seq },
		.received = w->received };
	bool whole = w->type == MSG_HALT || w->type == MSG_STATUS;

	if (whole || w->type == MSG_RESUME)
		send_agent(s, w->seq);
	if (whole) {
		FOR_EACH_DRILL(s, d) {
			if (belongs(w, d))
				send_drill(s, w->seq, d, false);
		}
	} else if (w->drill != NULL) {
		send_drill(
		    s, w->seq, w->drill, w->type == MSG_ARM || w->type == MSG_SHOW);
	}
	if (err != NULL)
		m.err = *err;
	m.finished = clock_boottime();
	send_or_break(s, &m);
}

int
waiter_add(struct super *s, const struct waiter *w, struct err *e)
{
	if (s->waiters.count == WAITERS_MAX) {
		(void)err_refused(e, "%d requests wait already", WAITERS_MAX);
		e->code = -EUSERS;
		return e->code;
	}
	s->waiters.waiter[s->waiters.count++] = *w;
	return 0;
}

usec_t
waiters_next(struct super *s)
{
	usec_t next = USEC_INFINITY;

	for (size_t i = 0; i < s->waiters.count; i++) {
		const struct waiter *w = &s->waiters.waiter[i];

		if (w->type == MSG_SELFTEST && w->received + SELFTEST_PATIENCE < next)
			next = w->received + SELFTEST_PATIENCE;
	}
	return next;
}

void
waiters_forget(struct super *s)
{
	s->waiters.count = 0;
}

/* Did undo of this drill get stuck?  Then nobody should wait for it any longer. */
static void
say_stuck(const struct drill *d, struct err *e)
{
	for (size_t i = 0; i < d->count && e->code == 0; i++) {
		const struct active *a = &d->fault[i];

		if (a->status.state != FAULT_STUCK)
			continue;
		*e = a->status.err;
		e->outcome = OUTCOME_STUCK;
		e->code = -EIO;
		(void)err_wrap(
		    e, "fault '%s' (%s) is not undone yet", a->spec.name, a->spec.kind);
	}
}

static bool
is_disarmed_or_stuck(const struct active *a)
{
	return active_is_disarmed(a) || a->status.state == FAULT_STUCK;
}

static bool
has_ponged(const struct active *a)
{
	return a->is_over || a->is_by_record || a->ping_back == a->ping_sent;
}

static bool
is_selftested(const struct waiter *w, usec_t now, struct err *e)
{
	const struct drill *d = w->drill;

	if (drill_is_told(d)) {
		(void)err_set(e, -EALREADY, "drill '%s' is undone", d->status.name);
		return true;
	}
	if (drill_all(d, has_ponged))
		return true;
	if (now < w->received + SELFTEST_PATIENCE)
		return false;
	for (size_t i = 0; i < d->count && e->code == 0; i++) {
		if (!has_ponged(&d->fault[i]))
			(void)err_set(e, -ETIMEDOUT,
			    "fault '%s' (%s): its holder %d does not answer",
			    d->fault[i].spec.name, d->fault[i].spec.kind,
			    d->fault[i].status.holder_pid);
	}
	return true;
}

static bool
is_armed(const struct waiter *w, struct err *e)
{
	const struct drill *d = w->drill;

	if (d->err.code == 0 && drill_is_told(d) && !d->is_armed)
		(void)err_set(e, -EALREADY, "undone (%s) before it was armed",
		    undo_cause_name(d->status.cause));
	else
		*e = d->err;
	if (d->is_armed)
		return true;
	if (!drill_all(d, active_is_settled))
		return false;
	return drill_is_told(d);
}

/* Has its moment come?  With the error to answer, if any. */
static bool
is_due(struct super *s, const struct waiter *w, usec_t now, struct err *e)
{
	bool due = true;

	switch (w->type) {
	case MSG_ARM:
		return is_armed(w, e);
	case MSG_SELFTEST:
		return is_selftested(w, now, e);
	case MSG_UNDO:
		due = drill_all(w->drill, is_disarmed_or_stuck);
		break;
	case MSG_WAIT:
		due = drill_all(w->drill, active_is_settled);
		break;
	default:
		FOR_EACH_DRILL(s, d) {
			due = due && drill_all(d, active_is_settled);
			say_stuck(d, e);
		}
		return due;
	}
	say_stuck(w->drill, e);
	return due;
}

void
waiters_turn(struct super *s, usec_t now)
{
	struct waiters *all = &s->waiters;

	for (size_t i = 0; i < all->count;) {
		struct waiter w = all->waiter[i];
		struct err e = { 0 };

		if (!is_due(s, &w, now, &e)) {
			i++;
			continue;
		}
		all->waiter[i] = all->waiter[--all->count];
		answer(s, &w, e.code != 0 ? &e : NULL);
	}
}
