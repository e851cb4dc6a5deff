/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TC_H
#define TC_H
/*
 * Traffic control over rtnetlink: netem on an ifb of ours, clsact filters that send only
 * matched packets there.  An interface's root qdisc is never touched.
 *
 * The filters of a fault stand in a chain of their own (tc chain = 28 bits of its id) that
 * nothing leads to until one filter in chain 0 says "goto": arm and disarm are that filter.
 */
#include "clock.h"
#include "parse.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

enum { TC_EGRESS = 1, TC_INGRESS = 2 };

/* -EOPNOTSUPP naming module and package; asks the kernel with a request that cannot
 * succeed, so nothing is made. */
int tc_supports_netem(struct nl *n, struct err *e);

struct netem {
	usec_t delay, jitter;
	uint32_t limit; /* packets; computed, never the default 1000 */
};
int tc_netem_add(struct nl *n, int ifindex, const struct netem *p, struct err *e);
int tc_netem_change(struct nl *n, int ifindex, const struct netem *p, struct err *e);

struct tc_stats {
	uint64_t packets, bytes, drops;
	uint32_t backlog; /* packets held right now */
};
/* The root qdisc of a link of ours; -ENOENT when it has none. */
int tc_netem_stats(struct nl *n, int ifindex, struct netem *ret,
    struct tc_stats *ret_stats, struct err *e);

/* -EEXIST when it was there already: then it is not ours to note. */
int tc_clsact_add(struct nl *n, int ifindex, struct err *e);
bool tc_clsact_exists(struct nl *n, int ifindex);
/* 1 deleted, 0 not there or in use by a filter of anybody's. */
int tc_clsact_remove_empty(struct nl *n, int ifindex, struct err *e);

/* What one filter of a fault's chain matches. */
struct tc_match {
	struct net net;     /* remote network: destination on egress, source on ingress */
	uint16_t port;      /* remote port, 0 any (needs protocol) */
	uint8_t protocol;   /* IPPROTO_TCP, IPPROTO_UDP, 0 any */
	uint8_t icmp6_type; /* with IPPROTO_ICMPV6, 0 any */
	uint16_t local_port;
};
/* In chain `chain`: packets that match go to ifb `redirect`, or pass untouched (0). */
int tc_filter_add(struct nl *n, int ifindex, int direction, uint32_t chain, uint16_t prio,
    const struct tc_match *m, int redirect, struct err *e);
/* In chain 0 at our priority: everything of this family goes to `chain`. */
int tc_goto_add(struct nl *n, int ifindex, int direction, uint16_t prio, int family,
    uint32_t chain, struct err *e);
/* All filters at this priority in chain 0, both families; -ENOENT when none. */
int tc_goto_delete(
    struct nl *n, int ifindex, int direction, uint16_t prio, struct err *e);
bool tc_goto_exists(struct nl *n, int ifindex, int direction, uint16_t prio);
int tc_chain_delete(
    struct nl *n, int ifindex, int direction, uint32_t chain, struct err *e);
bool tc_chain_exists(struct nl *n, int ifindex, int direction, uint32_t chain);

#endif
