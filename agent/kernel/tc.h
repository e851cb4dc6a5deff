/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TC_H
#define TC_H
/*
 * Traffic control over rtnetlink: netem on an ifb of ours, clsact filters that send only
 * matched packets there.  An interface's root qdisc is never touched.
 *
 * What a fault does with a packet stands in a chain of its own.  Filters in chain 0, all at
 * the fault's own priority, say "goto" for the packets it is meant for, through a gate: arm
 * is to open that, disarm to close it.  Only matched packets leave chain 0, because a chain
 * never returns to where it was called from: a goto for everything would hide the filters
 * of others, and of a second fault.
 */
#include "clock.h"
#include "parse.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;
struct sock_filter;

enum { TC_EGRESS = 1, TC_INGRESS = 2 };

/* -EOPNOTSUPP naming module and package; asks the kernel with a request that cannot
 * succeed, so nothing is made. */
int tc_supports_netem(struct nl *n, struct err *e);

enum tc_loss { TC_LOSS_RANDOM, TC_LOSS_STATE, TC_LOSS_GEMODEL };
enum { TC_SHARE_ALL = 100000 };

/* Everything netem can do.  Shares and correlations are in thousandths of a percent, up to
 * TC_SHARE_ALL; the kernel has them as fractions of 2^32 and gives them back exactly. */
struct netem {
	usec_t delay, jitter;
	uint32_t delay_correlation;
	/* Quantiles scaled by 8192, or NULL: even.  Never given back; a change without one
	 * leaves the one that is there. */
	const int16_t *distribution;
	size_t distribution_count;
	enum tc_loss loss_model;
	uint32_t loss, loss_correlation;
	uint32_t loss_args[5]; /* p13 p31 p32 p23 p14, or p r 1-h 1-k */
	bool ecn;              /* marks in place of losing, only what would be lost */
	uint32_t duplicate, duplicate_correlation;
	uint32_t corrupt, corrupt_correlation;
	uint32_t reorder, reorder_correlation;
	uint32_t gap;  /* 0: no reordering at all, whatever `reorder` says */
	uint64_t rate; /* bytes per second, 0 none */
	int32_t packet_overhead;
	uint32_t cell_size;
	int32_t cell_overhead;
	usec_t slot, slot_max;
	uint32_t slot_packets, slot_bytes;
	/* Linux 6.6; older kernels ignore it and give none back. */
	bool has_seed;
	uint64_t seed;
	uint32_t limit;  /* packets; computed, never the default 1000 */
	uint32_t parent; /* TC_SPLIT: behind one; else it is the link's root */
};
/* A share as the kernel has it, and back; both exact at 0 and TC_SHARE_ALL. */
uint32_t tc_fraction_of(uint32_t share);
uint32_t tc_share_of(uint32_t fraction);
/* In what two of them are not the same ("loss"), NULL when they are; the distribution, and
 * a seed that only one of them has, do not count. */
const char *tc_netem_differs(const struct netem *a, const struct netem *b);

/* In front of netem: cuts what a card would cut, packets of more than `largest` bytes, into
 * those that will be on the wire, so that each takes its own chance.  (It is a tbf with
 * more tokens than anybody can use: the one qdisc that cuts.)  -EOPNOTSUPP without it. */
enum { TC_SPLIT = 0x00010001 };
int tc_split_add(struct nl *n, int ifindex, uint32_t largest, struct err *e);
int tc_netem_add(struct nl *n, int ifindex, const struct netem *p, struct err *e);
/* In place: what is held stays held until its time, nothing is lost. */
int tc_netem_change(struct nl *n, int ifindex, const struct netem *p, struct err *e);

struct qdisc_stats {
	uint64_t packets, bytes, drops;
	uint32_t backlog; /* packets held right now */
};
/* The netem of a link of ours, wherever it stands; -ENOENT when it has none. */
int tc_netem_stats(struct nl *n, int ifindex, struct netem *ret,
    struct qdisc_stats *ret_stats, struct err *e);

/* -EEXIST when it was there already: then it is not ours to note.  -EBUSY when an `ingress`
 * qdisc stands in its place: an egress filter would then act on what comes in. */
int tc_clsact_add(struct nl *n, int ifindex, struct err *e);
bool tc_clsact_exists(struct nl *n, int ifindex);
/* Is there an `ingress` qdisc, which keeps clsact out? */
bool tc_ingress_exists(struct nl *n, int ifindex);
/* 1 deleted, 0 not there or in use by a filter of anybody's. */
int tc_clsact_remove_empty(struct nl *n, int ifindex, struct err *e);

/* The fault's own chain, and the first priority to try: behind what others have, even
 * behind the priorities that the kernel hands out by itself (0xc000 and below). */
#define TC_PRIO_FIRST 0xc001
uint32_t tc_chain_of(const char *fault_id);
uint16_t tc_prio_of(const char *fault_id, unsigned attempt);

/* The gate: one action that stands in front of what all filters of a fault do.  Closed, it
 * says "continue": the filter counts as not matched and the next priority is asked, so that
 * filters staged behind it change nothing.  Opening it, one message, arms them all, on all
 * interfaces at once; the same message closes it again.  Its number follows from the fault
 * id and its cookie is the fault id, so nobody else's action is taken for it. */
uint32_t tc_gate_of(const char *fault_id);
struct tc_gate {
	bool is_open;
	uint32_t filters; /* that lead through it now */
};
/* Closed.  -EEXIST when the number is taken. */
int tc_gate_add(struct nl *n, const char *fault_id, struct err *e);
int tc_gate_set(struct nl *n, const char *fault_id, bool open, struct err *e);
/* -ENOENT: there is none; -EPERM: an action of this number is somebody else's. */
int tc_gate_get(struct nl *n, const char *fault_id, struct tc_gate *ret, struct err *e);
/* Once no filter leads through it; -EBUSY before, and for some milliseconds after the last
 * one was deleted.  -ENOENT and -EPERM as above. */
int tc_gate_delete(struct nl *n, const char *fault_id, struct err *e);

/* Call fn with the fault id of every gate that is ours; it must not use `n`. */
int tc_gate_each(
    struct nl *n, void (*fn)(void *ctx, const char *fault_id), void *ctx, struct err *e);

/* One filter matches one combination: who needs several adds several. */
struct tc_match {
	struct net net; /* remote network: destination on egress, source on ingress */
	struct port_range port; /* remote, 0 any (needs protocol) */
	struct port_range local_port;
	uint8_t protocol;   /* IPPROTO_TCP, …, 0 any; needs a family in net */
	uint8_t icmp6_type; /* with IPPROTO_ICMPV6, 0 any */
};
/* In place of a match, for what only a program can tell. */
struct tc_program {
	const struct sock_filter *classic; /* matches with what it returns, not 0 */
	size_t count;
	int fd; /* of tc_program_*, without `classic` */
};
struct tc_filter {
	int ifindex;
	int direction;
	uint32_t chain; /* where it stands: 0, or the fault's own */
	uint16_t prio;
	struct tc_match match;
	const struct tc_program *program; /* NULL: by match */
	const char *gate;                 /* fault id, NULL: none */
	/* What happens to a packet that matches: to this ifb, or on to this chain, or (both
	 * 0) nothing more: it passes. */
	int redirect;
	uint32_t goto_chain;
};
int tc_filter_add(struct nl *n, const struct tc_filter *f, struct err *e);
/* Many of them: sent together, at the latest by the flush (nl_queue). */
int tc_filter_queue(struct nl *n, const struct tc_filter *f, struct err *e);
int tc_filter_flush(struct nl *n, struct err *e);

/* Programs that match what is NOT sent by a socket of this user, or of this cgroup (v2; by
 * inode and depth) or one below it: egress only, since what arrives has no socket yet.
 * The descriptor may be closed once a filter has it.  -EPERM without CAP_BPF. */
int tc_program_user(uint32_t uid, struct err *e);
int tc_program_cgroup(uint64_t id, unsigned level, struct err *e);

/* Every filter at this priority in chain 0, in one message; -ENOENT when there is none. */
int tc_goto_delete(
    struct nl *n, int ifindex, int direction, uint16_t prio, struct err *e);
bool tc_goto_exists(struct nl *n, int ifindex, int direction, uint16_t prio);
/* Call fn for each filter in chain 0 that leads through a gate, whichever fault's, with its
 * network: family 0 for any.  Stops with what fn returns unless that is 0; fn may see a
 * filter twice. */
int tc_goto_each(struct nl *n, int ifindex, int direction,
    int (*fn)(void *ctx, const struct net *net), void *ctx);
int tc_chain_delete(
    struct nl *n, int ifindex, int direction, uint32_t chain, struct err *e);
bool tc_chain_exists(struct nl *n, int ifindex, int direction, uint32_t chain);

#endif
