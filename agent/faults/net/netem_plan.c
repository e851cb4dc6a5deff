/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the netem engine is going to do, worked out without touching anything: the
 * interfaces, names that nobody has yet, the size of the queue, and the undo.  The undo
 * runs newest first, and the links stand first in it: a filter that outlives the link it
 * redirects to swallows its packets.
 */
#include "netem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "fdio.h"
#include "nl.h"

#define SPEED_DEFAULT UINT64_C(10000) /* Mbit/s, where the driver does not say */

enum {
	PRIO_TRIES = 64,
	LIMIT_MIN = 1000,
	LIMIT_MAX = 1000000,
	BYTES_PER_PACKET = 500, /* small, so that the limit errs on the large side */
};

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

struct by_index {
	int index;
	struct link found;
};

static int
is_index(void *ctx, const struct link *l)
{
	struct by_index *b = ctx;

	if (l->index != b->index)
		return 0;
	b->found = *l;
	return 1;
}

struct search {
	struct fault_run *r;
	struct netem_plan *p;
	struct err *e;
};

/* As many sides as the undo list has room for, next to the links of our own. */
static int
check_room(const struct netem_plan *p, struct err *e)
{
	if (netem_sides(p) <= NETEM_SIDES_MAX)
		return 0;
	return err_set(e, -E2BIG,
	    "the routes lead over more interfaces than one fault can take (%d, both ways "
	    "%d): name one with interface=",
	    NETEM_SIDES_MAX, NETEM_SIDES_MAX / NETEM_WAYS);
}

static int
add_link(void *ctx, int index)
{
	struct by_index b = { .index = index };
	const struct search *s = ctx;
	struct netem_plan *p = s->p;
	int rc;

	for (size_t i = 0; i < p->links_count; i++)
		if (p->links[i].index == index)
			return 0;
	rc = link_each(route(s->r), is_index, &b, s->e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(s->e, -ENODEV, "interface %d is gone", index);
	if (protect_names(s->r->protect->interfaces, b.found.name))
		return 0; /* passed over, as policy wants it */
	p->links[p->links_count++] = b.found;
	rc = check_room(p, s->e);
	if (rc < 0)
		p->links_count--;
	return rc;
}

/* "any" of a family that this host has no route for is no reason to refuse. */
static int
find_links(struct fault_run *r, struct netem_plan *p, struct err *e)
{
	const struct impair *d = r->state;
	struct err why = { 0 };
	struct search s = { r, p, &why };

	for (size_t i = 0; i < d->flows.interfaces_count; i++)
		if (link_find(route(r), d->flows.interfaces[i],
			&p->links[p->links_count++], e) < 0)
			return e->code;
	if (p->links_count > 0)
		return check_room(p, e);
	for (size_t i = 0; i < r->spec->nets_count; i++) {
		const struct net *net = &r->spec->nets[i];
		int rc = link_routes(route(r), net, add_link, &s, &why);

		if (rc < 0 && (rc != -ENETUNREACH || net->prefix > 0))
			return err_set(e, rc, "%s", why.msg);
	}
	if (p->links_count > 0)
		return 0;
	if (why.code == 0)
		return err_refused(
		    e, "every route leads over an interface that policy protects");
	return err_set(e, -ENETUNREACH, "%s", why.msg);
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
	char path[64], text[32];
	struct err why = { 0 };
	uint64_t speed;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/speed", l->name);
	if (read_file_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return SPEED_DEFAULT;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, &speed, &why) == 0 && speed > 0 ? speed : SPEED_DEFAULT;
}

/* As many packets as arrive at full speed while one is held: netem drops what is more. */
static uint32_t
limit_for(const struct netem_plan *p)
{
	uint64_t bytes_per_sec = 0, packets;

	for (size_t i = 0; i < p->links_count; i++)
		bytes_per_sec += speed_of(&p->links[i]) * 1000000 / 8;
	packets = bytes_per_sec / BYTES_PER_PACKET * (p->netem.delay + p->netem.jitter) /
		  USEC_PER_SEC;
	if (packets < LIMIT_MIN)
		return LIMIT_MIN;
	return packets > LIMIT_MAX ? LIMIT_MAX : (uint32_t)packets;
}

static void
add_undo(struct fault_run *r, const struct netem_plan *p)
{
	for (size_t k = 0; k < p->ways_count; k++) {
		struct undo u = { .op = UNDO_LINK,
			.num = { (int64_t)(p->netem.delay + p->netem.jitter) } };

		(void)snprintf(u.name, sizeof(u.name), "%s", p->ways[k].ifb);
		undo_add(&r->undo, u);
	}
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);
		struct undo u = { .op = UNDO_FILTER_CHAIN,
			.num = { s.link->index, s.way->direction, p->chain } };

		(void)snprintf(u.dev, sizeof(u.dev), "%s", s.link->name);
		undo_add(&r->undo, u);
		u.op = UNDO_FILTER;
		u.num[2] = p->prio;
		u.num[3] = p->chain;
		undo_add(&r->undo, u);
	}
}

static void
add_ops(struct fault_run *r, const struct netem_plan *p)
{
	char delay[32], jitter[32];

	for (size_t k = 0; k < p->ways_count; k++)
		fault_op(r, "stage: link %s (ifb) with netem delay %s jitter %s limit %u",
		    p->ways[k].ifb, format_usec(p->netem.delay, delay, sizeof(delay)),
		    format_usec(p->netem.jitter, jitter, sizeof(jitter)), p->netem.limit);
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);
		const char *way = s.way->direction == TC_EGRESS ? "egress" : "ingress";

		fault_op(r, "stage: clsact on %s; %s chain %u redirects to %s",
		    s.link->name, way, p->chain, s.way->ifb);
		fault_op(r,
		    "apply: %s filters on %s, priority %u: %u networks to chain %u", way,
		    s.link->name, p->prio, r->spec->nets_count, p->chain);
	}
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

int
netem_plan(struct fault_run *r, struct netem_plan *p, struct err *e)
{
	const struct impair *d = r->state;

	p->netem.delay = d->now.delay;
	p->netem.jitter = d->now.jitter;
	p->chain = tc_chain_of(r->spec->id);
	if (d->flows.egress && add_way(r, p, TC_EGRESS, e) < 0)
		return e->code;
	if (d->flows.ingress && add_way(r, p, TC_INGRESS, e) < 0)
		return e->code;
	if (find_links(r, p, e) < 0 || check_chain(r, p, e) < 0 ||
	    choose_prio(r, p, e) < 0)
		return e->code;
	p->netem.limit = limit_for(p);
	add_undo(r, p);
	add_ops(r, p);
	add_note(r, p);
	return 0;
}
