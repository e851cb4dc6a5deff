/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which interfaces: those that are named, or those that the routes to the chosen networks
 * lead over.  Reads only.  What policy protects is passed over.
 */
#include "netem.h"

#include <errno.h>
#include <stdio.h>

#include "nl.h"

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
	struct nl *n;
	const struct flows *flows;
	struct netem_plan *p;
	struct err *e;
};

/* As many sides as the undo list has room for, next to the links of our own. */
static int
check_room(const struct search *s)
{
	unsigned ways = s->flows->egress + s->flows->ingress;

	if (s->p->links_count * ways <= NETEM_SIDES_MAX)
		return 0;
	return err_set(s->e, -E2BIG,
	    "the routes lead over more interfaces than one fault can take (%d, both ways "
	    "%d): name some with interface=",
	    NETEM_SIDES_MAX, NETEM_SIDES_MAX / NETEM_WAYS);
}

static int
take_link(const struct search *s, const struct link *l)
{
	struct netem_plan *p = s->p;
	int rc;

	for (size_t i = 0; i < p->links_count; i++)
		if (p->links[i].index == l->index)
			return 0;
	if (protect_names(s->flows->protected_interfaces, l->name))
		return 0;
	p->links[p->links_count++] = *l;
	rc = check_room(s);
	if (rc < 0)
		p->links_count--;
	return rc;
}

static int
add_link(void *ctx, int index)
{
	struct by_index b = { .index = index };
	const struct search *s = ctx;
	int rc = link_each(s->n, is_index, &b, s->e);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(s->e, -ENODEV, "interface %d is gone", index);
	return take_link(s, &b.found);
}

static int
find_named(const struct search *s)
{
	for (size_t i = 0; i < s->flows->interfaces_count; i++) {
		struct link l;

		if (link_find(s->n, s->flows->interfaces[i], &l, s->e) < 0 ||
		    take_link(s, &l) < 0)
			return s->e->code;
	}
	return 0;
}

/* "any" of a family that this host has no route for is no reason to refuse. */
static int
find_routed(const struct search *in, struct err *e)
{
	struct err why = { 0 };
	struct search s = { in->n, in->flows, in->p, &why };

	for (size_t i = 0; i < s.flows->nets_count; i++) {
		const struct net *net = &s.flows->nets[i];
		int rc = link_routes(s.n, net, add_link, &s, &why);

		if (rc < 0 && (rc != -ENETUNREACH || net->prefix > 0))
			return err_set(e, rc, "%s", why.msg);
	}
	if (s.p->links_count > 0)
		return 0;
	if (why.code == 0)
		return err_refused(
		    e, "every route leads over an interface that policy protects");
	return err_set(e, -ENETUNREACH, "%s", why.msg);
}

int
netem_find_links(struct nl *n, const struct flows *f, struct netem_plan *p, struct err *e)
{
	struct search s = { n, f, p, e };

	p->links_count = 0;
	return f->interfaces_count > 0 ? find_named(&s) : find_routed(&s, e);
}
