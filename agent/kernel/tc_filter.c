/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters of kind flower, for IPv4 and IPv6 alike, or bpf, and their actions: the gate, and
 * behind it gact (pass, or go to a chain) or mirred (redirect to an ifb).  All filters of
 * one priority are one object in the kernel whatever their family, because they stand there
 * for every protocol and match the family as a key: that is why one message takes them all
 * away.
 */
#include "tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_gact.h>
#include <linux/tc_act/tc_mirred.h>
#include <netinet/in.h>
#include <string.h>

#include "err.h"
#include "nl.h"
#include "parse.h"
#include "tc_msg.h"

enum { CHAIN_BITS = 0x0fffffff, PRIO_SPAN = 0x10000 - TC_PRIO_FIRST };

uint32_t
tc_chain_of(const char *fault_id)
{
	uint32_t chain = tc_id_number(fault_id) & CHAIN_BITS;

	return chain != 0 ? chain : CHAIN_BITS; /* 0 is where everybody starts */
}

uint16_t
tc_prio_of(const char *fault_id, unsigned attempt)
{
	return (uint16_t)(TC_PRIO_FIRST + (tc_id_number(fault_id) + attempt) % PRIO_SPAN);
}

static uint32_t
block_of(int direction)
{
	return TC_H_MAKE(
	    TC_H_CLSACT, direction == TC_EGRESS ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

static struct tcmsg *
begin_filter(struct nl *n, uint16_t type, int ifindex, int direction, uint16_t prio)
{
	uint16_t flags = type == RTM_NEWTFILTER ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct tcmsg *t = tc_begin(n, type, flags, ifindex, block_of(direction));

	t->tcm_info = TC_H_MAKE((uint32_t)prio << 16, htons(ETH_P_ALL));
	return t;
}

/* By family, source or destination: the address and its mask. */
static const uint16_t net_keys[2][2][2] = {
	{ { TCA_FLOWER_KEY_IPV4_SRC, TCA_FLOWER_KEY_IPV4_SRC_MASK },
	    { TCA_FLOWER_KEY_IPV4_DST, TCA_FLOWER_KEY_IPV4_DST_MASK } },
	{ { TCA_FLOWER_KEY_IPV6_SRC, TCA_FLOWER_KEY_IPV6_SRC_MASK },
	    { TCA_FLOWER_KEY_IPV6_DST, TCA_FLOWER_KEY_IPV6_DST_MASK } },
};

static void
put_net(struct nl *n, const struct net *net, bool is_destination)
{
	const uint16_t *a = net_keys[net->family == 6][is_destination];
	const size_t len = net->family == 6 ? 16 : 4;
	uint8_t mask[16] = { 0 };

	if (net->prefix == 0)
		return;
	memset(mask, 0xff, net->prefix / 8);
	if (net->prefix % 8 != 0)
		mask[net->prefix / 8] = (uint8_t)(0xff << (8 - net->prefix % 8));
	nl_put(n, a[0], net->addr, len);
	nl_put(n, a[1], mask, len);
}

/* One port by a key of its own, which the kernel looks up in a hash; a range by its ends,
 * which it compares filter by filter. */
static void
put_ports(struct nl *n, uint8_t protocol, struct port_range r, bool is_destination)
{
	static const uint16_t key[2][2] = {
		{ TCA_FLOWER_KEY_UDP_SRC, TCA_FLOWER_KEY_UDP_DST },
		{ TCA_FLOWER_KEY_TCP_SRC, TCA_FLOWER_KEY_TCP_DST },
	};

	if (r.from == 0)
		return;
	if (r.from == r.to) {
		nl_put_u16(
		    n, key[protocol == IPPROTO_TCP][is_destination], htons(r.from));
		return;
	}
	nl_put_u16(n,
	    is_destination ? TCA_FLOWER_KEY_PORT_DST_MIN : TCA_FLOWER_KEY_PORT_SRC_MIN,
	    htons(r.from));
	nl_put_u16(n,
	    is_destination ? TCA_FLOWER_KEY_PORT_DST_MAX : TCA_FLOWER_KEY_PORT_SRC_MAX,
	    htons(r.to));
}

static void
put_match(struct nl *n, const struct tc_match *m, bool is_egress)
{
	if (m->net.family != 0) {
		nl_put_u16(n, TCA_FLOWER_KEY_ETH_TYPE,
		    htons(m->net.family == 6 ? ETH_P_IPV6 : ETH_P_IP));
		put_net(n, &m->net, is_egress);
	}
	if (m->protocol != 0)
		nl_put_u8(n, TCA_FLOWER_KEY_IP_PROTO, m->protocol);
	put_ports(n, m->protocol, m->port, is_egress);
	put_ports(n, m->protocol, m->local_port, !is_egress);
	if (m->icmp6_type != 0)
		nl_put_u8(n, TCA_FLOWER_KEY_ICMPV6_TYPE, m->icmp6_type);
}

static void
put_gact(struct nl *n, int action)
{
	const struct tc_gact parms = { .action = action };
	void *options;

	nl_put_str(n, TCA_ACT_KIND, "gact");
	options = nl_nest(n, TCA_ACT_OPTIONS);
	nl_put(n, TCA_GACT_PARMS, &parms, sizeof(parms));
	nl_nest_end(n, options);
}

static void
put_redirect(struct nl *n, int ifindex)
{
	const struct tc_mirred parms = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = (uint32_t)ifindex,
	};
	void *options;

	nl_put_str(n, TCA_ACT_KIND, "mirred");
	options = nl_nest(n, TCA_ACT_OPTIONS);
	nl_put(n, TCA_MIRRED_PARMS, &parms, sizeof(parms));
	nl_nest_end(n, options);
}

static void
put_actions(struct nl *n, uint16_t attr, const struct tc_filter *f)
{
	void *acts = nl_nest(n, attr);
	uint16_t order = 1;
	void *one;

	if (f->gate != NULL) {
		one = nl_nest(n, order++);
		tc_put_gate(n, f->gate, false);
		nl_nest_end(n, one);
	}
	one = nl_nest(n, order);
	if (f->redirect != 0)
		put_redirect(n, f->redirect);
	else if (f->goto_chain != 0)
		put_gact(n, (int)(TC_ACT_GOTO_CHAIN | f->goto_chain));
	else
		put_gact(n, TC_ACT_OK);
	nl_nest_end(n, one);
	nl_nest_end(n, acts);
}

static void
put_program(struct nl *n, const struct tc_program *p)
{
	if (p->classic != NULL) {
		nl_put_u16(n, TCA_BPF_OPS_LEN, (uint16_t)p->count);
		nl_put(n, TCA_BPF_OPS, p->classic, p->count * sizeof(*p->classic));
	} else {
		nl_put_u32(n, TCA_BPF_FD, (uint32_t)p->fd);
		nl_put_str(n, TCA_BPF_NAME, "stormdrill");
	}
}

/* Never in hardware: a card that has only a part of the rules would do the wrong thing. */
static void
begin_new(struct nl *n, const struct tc_filter *f)
{
	void *options;

	(void)begin_filter(n, RTM_NEWTFILTER, f->ifindex, f->direction, f->prio);
	nl_put_str(n, TCA_KIND, f->program != NULL ? "bpf" : "flower");
	nl_put_u32(n, TCA_CHAIN, f->chain);
	options = nl_nest(n, TCA_OPTIONS);
	if (f->program != NULL) {
		put_program(n, f->program);
		nl_put_u32(n, TCA_BPF_FLAGS_GEN, TCA_CLS_FLAGS_SKIP_HW);
		put_actions(n, TCA_BPF_ACT, f);
	} else {
		put_match(n, &f->match, f->direction == TC_EGRESS);
		nl_put_u32(n, TCA_FLOWER_FLAGS, TCA_CLS_FLAGS_SKIP_HW);
		put_actions(n, TCA_FLOWER_ACT, f);
	}
	nl_nest_end(n, options);
}

static int
filter_refused(struct nl *n, int rc, const char *module, struct err *e)
{
	if (rc == -ENOENT)
		return tc_missing(e, module);
	return rc < 0 ? tc_refused(n, e, rc, "add filter") : 0;
}

int
tc_filter_add(struct nl *n, const struct tc_filter *f, struct err *e)
{
	begin_new(n, f);
	return filter_refused(
	    n, nl_ask(n), f->program != NULL ? "cls_bpf" : "cls_flower", e);
}

int
tc_filter_queue(struct nl *n, const struct tc_filter *f, struct err *e)
{
	begin_new(n, f);
	return filter_refused(n, nl_queue(n), "cls_flower", e);
}

int
tc_filter_flush(struct nl *n, struct err *e)
{
	return filter_refused(n, nl_flush(n), "cls_flower", e);
}

struct wanted {
	uint32_t chain;
	uint16_t prio; /* 0: any */
};

static int
on_filter(void *ctx, const struct tcmsg *t, struct nlattr **tb)
{
	const struct wanted *w = ctx;
	uint32_t chain = tb[TCA_CHAIN] != NULL ? nla_get_u32(tb[TCA_CHAIN]) : 0;

	return chain == w->chain &&
	       (w->prio == 0 || TC_H_MAJ(t->tcm_info) >> 16 == w->prio);
}

static bool
block_has(struct nl *n, int ifindex, int direction, struct wanted w)
{
	const struct tcmsg what = { .tcm_ifindex = ifindex,
		.tcm_parent = block_of(direction),
		.tcm_info = TC_H_MAKE((uint32_t)w.prio << 16, 0) };

	return tc_dump(n, RTM_GETTFILTER, &what, on_filter, &w) == 1;
}

struct visit {
	int (*fn)(void *ctx, const struct net *net);
	void *ctx;
	bool is_egress;
};

static uint8_t
prefix_of(const uint8_t *mask, size_t len)
{
	uint8_t bits = 0;

	while (bits < len * 8 && (mask[bits / 8] & 0x80 >> bits % 8) != 0)
		bits++;
	return bits;
}

/* The inverse of put_net. */
static void
read_net(struct net *ret, struct nlattr **tb, bool is_destination)
{
	const uint16_t *a;
	int len;

	if (tb[TCA_FLOWER_KEY_ETH_TYPE] == NULL)
		return;
	switch (ntohs(nla_get_u16(tb[TCA_FLOWER_KEY_ETH_TYPE]))) {
	case ETH_P_IP:
		ret->family = 4;
		break;
	case ETH_P_IPV6:
		ret->family = 6;
		break;
	default:
		return;
	}
	a = net_keys[ret->family == 6][is_destination];
	len = ret->family == 6 ? 16 : 4;
	if (tb[a[0]] == NULL || tb[a[1]] == NULL || nla_len(tb[a[0]]) != len ||
	    nla_len(tb[a[1]]) != len)
		return;
	memcpy(ret->addr, nla_data(tb[a[0]]), (size_t)len);
	ret->prefix = prefix_of(nla_data(tb[a[1]]), (size_t)len);
}

/* Through a gate?  That is the first action, if there is one. */
static bool
is_ours(struct nlattr *acts)
{
	struct nlattr *tb[TCA_ACT_MAX + 1];

	return acts != NULL && nla_len(acts) >= NLA_HDRLEN &&
	       nla_parse_nested(tb, TCA_ACT_MAX, nla_data(acts), NULL) == 0 &&
	       tc_is_gate_cookie(tb[TCA_ACT_COOKIE]);
}

static int
on_goto(void *ctx, const struct tcmsg *t, struct nlattr **tb)
{
	struct nlattr *key[TCA_FLOWER_MAX + 1];
	const struct visit *v = ctx;
	struct net net = { 0 };

	if (t->tcm_handle == 0 || tb[TCA_OPTIONS] == NULL ||
	    (tb[TCA_CHAIN] != NULL && nla_get_u32(tb[TCA_CHAIN]) != 0))
		return 0;
	if (nla_parse_nested(key, TCA_FLOWER_MAX, tb[TCA_OPTIONS], NULL) < 0 ||
	    !is_ours(key[TCA_FLOWER_ACT]))
		return 0;
	read_net(&net, key, v->is_egress);
	return v->fn(v->ctx, &net);
}

int
tc_goto_each(struct nl *n, int ifindex, int direction,
    int (*fn)(void *ctx, const struct net *net), void *ctx)
{
	const struct tcmsg what = { .tcm_ifindex = ifindex,
		.tcm_parent = block_of(direction) };
	struct visit v = { fn, ctx, direction == TC_EGRESS };

	return tc_dump(n, RTM_GETTFILTER, &what, on_goto, &v);
}

bool
tc_goto_exists(struct nl *n, int ifindex, int direction, uint16_t prio)
{
	return block_has(n, ifindex, direction, (struct wanted){ .prio = prio });
}

bool
tc_chain_exists(struct nl *n, int ifindex, int direction, uint32_t chain)
{
	return block_has(n, ifindex, direction, (struct wanted){ .chain = chain });
}

/* The kernel says EINVAL for "no such block" and ENOENT for "no such filter": what counts
 * is whether it is still there. */
int
tc_goto_delete(struct nl *n, int ifindex, int direction, uint16_t prio, struct err *e)
{
	int rc;

	(void)begin_filter(n, RTM_DELTFILTER, ifindex, direction, prio);
	rc = nl_ask(n);
	if (rc == 0)
		return 0;
	if (rc == -ENOENT || rc == -ENODEV ||
	    !tc_goto_exists(n, ifindex, direction, prio))
		return err_set(e, -ENOENT, "no filter of priority %u", prio);
	return tc_refused(n, e, rc, "delete filter");
}

int
tc_chain_delete(struct nl *n, int ifindex, int direction, uint32_t chain, struct err *e)
{
	int rc;

	(void)tc_begin(n, RTM_DELCHAIN, 0, ifindex, block_of(direction));
	nl_put_u32(n, TCA_CHAIN, chain);
	rc = nl_ask(n);
	if (rc == 0)
		return 0;
	if (rc == -ENODEV || !tc_chain_exists(n, ifindex, direction, chain))
		return err_set(e, -ENOENT, "no chain %u", chain);
	return tc_refused(n, e, rc, "delete chain");
}
