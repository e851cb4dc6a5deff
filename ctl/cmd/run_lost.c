/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents that are not heard of any more.  The drill ends on all the others at once; what
 * the lost one holds is undone by its lease and its guardian, without us.  We go on asking
 * for it until that must have happened, and say what has become of it: "lost" is no state
 * that anybody can act on.
 */
#include "cleanup.h"
#include "drill.h"
#include "hosts.h"
#include "kind.h"
#include "spec.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY    (500 * USEC_PER_MSEC)
#define MARGIN        (3 * USEC_PER_SEC) /* after its lease: the guardian, and the way back */
#define BOOT_PATIENCE (5 * 60 * USEC_PER_SEC) /* servers count their memory first */

/* When the lease of a host that hears nothing has run out. */
static usec_t
lease_end(const struct party *p)
{
	const struct drill *d = p->d;

	return fleet_heard(d->fleet, (size_t)(p - d->parties)) +
	       d->lease_ms * USEC_PER_MSEC;
}

static void
seek(struct party *p)
{
	struct drill *d = p->d;
	usec_t now = clock_boottime();
	usec_t end = p->is_armed ? lease_end(p) : now + d->lease_ms * USEC_PER_MSEC;

	if (p->row->host == NULL && d->agent.is_embedded)
		return; /* stormd-undo follows it */
	p->is_sought = true;
	p->seek_until = (end > now ? end : now) + MARGIN;
	d->next_look = now + LOOK_EVERY;
}

void
party_seek(struct party *p)
{
	p->is_arming = false;
	seek(p);
}

/* The way that was asked of the host; NULL: it was to stay. */
static const struct spec *
down_by(const struct party *p)
{
	for (size_t i = 0; i < p->row->count; i++)
		if (strcmp(p->row->spec[i]->kind, kind_host_reboot.name) == 0 &&
		    p->fault[i].active != 0)
			return p->row->spec[i];
	return NULL;
}

bool
party_goes_down(const struct party *p)
{
	return down_by(p) != NULL;
}

static bool
comes_back(const struct party *p)
{
	const struct spec *s = down_by(p);
	char how[16];

	return s == NULL ||
	       strcmp(spec_format(s, "how", how, sizeof(how)), "poweroff") != 0;
}

/* What was meant: nobody else's drill ends with it. */
static void
went_down(struct party *p)
{
	p->is_lost = true;
	party_say(p, EVENT_NOTE, NULL, "is down, as host.reboot was asked to");
	if (!comes_back(p))
		return;
	seek(p);
	p->seek_until = clock_boottime() + BOOT_PATIENCE;
}

void
party_lost(struct party *p, const char *why)
{
	struct drill *d = p->d;

	if (p->is_lost || p->status.ended)
		return;
	if (party_goes_down(p)) {
		went_down(p);
		return;
	}
	p->is_lost = true;
	if (p->is_armed)
		d->found.agent_lost = true;
	else
		d->found.refused = true;
	if (d->stop == STOP_NOT)
		abort_now(d, STOP_AGENT);
	party_say(p, EVENT_ERROR, NULL, "%s", why);
	if (p->is_armed)
		seek(p);
}

/* --- asking for them ------------------------------------------------------------------ */

bool
lost_are_sought(const struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		if (p->is_sought)
			return true;
	return false;
}

void
lost_look(struct drill *d)
{
	usec_t now = clock_boottime();

	d->next_look = now + LOOK_EVERY;
	for (size_t i = 0; i < d->party_count; i++) {
		struct party *p = &d->parties[i];

		if (!p->is_sought || p->is_looked_for)
			continue;
		p->is_looked_for = true;
		fleet_look(d->fleet, i, d->id, false);
	}
}

static bool
is_dirty(const struct drill_view *v)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->fault[i].dirty || v->fault[i].state == FAULT_STUCK)
			return true;
	return false;
}

static void
come_back_dirty(struct party *p)
{
	p->d->found.undo_failed = true;
	party_say(p, EVENT_ERROR, NULL,
	    "came back, not clean: stormctl doctor says what is left");
}

void
party_look_answer(struct party *p, const struct fleet_answer *a)
{
	bool is_unknown = a->json != NULL && !a->has_view && a->err.code == -ENOENT;

	p->is_looked_for = false;
	if (!p->is_sought || (!is_unknown && (!a->has_view || !a->view->drill.ended)))
		return;
	p->is_sought = false;
	p->is_back = true;
	if (is_unknown && party_goes_down(p))
		party_say(p, EVENT_NOTE, NULL, "came back after its reboot");
	else if (is_unknown && p->is_armed)
		party_say(p, EVENT_NOTE, NULL,
		    "came back: its agent was started anew, which undoes all that was left");
	else if (is_unknown)
		party_say(p, EVENT_NOTE, NULL, "came back: it had not armed anything");
	else if (!is_dirty(a->view))
		party_say(p, EVENT_NOTE, NULL, "came back: clean");
	else
		come_back_dirty(p);
}

/* --- the end -------------------------------------------------------------------------- */

/* "05:31:07 UTC" */
static const char *
time_of(usec_t at, char *buf, size_t size)
{
	char wall[32];

	(void)clock_iso8601(clock_wall() - clock_boottime() + at, wall, sizeof(wall));
	(void)snprintf(buf, size, "%.8s UTC", wall + 11);
	return buf;
}

static void
say_missing(struct party *p)
{
	const char *inventory = p->d->o->inventory;
	_cleanup_free_ char *options = p->row->host != NULL && inventory != NULL ?
					   hosts_option_text(inventory, p->name) :
					   xstrdup("");
	char when[32];

	p->is_sought = false;
	if (party_goes_down(p)) {
		p->d->found.agent_lost = true;
		party_say(p, EVENT_ERROR, NULL, "has not come back after its reboot");
	} else if (p->is_armed) {
		party_say(p, EVENT_ERROR, NULL,
		    "was not heard of again: its lease ended its faults at %s; check with "
		    "stormctl status%s",
		    time_of(lease_end(p), when, sizeof(when)), options);
	} else {
		party_say(p, EVENT_ERROR, NULL,
		    "never said whether it had armed: nothing was in force, and its lease "
		    "takes away what it may have prepared; check with stormctl status%s",
		    options);
	}
}

void
lost_settle(struct drill *d)
{
	usec_t until = 0;

	FOR_EACH_PARTY(d, p)
		if (p->is_sought && p->seek_until > until)
			until = p->seek_until;
	while (lost_are_sought(d) && clock_boottime() < until)
		loop_turn(d, until);
	FOR_EACH_PARTY(d, p)
		if (p->is_sought)
			say_missing(p);
}
