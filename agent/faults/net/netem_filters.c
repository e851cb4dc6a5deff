/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets, as filters of the kernel.  In chain 0 stand those that lead in: one for
 * each combination of network, protocol and ports, all through the fault's gate.  In the
 * fault's own chain stand first those that let pass what no fault may cut and what is
 * excluded, then programs that let pass what another user or cgroup sends, and last the
 * redirect, of all that is left or of a share of it.
 */
#include "netem.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

#include "cleanup.h"
#include "nl.h"

enum { PRIO_PASS = 1, PRIO_USER, PRIO_CGROUP, PRIO_REDIRECT }; /* in our own chain */

/* Router and neighbour solicitation and advertisement, redirect. */
enum { ND_FIRST = 133, ND_LAST = 137 };

static const struct port_range any_port[1]; /* 0: any */

/* --- combinations --- */

/* Of two that are the same the first stays. */
static bool
is_within_another(const struct flows *f, size_t i)
{
	for (size_t k = 0; k < f->nets_count; k++) {
		if (k == i || !net_covers(&f->nets[k], &f->nets[i]))
			continue;
		if (f->nets[k].prefix < f->nets[i].prefix || k < i)
			return true;
	}
	return false;
}

size_t
netem_nets(const struct flows *f, struct net *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < f->nets_count; i++)
		if (!is_within_another(f, i))
			ret[count++] = f->nets[i];
	return count;
}

/* A port means TCP and UDP, unless one of them is named. */
static size_t
protocols(const struct flows *f, uint8_t family, uint8_t ret[2])
{
	ret[0] = f->protocol;
	if (f->protocol == IPPROTO_ICMP && family == 6)
		ret[0] = IPPROTO_ICMPV6;
	if (f->protocol != 0 || f->ports_count + f->local_ports_count == 0)
		return 1;
	ret[0] = IPPROTO_TCP;
	ret[1] = IPPROTO_UDP;
	return 2;
}

static size_t
at_least_one(size_t n)
{
	return n > 0 ? n : 1;
}

size_t
netem_filters(const struct flows *f, const struct net *nets, size_t count)
{
	size_t sum = 0;
	uint8_t two[2];

	for (size_t i = 0; i < count; i++)
		sum += protocols(f, nets[i].family, two) * at_least_one(f->ports_count) *
		       at_least_one(f->local_ports_count);
	return sum;
}

/* --- staging one side --- */

struct side {
	struct nl *n;
	const struct flows *flows;
	const struct netem_plan *plan;
	struct tc_filter in_chain; /* ifindex, direction and chain */
	struct err *e;
};

static int
pass(const struct side *s, struct tc_match m)
{
	struct tc_filter f = s->in_chain;

	f.prio = PRIO_PASS;
	f.match = m;
	return tc_filter_queue(s->n, &f, s->e);
}

static struct port_range
one(uint16_t port)
{
	return (struct port_range){ port, port };
}

static int
pass_discovery(const struct side *s)
{
	struct tc_match m = { .net.family = 6, .protocol = IPPROTO_ICMPV6 };
	int rc = 0;

	for (m.icmp6_type = ND_FIRST; m.icmp6_type <= ND_LAST && rc == 0; m.icmp6_type++)
		rc = pass(s, m);
	return rc;
}

static int
pass_dhcp(const struct side *s)
{
	static const struct {
		uint8_t family;
		uint16_t port;
	} ends[] = { { 4, 67 }, { 4, 68 }, { 6, 546 }, { 6, 547 } };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(ends) && rc == 0; i++) {
		const struct tc_match m = { .net.family = ends[i].family,
			.protocol = IPPROTO_UDP,
			.port = one(ends[i].port) };

		rc = pass(s, m);
	}
	return rc;
}

static int
pass_ssh(const struct side *s)
{
	int rc = 0;

	for (size_t i = 0; i < s->flows->ssh_count && rc == 0; i++) {
		const struct ssh_session *ssh = &s->flows->ssh[i];
		const struct tc_match m = { .net = ssh->remote,
			.protocol = IPPROTO_TCP,
			.port = one(ssh->remote_port),
			.local_port = one(ssh->local_port) };

		rc = pass(s, m);
	}
	return rc;
}

/* To and from stormd's own port: its controller's stop button. */
static int
pass_control(const struct side *s)
{
	struct tc_match m = { .net.family = 4,
		.protocol = IPPROTO_TCP,
		.local_port = one(s->flows->control_port) };

	if (m.local_port.from == 0)
		return 0;
	if (pass(s, m) < 0)
		return s->e->code;
	m.net.family = 6;
	return pass(s, m);
}

/* Without a family the kernel would not look at protocol and port, and pass everything. */
static int
pass_port(const struct side *s, struct port_range port)
{
	static const struct {
		uint8_t family, protocol;
	} with_ports[] = { { 4, IPPROTO_TCP }, { 4, IPPROTO_UDP }, { 6, IPPROTO_TCP },
		{ 6, IPPROTO_UDP } };

	for (size_t i = 0; i < ARRAY_LEN(with_ports); i++) {
		const struct tc_match remote = { .net.family = with_ports[i].family,
			.protocol = with_ports[i].protocol,
			.port = port };
		const struct tc_match local = { .net.family = with_ports[i].family,
			.protocol = with_ports[i].protocol,
			.local_port = port };

		if (pass(s, remote) < 0 || pass(s, local) < 0)
			return s->e->code;
	}
	return 0;
}

static int
pass_excluded(const struct side *s)
{
	const struct flows *f = s->flows;

	for (size_t i = 0; i < f->excludes_count; i++)
		if (pass(s, (struct tc_match){ .net = f->excludes[i] }) < 0)
			return s->e->code;
	for (size_t i = 0; i < f->exclude_ports_count; i++)
		if (pass_port(s, f->exclude_ports[i]) < 0)
			return s->e->code;
	return 0;
}

/* The program matches what is not theirs, and that passes. */
static int
pass_others(const struct side *s, uint16_t prio, int program)
{
	_cleanup_close_ int fd = program;
	const struct tc_program loaded = { .fd = fd };
	struct tc_filter f = s->in_chain;

	if (fd < 0)
		return fd;
	f.prio = prio;
	f.program = &loaded;
	return tc_filter_add(s->n, &f, s->e);
}

static int
redirect_share(const struct side *s, struct tc_filter f)
{
	for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
		struct sock_filter code[FLOW_HASH_MAX];
		const struct tc_program p = { .classic = code,
			.count = flow_hash_program(
			    family, s->flows->seed, s->flows->share, code) };

		f.program = &p;
		if (tc_filter_add(s->n, &f, s->e) < 0)
			return s->e->code;
	}
	return 0;
}

/* Programs first, one by one: asking for one would drop what waits in the queue. */
static int
stage_programs(const struct side *s, int ifb)
{
	const struct flows *f = s->flows;
	struct tc_filter last = s->in_chain;

	if (f->has_user && pass_others(s, PRIO_USER, tc_program_user(f->uid, s->e)) < 0)
		return s->e->code;
	if (f->has_cgroup &&
	    pass_others(s, PRIO_CGROUP,
		tc_program_cgroup(f->cgroup_id, f->cgroup_level, s->e)) < 0)
		return s->e->code;
	last.prio = PRIO_REDIRECT;
	last.redirect = ifb;
	return f->share < FLOWS_SHARE_ALL ? redirect_share(s, last) :
					    tc_filter_add(s->n, &last, s->e);
}

/* All ports of one network and protocol. */
static int
lead(const struct side *s, struct tc_filter *f)
{
	const struct flows *w = s->flows;
	const struct port_range *far = w->ports_count > 0 ? w->ports : any_port;
	const struct port_range *near =
	    w->local_ports_count > 0 ? w->local_ports : any_port;

	for (size_t i = 0; i < at_least_one(w->ports_count); i++) {
		for (size_t k = 0; k < at_least_one(w->local_ports_count); k++) {
			f->match.port = far[i];
			f->match.local_port = near[k];
			if (tc_filter_queue(s->n, f, s->e) < 0)
				return s->e->code;
		}
	}
	return 0;
}

static int
lead_in(const struct side *s, const char *gate)
{
	struct tc_filter f = s->in_chain;

	f.chain = 0;
	f.prio = s->plan->prio;
	f.gate = gate;
	f.goto_chain = s->plan->chain;
	for (size_t i = 0; i < s->plan->nets_count; i++) {
		uint8_t protocol[2];
		size_t count;

		f.match.net = s->plan->nets[i];
		count = protocols(s->flows, f.match.net.family, protocol);
		for (size_t k = 0; k < count; k++) {
			f.match.protocol = protocol[k];
			if (lead(s, &f) < 0)
				return s->e->code;
		}
	}
	return 0;
}

int
netem_stage_side(struct fault_run *r, const struct netem_side *at, struct err *e)
{
	const struct impair *i = r->state;
	const struct netem_plan *p = i->own;
	const struct side s = {
		.n = undo_ctx_nl(r->ctx, NETLINK_ROUTE),
		.flows = &i->flows,
		.plan = p,
		.in_chain = {
			.ifindex = at->link->index,
			.direction = at->way->direction,
			.chain = p->chain,
		},
		.e = e,
	};

	if (stage_programs(&s, at->way->index) < 0 || pass_ssh(&s) < 0 ||
	    pass_control(&s) < 0 || pass_discovery(&s) < 0 || pass_dhcp(&s) < 0 ||
	    pass_excluded(&s) < 0 || lead_in(&s, r->spec->id) < 0 ||
	    tc_filter_flush(s.n, e) < 0)
		return err_wrap(e, "filters on '%s'", at->link->name);
	return 0;
}
