/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impairments in the kernel: per direction one ifb of ours with netem, and on each interface
 * concerned filters that send the chosen packets through it.  The interface's own qdisc is
 * never touched.  All filters are staged behind a closed gate: to arm, to rest and to
 * disarm is one message, however many they are.
 *
 * netem is told a packet is what will be one on the wire: large ones that a card would cut
 * are cut before, when there is more to happen to them than a delay.
 */
#include "netem.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "nl.h"
#include "xalloc.h"

enum {
	CHECK_EVERY_MS = 250,
	FRAME_ROOM = 64, /* of a frame around what the MTU counts */
};

static struct netem_plan *
plan_of(const struct fault_run *r)
{
	return ((const struct impair *)r->state)->own;
}

static struct nl *
route(const struct fault_run *r)
{
	return undo_ctx_nl(r->ctx, NETLINK_ROUTE);
}

static int
netem_supported(struct err *e)
{
	struct nl *n = NULL;
	int rc = nl_open(&n, NETLINK_ROUTE, e);

	if (rc == 0)
		rc = tc_supports_netem(n, e);
	if (rc == 0)
		rc = link_supports_ifb(n, e);
	nl_free(n);
	return rc;
}

static int
netem_prepare(struct fault_run *r, struct err *e)
{
	struct impair *d = r->state;

	d->own = xcalloc(1, sizeof(struct netem_plan));
	return netem_plan(r, d->own, e);
}

static uint32_t
largest_packet(const struct netem_plan *p)
{
	uint32_t mtu = 0;

	for (size_t i = 0; i < p->links_count; i++)
		mtu = p->links[i].mtu > mtu ? p->links[i].mtu : mtu;
	return mtu + FRAME_ROOM;
}

/* What cannot be cut is impaired whole: that is told, and no reason to refuse. */
static int
stage_split(struct fault_run *r, struct netem_plan *p, int ifb, struct err *e)
{
	size_t used = strlen(r->note);
	struct err why = { 0 };
	int rc;

	if (!p->splits)
		return 0;
	rc = tc_split_add(route(r), ifb, largest_packet(p), &why);
	if (rc == -EOPNOTSUPP) {
		p->splits = false;
		(void)snprintf(r->note + used, sizeof(r->note) - used,
		    "; large packets are impaired whole (no sch_tbf)");
		return 0;
	}
	if (rc < 0)
		return err_set(e, rc, "%s", why.msg);
	p->netem.parent = TC_SPLIT;
	return 0;
}

static int
stage_way(struct fault_run *r, struct netem_plan *p, struct netem_way *w, struct err *e)
{
	if (link_add_ifb(route(r), w->ifb, &w->index, e) < 0 ||
	    stage_split(r, p, w->index, e) < 0 ||
	    tc_netem_add(route(r), w->index, &p->netem, e) < 0 ||
	    link_up(route(r), w->index, e) < 0)
		return err_wrap(e, "link '%s'", w->ifb);
	return 0;
}

/* Claimed before it is made: a clsact carries no identity of ours. */
static int
stage_link(struct fault_run *r, const struct link *l, struct err *e)
{
	struct undo u = { .op = UNDO_CLSACT, .num = { l->index } };
	struct err why = { 0 };
	int rc;

	(void)snprintf(u.dev, sizeof(u.dev), "%s", l->name);
	rc = shared_claim(r->store, r->ctx, &u, e);
	if (rc < 0)
		return rc;
	rc = tc_clsact_add(route(r), l->index, &why);
	if (rc < 0 && rc != -EEXIST) {
		*e = why;
		return err_wrap(e, "interface '%s'", l->name);
	}
	return 0;
}

static int
netem_stage(struct fault_run *r, struct err *e)
{
	struct netem_plan *p = plan_of(r);

	for (size_t k = 0; k < p->ways_count; k++)
		if (stage_way(r, p, &p->ways[k], e) < 0)
			return e->code;
	if (tc_gate_add(route(r), r->spec->id, e) < 0)
		return e->code;
	for (size_t i = 0; i < p->links_count; i++)
		if (stage_link(r, &p->links[i], e) < 0)
			return e->code;
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);

		if (netem_stage_side(r, &s, e) < 0)
			return e->code;
	}
	return 0;
}

static int
netem_apply(struct fault_run *r, struct err *e)
{
	return tc_gate_set(route(r), r->spec->id, true, e);
}

/* What is wrong with the links, or NULL; counts their packets into r->effect. */
static const char *
look_at_links(struct fault_run *r, struct netem_plan *p, struct err *e)
{
	uint64_t packets = 0;

	for (size_t k = 0; k < p->ways_count; k++) {
		struct qdisc_stats stats;
		const char *differs;
		struct netem now;

		if (tc_netem_stats(route(r), p->ways[k].index, &now, &stats, e) < 0)
			return e->code == -ENOENT ? "its netem is gone" : e->msg;
		differs = tc_netem_differs(&p->netem, &now);
		if (differs != NULL) {
			(void)err_set(
			    e, -ESTALE, "its netem has another %s now", differs);
			return e->msg;
		}
		p->keeps_seed = now.has_seed;
		packets += stats.packets + stats.drops + stats.backlog;
	}
	r->effect = packets;
	return NULL;
}

static int
is_there(void *ctx, const struct link *l)
{
	return l->index == *(const int *)ctx;
}

/* Which interface went away with its filters, if that is why they are gone. */
static const char *
why_filters_are_gone(struct fault_run *r, const struct netem_plan *p, struct err *e)
{
	struct err none = { 0 };

	for (size_t i = 0; i < p->links_count; i++) {
		int index = p->links[i].index;

		if (link_each(route(r), is_there, &index, &none) != 0)
			continue;
		(void)err_set(e, -ENODEV, "interface '%s' is gone", p->links[i].name);
		return e->msg;
	}
	return "its filters are gone";
}

static const char *
look_at_filters(struct fault_run *r, const struct netem_plan *p, struct err *e)
{
	struct tc_gate gate;
	int rc = tc_gate_get(route(r), r->spec->id, &gate, e);

	if (rc < 0)
		return rc == -ENOENT || rc == -EPERM ? "its gate is gone" : e->msg;
	if (gate.filters < p->filters)
		return why_filters_are_gone(r, p, e);
	if (gate.is_open == p->rests)
		return p->rests ? "its gate is open" : "its gate is closed";
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);

		if (!tc_chain_exists(route(r), s.link->index, s.way->direction, p->chain))
			return "its filter chain is gone";
	}
	return NULL;
}

static const char *
look(struct fault_run *r, struct err *e)
{
	struct netem_plan *p = plan_of(r);
	const char *wrong = look_at_links(r, p, e);

	return wrong != NULL ? wrong : look_at_filters(r, p, e);
}

/* Also what this kernel could not take. */
static int
netem_verify(struct fault_run *r, struct err *e)
{
	const struct netem_plan *p = plan_of(r);
	struct err why = { 0 };
	const char *wrong = look(r, &why);
	size_t used = strlen(r->note);

	r->wake_ms = CHECK_EVERY_MS;
	if (wrong != NULL)
		return err_set(e, -ENODATA, "the fault has no effect: %s", wrong);
	if (p->netem.has_seed && !p->keeps_seed)
		(void)snprintf(r->note + used, sizeof(r->note) - used,
		    "; seed: this kernel's netem takes none (Linux 6.6 does)");
	return 0;
}

/* The netlink dumps are for whoever changes things by hand, not for every step of a ramp. */
static int
netem_hold(struct fault_run *r, struct err *e)
{
	struct netem_plan *p = plan_of(r);
	usec_t now = clock_boottime();
	struct err why = { 0 };
	const char *wrong;

	(void)e; /* what is wrong here is not our failure: it is told as lost */
	if (now < p->next_look)
		return 0;
	p->next_look = now + CHECK_EVERY_MS * USEC_PER_MSEC / 2;
	wrong = look(r, &why);
	if (wrong == NULL)
		return 0;
	r->lost = true;
	(void)snprintf(
	    r->note, sizeof(r->note), "taken away by somebody else: %s", wrong);
	return 0;
}

/* A last look at the counters.  What netem still holds comes out while the link drains. */
static int
netem_release(struct fault_run *r, struct err *e)
{
	struct err why = { 0 };

	(void)e;
	if (plan_of(r)->ways_count > 0 && plan_of(r)->ways[0].index != 0)
		(void)look_at_links(r, plan_of(r), &why);
	return 0;
}

/* What is held stays held as it was; the table is there already.  Each change begins the
 * seed's sequence anew, so each gets a seed of its own. */
static int
netem_change(struct fault_run *r, struct err *e)
{
	const struct impair *i = r->state;
	struct netem_plan *p = plan_of(r);
	struct netem now = netem_of(&i->now);

	now.distribution = NULL;
	now.parent = p->netem.parent;
	now.limit = p->netem.limit;
	now.seed += ++p->changes;
	p->netem = now;
	for (size_t k = 0; k < p->ways_count; k++)
		if (tc_netem_change(route(r), p->ways[k].index, &p->netem, e) < 0)
			return e->code;
	return 0;
}

static int
netem_rest(struct fault_run *r, bool rests, struct err *e)
{
	plan_of(r)->rests = rests;
	return tc_gate_set(route(r), r->spec->id, !rests, e);
}

const struct impair_engine impair_engine_netem = {
	.name = "netem",
	.supported = netem_supported,
	.can_do = netem_can_do,
	.prepare = netem_prepare,
	.stage = netem_stage,
	.apply = netem_apply,
	.verify = netem_verify,
	.hold = netem_hold,
	.release = netem_release,
	.change = netem_change,
	.rest = netem_rest,
};
