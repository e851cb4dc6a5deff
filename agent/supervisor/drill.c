/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of a drill after arming.  drill_turn looks at everything afresh each time:
 * there is no order in which holders may speak, and so none in which a message could be
 * missed.  drill_undo is the path that counts: one pass of sends, no memory, no disk, no
 * log line (that comes when the figures are in).
 */
#include "drill.h"
#include "api.h"
#include "err.h"
#include "kind.h"
#include "log.h"
#include "super.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool
drill_is_told(const struct drill *d)
{
	return d->status.undo_told != 0 || d->status.ended;
}

bool
drill_all(const struct drill *d, bool (*is)(const struct active *a))
{
	for (size_t i = 0; i < d->count; i++) {
		if (!is(&d->fault[i]))
			return false;
	}
	return true;
}

void
drill_undo(struct drill *d, enum undo_cause cause, usec_t now)
{
	if (drill_is_told(d))
		return;
	for (size_t i = d->count; i-- > 0;)
		active_disarm(&d->fault[i], now);
	d->status.undo_told = now;
	d->status.cause = (uint8_t)cause;
	lease_stop(&d->lease);
}

void
drill_renew(struct drill *d, usec_t now)
{
	lease_renew(&d->lease, now);
	d->status.lease_until = d->lease.until;
}

const char *
drill_who(const struct drill *d, char *buf, size_t size)
{
	char uid[32];

	if (d->status.uid == UID_REMOTE) /* it begins with the certificate's name */
		(void)snprintf(buf, size, "%s", d->status.who);
	else
		(void)snprintf(buf, size, "%s %s", d->status.who,
		    format_uid(d->status.uid, uid, sizeof(uid)));
	return buf;
}

/* The first fault that failed to arm, or NULL. */
static const struct active *
first_failed(const struct drill *d)
{
	for (size_t i = 0; i < d->count; i++) {
		if (active_has_failed(&d->fault[i]))
			return &d->fault[i];
	}
	return NULL;
}

static int
refuse_to_fire(const struct drill *d, struct err *e)
{
	const struct active *failed = drill_is_told(d) ? first_failed(d) : NULL;

	if (failed != NULL)
		(void)err_invalid(e, "drill '%s' is undone: fault '%s': %s",
		    d->status.name, failed->spec.name, failed->status.err.msg);
	else
		(void)err_invalid(e, "drill '%s' is %s", d->status.name,
		    d->status.rehearse ? "a rehearsal: it has nothing to fire" :
		    drill_is_told(d)   ? "undone" :
					 "not armed yet");
	e->code = -EALREADY;
	return e->code;
}

int
drill_fire(struct drill *d, usec_t at, usec_t now, struct err *e)
{
	usec_t begin = at > now ? at : now;
	char who[WHO_MAX + 32], ahead[32];

	if (d->status.fired)
		return 0; /* a repeated request: the answer is the same */
	if (!d->is_armed || d->status.rehearse || drill_is_told(d))
		return refuse_to_fire(d, e);
	if (begin - now > FIRE_AHEAD_MAX)
		return err_invalid(e,
		    "at=%llu is more than %llu s ahead of this host's clock (%llu)",
		    (unsigned long long)at,
		    (unsigned long long)(FIRE_AHEAD_MAX / USEC_PER_SEC),
		    (unsigned long long)now);
	d->status.fired = 1;
	d->status.fired_at = begin;
	for (size_t i = 0; i < d->count; i++) {
		struct active *a = &d->fault[i];

		a->span = timeline_span(&a->spec, begin);
		a->status.at = a->span.at;
		a->status.until = a->span.until;
		if (a->span.until > d->status.ends_at)
			d->status.ends_at = a->span.until;
	}
	drill_renew(d, now);
	log_notice("fire: drill '%s' %s of %s%s%s", d->status.name, d->status.drill,
	    drill_who(d, who, sizeof(who)), begin > now ? ", to begin in " : "",
	    begin > now ? format_usec(begin - now, ahead, sizeof(ahead)) : "");
	return 0;
}

static bool
is_staged(const struct active *a)
{
	return a->status.state == FAULT_STAGED;
}

/* One holder a turn: starting one takes a millisecond that another drill's undo may need. */
static void
start_next(struct drill *d, usec_t now)
{
	struct hold_terms terms = { .drill = d->status.drill,
		.is_rehearsal = d->status.rehearse != 0,
		.hard_deadline = d->hard_deadline,
		.controller_pid = d->controller_pid };

	for (size_t i = 0; i < d->count; i++) {
		if (!d->fault[i].is_started) {
			active_start(&d->fault[i], &terms, now);
			return;
		}
	}
}

static void
log_armed(const struct drill *d)
{
	char faults[512] = "", who[WHO_MAX + 32];
	size_t used = 0;

	for (size_t i = 0; i < d->count && used < sizeof(faults); i++) {
		int n = snprintf(faults + used, sizeof(faults) - used, "%s%s [%s]",
		    i > 0 ? ", " : "", d->fault[i].status.summary, d->fault[i].status.id);

		used += n > 0 ? (size_t)n : 0;
	}
	log_notice("%s: drill '%s' %s of %s: %s%s%s",
	    d->status.rehearse ? "rehearse" : "arm", d->status.name, d->status.drill,
	    drill_who(d, who, sizeof(who)), faults,
	    d->status.reason[0] != '\0' ? "; reason: " : "", d->status.reason);
}

static void
arming_turn(struct drill *d, usec_t now)
{
	const struct active *failed = first_failed(d);

	if (failed != NULL) {
		d->err = failed->status.err;
		d->err.outcome = failed->status.outcome;
		d->err.code = d->err.code != 0 ? d->err.code : -EIO;
		(void)err_wrap(
		    &d->err, "fault '%s' (%s)", failed->spec.name, failed->spec.kind);
		drill_undo(d, UNDO_ERROR, now);
		return;
	}
	start_next(d, now);
	if (!drill_all(d, d->status.rehearse ? active_is_settled : is_staged))
		return;
	d->is_armed = true;
	if (!d->status.rehearse) {
		lease_start(&d->lease, d->status.lease_ms * USEC_PER_MSEC, now);
		d->status.lease_until = d->lease.until;
	}
	log_armed(d);
}

static void
timeline_turn(struct drill *d, usec_t now)
{
	for (size_t i = 0; i < d->count; i++) {
		struct active *a = &d->fault[i];
		enum turn due = timeline_due(&a->span, now);

		if (due == TURN_APPLY)
			active_apply(a, now);
		else if (due == TURN_DISARM)
			active_disarm(a, now);
		if (a->status.state == FAULT_ACTIVE && !a->is_confirmed &&
		    (kind_find(a->spec.kind)->flags & KIND_NETWORK) != 0) {
			a->is_confirmed = true;
			lease_confirm(&d->lease, now);
		}
	}
}

/* Armed and not told: lease, timeline, a fault that could not be applied. */
static void
live_turn(struct drill *d, usec_t now)
{
	enum undo_cause cause = lease_due(&d->lease, now);

	if (cause == UNDO_NOT_YET && !d->status.fired &&
	    now >= d->status.armed_at + ARMED_MAX)
		cause = UNDO_END;
	if (cause == UNDO_NOT_YET && first_failed(d) != NULL)
		cause = UNDO_ERROR;
	if (cause != UNDO_NOT_YET)
		drill_undo(d, cause, now);
	else
		timeline_turn(d, now);
}

/* The slowest of its faults, each from its own telling. */
static void
log_undone(const struct drill *d)
{
	usec_t disarmed = 0, undone = 0;
	char a[32], b[32], who[WHO_MAX + 32];

	for (size_t i = 0; i < d->count; i++) {
		const struct fault_status *f = &d->fault[i].status;

		if (f->told == 0)
			continue;
		if (f->disarmed > f->told && f->disarmed - f->told > disarmed)
			disarmed = f->disarmed - f->told;
		if (f->undone > f->told && f->undone - f->told > undone)
			undone = f->undone - f->told;
	}
	log_notice(
	    "undo: drill '%s' %s of %s, cause %s: disarmed after %s, undone after %s",
	    d->status.name, d->status.drill, drill_who(d, who, sizeof(who)),
	    undo_cause_name(d->status.cause), format_usec(disarmed, a, sizeof(a)),
	    format_usec(undone, b, sizeof(b)));
}

static void
end(struct drill *d, usec_t now)
{
	if (d->status.undo_told == 0) { /* every fault's own time was up */
		d->status.undo_told = now;
		for (size_t i = 0; i < d->count; i++) {
			usec_t told = d->fault[i].status.told;

			if (told != 0 && told < d->status.undo_told)
				d->status.undo_told = told;
		}
		d->status.cause = UNDO_END;
	}
	d->status.ended = 1;
	lease_stop(&d->lease);
	locks_release(&d->locks);
}

static bool
is_over(const struct active *a)
{
	return a->is_over;
}

void
drill_turn(struct drill *d, usec_t now)
{
	for (size_t i = 0; i < d->count; i++)
		active_turn(&d->fault[i], now);
	if (d->status.ended)
		return;
	if (!d->is_armed && !drill_is_told(d))
		arming_turn(d, now);
	else if (!drill_is_told(d))
		live_turn(d, now);
	if (drill_all(d, is_over) && (drill_is_told(d) || d->is_armed))
		end(d, now);
	if (!d->is_undo_logged && drill_is_told(d) && !d->status.rehearse &&
	    drill_all(d, active_is_disarmed)) {
		d->is_undo_logged = true;
		log_undone(d);
	}
}

usec_t
drill_next(const struct drill *d)
{
	usec_t next = drill_is_told(d) ? USEC_INFINITY : lease_next(&d->lease);

	if (!d->status.ended && drill_is_told(d) && drill_all(d, is_over))
		return 0; /* it is over, and nothing more will be heard */
	for (size_t i = 0; i < d->count; i++) {
		usec_t mine = active_next(&d->fault[i]);

		next = mine < next ? mine : next;
		if (!d->fault[i].is_started && !drill_is_told(d))
			return 0; /* the next holder is to be started */
	}
	if (d->is_armed && !d->status.fired && !drill_is_told(d) &&
	    d->status.armed_at + ARMED_MAX < next)
		next = d->status.armed_at + ARMED_MAX;
	return next;
}

usec_t
drill_deadline(const struct drill *d)
{
	usec_t next = drill_is_told(d) ? USEC_INFINITY : lease_next(&d->lease);

	for (size_t i = 0; i < d->count; i++) {
		const struct active *a = &d->fault[i];

		if (!a->span.is_over && a->span.is_applied && !a->span.is_oneshot &&
		    a->span.until < next)
			next = a->span.until;
	}
	return next;
}
