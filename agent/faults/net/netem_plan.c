/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the netem engine is going to do, worked out without touching anything: the
 * interfaces, names that nobody has yet, the size of the queue, and the undo.  The undo
 * runs newest first, and the links stand first in it: a filter that outlives the link it
 * redirects to swallows its packets.
 */
#include "netem.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "nl.h"

#define SPEED_DEFAULT UINT64_C(10000) /* Mbit/s, where the driver does not say */

enum { PRIO_TRIES = 64 };

/* As long as a record may say that a packet is held. */
#define HELD_MAX (600 * USEC_PER_SEC)

size_t
netem_sides(const struct netem_plan *p)
{
	return p->links_count * p->ways_count;
}

struct netem_side
netem_side(const struct netem_plan *p, size_t i)
{
	return (struct netem_side){ &p->links[i / p->ways_count],
		&p->ways[i % p->ways_count] };
}

static struct nl *
route(const struct fault_run *r)
{
	return undo_ctx_nl(r->ctx, NETLINK_ROUTE);
}

static int
add_way(struct fault_run *r, struct netem_plan *p, int direction, struct err *e)
{
	struct netem_way *w = &p->ways[p->ways_count++];
	struct err none = { 0 };
	struct link l;

	w->direction = direction;
	(void)snprintf(w->ifb, sizeof(w->ifb), "sd%s%c", r->spec->id,
	    direction == TC_EGRESS ? 'e' : 'i');
	if (link_find(route(r), w->ifb, &l, &none) == 0)
		return err_set(e, -EEXIST, "link '%s' exists already", w->ifb);
	return 0;
}

static bool
is_prio_free(struct fault_run *r, const struct netem_plan *p, uint16_t prio)
{
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);

		if (tc_goto_exists(route(r), s.link->index, s.way->direction, prio))
			return false;
	}
	return true;
}

static int
choose_prio(struct fault_run *r, struct netem_plan *p, struct err *e)
{
	for (unsigned i = 0; i < PRIO_TRIES; i++) {
		p->prio = tc_prio_of(r->spec->id, i);
		if (is_prio_free(r, p, p->prio))
			return 0;
	}
	return err_set(e, -EBUSY, "no free filter priority found");
}

static int
check_chain(struct fault_run *r, const struct netem_plan *p, struct err *e)
{
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);

		if (tc_chain_exists(route(r), s.link->index, s.way->direction, p->chain))
			return err_set(e, -EEXIST,
			    "filter chain %u exists already on '%s'", p->chain,
			    s.link->name);
	}
	return 0;
}

/* Link speed in Mbit/s; a virtual one does not know. */
static uint64_t
speed_of(const struct link *l)
{
	uint64_t speed = link_speed(l->name);

	return speed > 0 ? speed : SPEED_DEFAULT;
}

/* As many packets as arrive at full speed while one is held: netem drops what is more. */
static uint32_t
limit_for(const struct impair *i, const struct netem_plan *p)
{
	uint64_t bytes_per_sec = 0;

	for (size_t k = 0; k < p->links_count; k++)
		bytes_per_sec += speed_of(&p->links[k]) * 1000000 / 8;
	return netem_limit(i, bytes_per_sec);
}

/* The gate outlives what leads through it, and the links the filters that lead to them. */
static void
add_undo(struct fault_run *r, const struct netem_plan *p)
{
	const struct impair *d = r->state;
	usec_t held = impairment_longest(&d->full, &d->course);
	struct undo gate = { .op = UNDO_GATE_DELETE };

	(void)snprintf(gate.name, sizeof(gate.name), "%s", r->spec->id);
	undo_add(&r->undo, gate);
	for (size_t k = 0; k < p->ways_count; k++) {
		struct undo u = { .op = UNDO_LINK,
			.num = { (int64_t)(held < HELD_MAX ? held : HELD_MAX) } };

		(void)snprintf(u.name, sizeof(u.name), "%s", p->ways[k].ifb);
		undo_add(&r->undo, u);
	}
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);
		struct undo u = { .op = UNDO_FILTER_CHAIN,
			.num = { s.link->index, s.way->direction, p->chain } };

		(void)snprintf(u.dev, sizeof(u.dev), "%s", s.link->name);
		undo_add(&r->undo, u);
		u.op = UNDO_FILTERS;
		u.num[2] = p->prio;
		u.num[3] = p->chain;
		undo_add(&r->undo, u);
	}
	gate.op = UNDO_GATE;
	undo_add(&r->undo, gate);
}

static void
add_ops(struct fault_run *r, const struct netem_plan *p)
{
	const struct impair *d = r->state;
	char what[200];

	for (size_t k = 0; k < p->ways_count; k++)
		fault_op(r, "stage: link %s (ifb) with netem %s limit %u%s",
		    p->ways[k].ifb, impairment_describe(&d->now, what, sizeof(what)),
		    p->netem.limit,
		    p->splits ? ", large packets cut to what is on the wire" : "");
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);
		const char *way = s.way->direction == TC_EGRESS ? "egress" : "ingress";

		fault_op(r,
		    "stage: clsact on %s; %s chain %u redirects to %s; %zu filters of "
		    "priority %u lead there",
		    s.link->name, way, p->chain, s.way->ifb, p->filters / netem_sides(p),
		    p->prio);
	}
	fault_op(
	    r, "apply: open the gate of all filters, gact %u", tc_gate_of(r->spec->id));
}

static void
add_note(struct fault_run *r, const struct netem_plan *p)
{
	(void)snprintf(r->note, sizeof(r->note), "engine netem on");
	for (size_t i = 0; i < p->links_count; i++) {
		size_t used = strlen(r->note);

		(void)snprintf(r->note + used, sizeof(r->note) - used, "%s %s",
		    i > 0 ? "," : "", p->links[i].name);
	}
}

static int
check_gate(struct fault_run *r, struct err *e)
{
	struct err none = { 0 };
	struct tc_gate gate;

	if (tc_gate_get(route(r), r->spec->id, &gate, &none) == -ENOENT)
		return 0;
	return err_set(
	    e, -EEXIST, "gact action %u exists already", tc_gate_of(r->spec->id));
}

int
netem_plan(struct fault_run *r, struct netem_plan *p, struct err *e)
{
	const struct impair *d = r->state;

	p->netem = netem_of(&d->now);
	p->splits = netem_must_split(d);
	p->nets_count = netem_nets(&d->flows, p->nets);
	p->chain = tc_chain_of(r->spec->id);
	if (d->flows.egress && add_way(r, p, TC_EGRESS, e) < 0)
		return e->code;
	if (d->flows.ingress && add_way(r, p, TC_INGRESS, e) < 0)
		return e->code;
	if (netem_find_links(route(r), &d->flows, p, e) < 0 || check_chain(r, p, e) < 0 ||
	    check_gate(r, e) < 0 || choose_prio(r, p, e) < 0)
		return e->code;
	p->filters =
	    (uint32_t)(netem_filters(&d->flows, p->nets, p->nets_count) * netem_sides(p));
	p->netem.limit = limit_for(d, p);
	add_undo(r, p);
	add_ops(r, p);
	add_note(r, p);
	return 0;
}
