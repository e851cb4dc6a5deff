/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impairments in the kernel: per direction one ifb of ours with netem, and on each interface
 * concerned filters that send the chosen packets through it.  The interface's own qdisc is
 * never touched.  What no fault may cut (logged-in SSH, stormd's own TCP port, neighbour
 * discovery, DHCP) passes in the fault's chain before the redirect.
 */
#include "netem.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>

#include "cleanup.h"
#include "nl.h"
#include "xalloc.h"

enum {
	PRIO_PASS = 1,
	PRIO_REDIRECT,
	/* in the fault's own chain */ CHECK_EVERY_MS = 250
};

/* Router and neighbour solicitation and advertisement, redirect. */
enum { ND_FIRST = 133, ND_LAST = 137 };

static struct netem_plan *
plan_of(const struct fault_run *r)
{
	return ((const struct impair *)r->state)->own;
}

static const struct flows *
flows_of(const struct fault_run *r)
{
	return &((const struct impair *)r->state)->flows;
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
	nl_free(n);
	return rc;
}

/* netem ends there without saying so: it keeps jitter as a signed 32-bit number of ns. */
#define NETEM_JITTER_MAX (INT32_MAX / NSEC_PER_USEC)

static int
netem_can_do(const struct impair *i, struct err *e)
{
	if (i->full.jitter > NETEM_JITTER_MAX)
		return err_unsupported(e, "netem's jitter ends at 2.1s");
	return 0;
}

static int
netem_prepare(struct fault_run *r, struct err *e)
{
	struct impair *d = r->state;

	d->own = xcalloc(1, sizeof(struct netem_plan));
	return netem_plan(r, d->own, e);
}

static int
stage_way(struct fault_run *r, struct netem_plan *p, struct netem_way *w, struct err *e)
{
	if (link_add_ifb(route(r), w->ifb, &w->index, e) < 0 ||
	    tc_netem_add(route(r), w->index, &p->netem, e) < 0 ||
	    link_up(route(r), w->index, e) < 0)
		return err_wrap(e, "link '%s'", w->ifb);
	return 0;
}

static int
pass(struct fault_run *r, const struct tc_filter *in, struct tc_match m, struct err *e)
{
	struct tc_filter f = *in;

	f.prio = PRIO_PASS;
	f.match = m;
	return tc_filter_add(route(r), &f, e);
}

static int
pass_discovery(struct fault_run *r, const struct tc_filter *in, struct err *e)
{
	struct tc_match m = { .net.family = 6, .protocol = IPPROTO_ICMPV6 };
	int rc = 0;

	for (m.icmp6_type = ND_FIRST; m.icmp6_type <= ND_LAST && rc == 0; m.icmp6_type++)
		rc = pass(r, in, m, e);
	return rc;
}

static int
pass_dhcp(struct fault_run *r, const struct tc_filter *in, struct err *e)
{
	static const struct {
		uint8_t family;
		uint16_t port;
	} ends[] = { { 4, 67 }, { 4, 68 }, { 6, 546 }, { 6, 547 } };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(ends) && rc == 0; i++) {
		const struct tc_match m = { .net.family = ends[i].family,
			.protocol = IPPROTO_UDP,
			.port = { ends[i].port, ends[i].port } };

		rc = pass(r, in, m, e);
	}
	return rc;
}

static int
pass_ssh(struct fault_run *r, const struct tc_filter *in, struct err *e)
{
	const struct flows *flows = flows_of(r);
	int rc = 0;

	for (size_t i = 0; i < flows->ssh_count && rc == 0; i++) {
		const struct tc_match m = { .net = flows->ssh[i].remote,
			.protocol = IPPROTO_TCP,
			.port = { flows->ssh[i].remote_port, flows->ssh[i].remote_port },
			.local_port = {
			    flows->ssh[i].local_port, flows->ssh[i].local_port } };

		rc = pass(r, in, m, e);
	}
	return rc;
}

/* To and from stormd's own port: its controller's stop button. */
static int
pass_control(struct fault_run *r, const struct tc_filter *in, struct err *e)
{
	struct tc_match m = { .net.family = 4,
		.protocol = IPPROTO_TCP,
		.local_port = { flows_of(r)->control_port, flows_of(r)->control_port } };

	if (m.local_port.from == 0)
		return 0;
	if (pass(r, in, m, e) < 0)
		return e->code;
	m.net.family = 6;
	return pass(r, in, m, e);
}

static int
stage_side(struct fault_run *r, const struct netem_side *s, struct err *e)
{
	struct tc_filter f = {
		.ifindex = s->link->index,
		.direction = s->way->direction,
		.chain = plan_of(r)->chain,
		.prio = PRIO_REDIRECT,
	};

	if (pass_ssh(r, &f, e) < 0 || pass_control(r, &f, e) < 0 ||
	    pass_discovery(r, &f, e) < 0 || pass_dhcp(r, &f, e) < 0)
		return err_wrap(e, "exempt on '%s'", s->link->name);
	f.redirect = s->way->index;
	return tc_filter_add(route(r), &f, e);
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
	for (size_t i = 0; i < p->links_count; i++)
		if (stage_link(r, &p->links[i], e) < 0)
			return e->code;
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);

		if (stage_side(r, &s, e) < 0)
			return e->code;
	}
	return 0;
}

static int
lead(struct fault_run *r, struct tc_filter *f, uint8_t protocol, struct err *e)
{
	const struct flows *flows = flows_of(r);

	f->match.protocol = protocol;
	f->match.port = flows->ports[0];
	for (size_t i = 0; i < flows->nets_count; i++) {
		struct err why = { 0 };

		f->match.net = flows->nets[i];
		if (tc_filter_add(route(r), f, &why) == 0)
			continue;
		if (why.code != -EEXIST) { /* a network that was asked for twice */
			*e = why;
			return e->code;
		}
	}
	return 0;
}

static int
netem_apply(struct fault_run *r, struct err *e)
{
	const struct impair *d = r->state;
	const struct netem_plan *p = d->own;
	const struct flows *flows = &d->flows;
	bool needs_both = flows->ports_count > 0 && flows->protocol == 0;
	int rc = 0;

	for (size_t i = 0; i < netem_sides(p) && rc == 0; i++) {
		struct netem_side s = netem_side(p, i);
		struct tc_filter f = {
			.ifindex = s.link->index,
			.direction = s.way->direction,
			.prio = p->prio,
			.goto_chain = p->chain,
		};

		rc = lead(r, &f, needs_both ? IPPROTO_TCP : flows->protocol, e);
		if (rc == 0 && needs_both)
			rc = lead(r, &f, IPPROTO_UDP, e);
	}
	return rc;
}

/* What is wrong with the links, or NULL; counts their packets into r->effect. */
static const char *
look_at_links(struct fault_run *r, const struct netem_plan *p, struct err *e)
{
	uint64_t packets = 0;

	for (size_t k = 0; k < p->ways_count; k++) {
		struct qdisc_stats stats;
		struct netem now;

		if (tc_netem_stats(route(r), p->ways[k].index, &now, &stats, e) < 0)
			return e->code == -ENOENT ? "its netem is gone" : e->msg;
		if (now.delay != p->netem.delay || now.jitter != p->netem.jitter)
			return "its netem has another delay";
		packets += stats.packets;
	}
	r->effect = packets;
	return NULL;
}

static const char *
look(struct fault_run *r, struct err *e)
{
	const struct netem_plan *p = plan_of(r);
	const char *wrong = look_at_links(r, p, e);

	for (size_t i = 0; i < netem_sides(p) && wrong == NULL && !p->rests; i++) {
		struct netem_side s = netem_side(p, i);

		if (!tc_goto_exists(route(r), s.link->index, s.way->direction, p->prio))
			wrong = "its filters are gone";
	}
	return wrong;
}

static int
netem_verify(struct fault_run *r, struct err *e)
{
	struct err why = { 0 };
	const char *wrong = look(r, &why);

	r->wake_ms = CHECK_EVERY_MS;
	if (wrong != NULL)
		return err_set(e, -ENODATA, "the fault has no effect: %s", wrong);
	return 0;
}

static int
netem_hold(struct fault_run *r, struct err *e)
{
	struct err why = { 0 };
	const char *wrong = look(r, &why);

	(void)e; /* what is wrong here is not our failure: it is told as lost */
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

static int
netem_change(struct fault_run *r, struct err *e)
{
	const struct impair *i = r->state;
	struct netem_plan *p = plan_of(r);

	p->netem.delay = i->now.delay;
	p->netem.jitter = i->now.jitter;
	for (size_t k = 0; k < p->ways_count; k++)
		if (tc_netem_change(route(r), p->ways[k].index, &p->netem, e) < 0)
			return e->code;
	return 0;
}

static int
netem_rest(struct fault_run *r, bool rests, struct err *e)
{
	struct netem_plan *p = plan_of(r);
	struct err gone = { 0 };

	p->rests = rests;
	if (!rests)
		return netem_apply(r, e);
	for (size_t i = 0; i < netem_sides(p); i++) {
		struct netem_side s = netem_side(p, i);

		if (tc_goto_delete(
			route(r), s.link->index, s.way->direction, p->prio, &gone) < 0 &&
		    gone.code != -ENOENT)
			return err_set(e, gone.code, "%s", gone.msg);
	}
	return 0;
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
