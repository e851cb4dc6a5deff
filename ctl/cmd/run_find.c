/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the agents: that of this host by its socket, or one of our own; the others are
 * asked who they are.  An address can lead back to this very host, through a name, a
 * forwarded port or a mistake in the inventory; only the agent itself knows on which
 * machine it stands.
 */
#include "drill.h"
#include "hosts.h"
#include "ident.h"
#include "spec_json.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIND_PATIENCE    (15 * USEC_PER_SEC)
/* Thirty handshakes at once on a busy machine; nothing is in force while they are made. */
#define CONNECT_PATIENCE (4 * USEC_PER_SEC)

static bool
is_remote(const struct party *p)
{
	return p->row->host != NULL;
}

/* --- which host it is ------------------------------------------------------------------ */

static bool
is_same_host(const struct party *a, const struct party *b)
{
	return a->boot_id[0] != '\0' && a->netns == b->netns &&
	       strcmp(a->boot_id, b->boot_id) == 0;
}

/* Which host we are ourselves; without /proc nothing is known, and nothing compared. */
static void
identify_here(struct party *p)
{
	struct err e;

	(void)clock_boot_id(p->boot_id, &e);
	p->netns = netns_inode();
}

/* --- this host ------------------------------------------------------------------------ */

static int
find_here(struct party *p, struct endpoint *ret, struct err *e)
{
	struct drill *d = p->d;
	int r = agent_find(&d->agent, &d->o->agent, e);

	if (r < 0)
		return r;
	d->has_agent = true;
	identify_here(p);
	ret->socket = d->agent.socket;
	return d->agent.pidfd >= 0 ? loop_watch_agent(d, e) : 0;
}

/* --- the others ----------------------------------------------------------------------- */

void
party_status_answer(struct party *p, const struct fleet_answer *a)
{
	struct drill *d = p->d;
	struct agent_status s = { 0 };
	struct party here = { 0 };

	p->is_asked = false;
	p->why = a->err;
	if (a->err.code < 0 || agent_status_from_json(a->json, &s, &p->why) < 0)
		return;
	(void)snprintf(p->boot_id, sizeof(p->boot_id), "%s", s.boot_id);
	p->netns = s.netns;
	identify_here(&here);
	if (!d->o->include_self && is_same_host(p, &here)) {
		(void)err_refused(&p->why,
		    "this is the host that stormctl itself runs on (its name for itself "
		    "is '%s'); --include-self allows it",
		    s.node);
		return;
	}
	(void)snprintf(p->version, sizeof(p->version), "%s", s.version);
}

/* In the roster's order, which is that of the inventory and not that of the answers. */
static void
say_found(struct drill *d)
{
	FOR_EACH_PARTY(d, p) {
		const struct host *h = p->row->host;

		if (h == NULL)
			party_say(p, EVENT_NOTE, "agent", "%s at %s",
			    d->agent.is_embedded ? "embedded stormd" : "stormd",
			    d->agent.socket);
		else if (p->version[0] != '\0' && p->why.code == 0)
			party_say(p, EVENT_NOTE, "agent", "stormd %s at %s:%u",
			    p->version, h->address, h->port);
	}
}

/* One host under two names would do the part of the first, twice, and call it both. */
static void
refuse_twins(struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		for (const struct party *q = d->parties; q < p; q++)
			if (p->why.code == 0 && is_same_host(p, q))
				(void)err_refused(&p->why,
				    "this is the same host as %s: a host can have one part "
				    "in a drill",
				    q->name);
}

static int
add(struct party *p, struct err *e)
{
	struct endpoint where = { .name = p->name };
	int r = 0;

	if (is_remote(p))
		hosts_endpoint(p->row->host, &where);
	else
		r = find_here(p, &where, e);
	if (r == 0)
		r = fleet_add(p->d->fleet, &where, e);
	return r < 0 ? r : 0;
}

static int
open_fleet(struct drill *d, struct err *e)
{
	usec_t lease = d->lease_ms * USEC_PER_MSEC;
	struct fleet_options o = {
		.connect_timeout = CONNECT_PATIENCE,
		.lost_after = lease < LOST_AFTER_MAX ? lease : LOST_AFTER_MAX,
		.on_answer = parties_answer,
		.on_lost = parties_lost,
		.ctx = d,
	};

	FOR_EACH_PARTY(d, p)
		if (is_remote(p))
			o.pki_dir = d->o->pki_dir;
	int r = fleet_open(&d->fleet, &o, e);
	return r < 0 ? r : loop_watch_fleet(d, e);
}

bool
parties_find(struct drill *d)
{
	struct err e = { 0 };

	if (d->party_count == 0)
		return d->stop == STOP_NOT;
	int r = open_fleet(d, &e);
	if (r < 0) {
		d->found.refused = true;
		drill_say(d, EVENT_ERROR, NULL, "%s", e.msg);
		return false;
	}
	FOR_EACH_PARTY(d, p)
		(void)add(p, &p->why); /* its reason is said by parties_agree */
	loop_check_signals(d);
	if (!parties_agree(d))
		return false;
	for (size_t i = 0; i < d->party_count; i++) {
		d->parties[i].is_asked = is_remote(&d->parties[i]);
		if (d->parties[i].is_asked)
			fleet_get(d->fleet, i, FLEET_STATUS);
	}
	parties_await(d, STEP_FIND, FIND_PATIENCE);
	refuse_twins(d);
	say_found(d);
	return parties_agree(d);
}

/* --- the end -------------------------------------------------------------------------- */

/* Our own agent is gone: what it left, stormd-undo takes away, and we wait for it. */
static void
undo_without_agent(struct drill *d)
{
	struct err e = { 0 };

	if (agent_recover(&d->agent, &e) == 0) {
		drill_say(d, EVENT_NOTE, NULL,
		    "stormd-undo has been over the host: nothing is left behind");
		return;
	}
	d->found.undo_failed = true;
	drill_say(d, EVENT_ERROR, NULL, "%s", e.msg);
}

static bool
is_here_lost(const struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		if (!is_remote(p) && p->is_lost && !p->status.ended)
			return true;
	return false;
}

void
parties_leave(struct drill *d)
{
	struct err e = { 0 };

	fleet_free(d->fleet);
	d->fleet = NULL;
	if (!d->has_agent || !d->agent.is_embedded)
		return;
	if (is_here_lost(d)) {
		undo_without_agent(d);
	} else if (agent_leave(&d->agent, &e) < 0) {
		d->found.undo_failed = true;
		drill_say(d, EVENT_ERROR, NULL, "%s", e.msg);
	}
}
