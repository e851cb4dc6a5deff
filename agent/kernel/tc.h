/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TC_H
#define TC_H
/*
 * Traffic control over rtnetlink: netem on an ifb of ours, clsact filters that send only
 * matched packets there.  An interface's root qdisc is never touched.
 *
 * What a fault does with a packet stands in a chain of its own that nothing leads to until
 * filters in chain 0, all at the fault's own priority, say "goto" for the packets it is
 * meant for: arm is to add those, disarm to delete that priority in one message.  Only
 * matched packets leave chain 0, because a chain never returns to where it was called from:
 * a goto for everything would hide the filters of others, and of a second fault.
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

struct qdisc_stats {
	uint64_t packets, bytes, drops;
	uint32_t backlog; /* packets held right now */
};
/* The root qdisc of a link of ours; -ENOENT when it has none. */
int tc_netem_stats(struct nl *n, int ifindex, struct netem *ret,
    struct qdisc_stats *ret_stats, struct err *e);

/* -EEXIST when it was there already: then it is not ours to note.  -EBUSY when an `ingress`
 * qdisc stands in its place: an egress filter would then act on what comes in. */
int tc_clsact_add(struct nl *n, int ifindex, struct err *e);
bool tc_clsact_exists(struct nl *n, int ifindex);
/* 1 deleted, 0 not there or in use by a filter of anybody's. */
int tc_clsact_remove_empty(struct nl *n, int ifindex, struct err *e);

/* The fault's own chain, and the first priority to try: behind what others have, even
 * behind the priorities that the kernel hands out by itself (0xc000 and below). */
#define TC_PRIO_FIRST 0xc001
uint32_t tc_chain_of(const char *fault_id);
uint16_t tc_prio_of(const char *fault_id, unsigned attempt);

struct tc_match {
	struct net net; /* remote network: destination on egress, source on ingress */
	uint16_t port;  /* remote port, 0 any (needs protocol) */
	uint16_t local_port;
	uint8_t protocol;   /* IPPROTO_TCP, IPPROTO_UDP, …, 0 any */
	uint8_t icmp6_type; /* with IPPROTO_ICMPV6, 0 any */
};
struct tc_filter {
	int ifindex;
	int direction;
	uint32_t chain; /* where it stands: 0, or the fault's own */
	uint16_t prio;
	struct tc_match match;
	/* What happens to a packet that matches: to this ifb, or on to this chain, or (both
	 * 0) nothing more: it passes. */
	int redirect;
	uint32_t goto_chain;
};
int tc_filter_add(struct nl *n, const struct tc_filter *f, struct err *e);
/* Every filter at this priority in chain 0, in one message; -ENOENT when there is none. */
int tc_goto_delete(
    struct nl *n, int ifindex, int direction, uint16_t prio, struct err *e);
bool tc_goto_exists(struct nl *n, int ifindex, int direction, uint16_t prio);
int tc_chain_delete(
    struct nl *n, int ifindex, int direction, uint32_t chain, struct err *e);
bool tc_chain_exists(struct nl *n, int ifindex, int direction, uint32_t chain);

#endif
