/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed set of operations, the sockets they work on, and the loop that runs them.
 * Whatever a fault left behind is taken away by a row of this table and by nothing else.
 * Everything is opened beforehand, the cgroup tree too: disarm must work when no
 * descriptor, no memory and no process is to be had.
 */
#include "undo_table.h"

#include "cgroup.h"
#include "cleanup.h"
#include "nl.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>

#define IFINDEX           \
 {                        \
  "ifindex", 1, INT32_MAX \
 }
#define DIRECTION   \
 {                  \
  "direction", 1, 2 \
 }
#define PRIO       \
 {                 \
  "prio", 1, 65535 \
 }
#define CHAIN            \
 {                       \
  "chain", 1, 0x0fffffff \
 }
#define FAMILY   \
 {               \
  "family", 4, 6 \
 }

#define MAJOR               \
 {                          \
  "major", 0, (1 << 12) - 1 \
 }
#define MINOR               \
 {                          \
  "minor", 0, (1 << 20) - 1 \
 }

#define STEP_NS_MAX INT64_C(3200000000000000000) /* a century */

const struct undo_row undo_table[UNDO_OPS] = {
	[UNDO_SET_FLUSH] = { "flush-set", BEAT_DISARM, true, true, NULL, { { 0 } },
	    ours_set, run_set_flush, check_set_flushed, hand_set_flush },
	[UNDO_GATE] = { "close-gate", BEAT_DISARM, true, true, NULL, { { 0 } }, ours_gate,
	    run_gate, check_gate, hand_gate },
	[UNDO_FILTER] = { "delete-filter", BEAT_DISARM, true, false, "dev",
	    { IFINDEX, DIRECTION, PRIO, CHAIN }, ours_filter, run_filter, check_filter,
	    hand_filter },
	[UNDO_CGROUP_KILL] = { "kill-cgroup", BEAT_DISARM, false, true, NULL, { { 0 } },
	    ours_cgroup, run_cgroup_kill, check_cgroup_killed, hand_cgroup_kill },
	[UNDO_DESCRIPTOR] = { "close-descriptor", BEAT_DISARM, false, false, NULL,
	    { { "fd", 3, 1023 } }, ours_descriptor, run_descriptor, check_descriptor,
	    hand_nothing },
	[UNDO_NFT_FLUSH] = { "flush-nft-sets", BEAT_DISARM, true, true, NULL, { { 0 } },
	    ours_nft_own, run_nft_flush, check_nft_flushed, hand_nothing },
	[UNDO_UNLINK_FILE] = { "unlink-file", BEAT_DISARM, false, true, NULL,
	    { { "directory", 1, INT64_MAX }, { "fsid", INT64_MIN, INT64_MAX } },
	    ours_file, run_unlink_file, check_unlink_file, hand_unlink_file,
	    .outlives_boot = true },
	[UNDO_KNOB] = { "restore-knob", BEAT_DISARM, false, true, "tree",
	    { { "inode", 0, INT64_MAX } }, ours_knob, run_knob, check_knob, hand_knob,
	    .has_was = true, .has_now = true },
	[UNDO_THAW] = { "thaw-filesystem", BEAT_DISARM, false, true, NULL,
	    { MAJOR, MINOR, { "fd", 3, 1023 } }, ours_mount, run_thaw, check_thawed,
	    hand_thaw },
	[UNDO_WRITABLE] = { "remount-writable", BEAT_DISARM, false, true, NULL,
	    { MAJOR, MINOR, { "scope", 1, 2 } }, ours_mount, run_writable, check_writable,
	    hand_writable },
	[UNDO_LIMIT] = { "restore-limit", BEAT_DISARM, false, false, NULL,
	    { { "pid", 2, INT32_MAX }, { "start", 1, INT64_MAX },
		{ "hard", 1, INT64_MAX }, { "since", 1, INT64_MAX } },
	    ours_limit, run_limit, check_limit, hand_limit, .has_was = true,
	    .has_now = true },
	[UNDO_CGROUP_THAW] = { "thaw-cgroup", BEAT_DISARM, false, true, "tree",
	    { { "inode", 1, INT64_MAX } }, ours_cgroup_thaw, run_cgroup_thaw,
	    check_cgroup_thaw, hand_cgroup_thaw },
	[UNDO_CONTINUE] = { "continue-process", BEAT_DISARM, false, false, NULL,
	    { { "pid", 2, INT32_MAX }, { "start", 0, INT64_MAX } }, ours_continue,
	    run_continue, check_continue, hand_continue },
	[UNDO_CLOCK] = { "set-clock", BEAT_DISARM, false, false, NULL,
	    { { "offset", 0, INT64_MAX }, { "raw", 0, INT64_MAX },
		{ "lead", INT64_MIN, INT64_MAX }, { "step", -STEP_NS_MAX, STEP_NS_MAX } },
	    ours_clock, run_clock, check_clock, hand_clock, .has_was = true,
	    .has_now = true },
	[UNDO_UNIT_START] = { "start-unit", BEAT_DISARM, false, true, NULL, { { 0 } },
	    ours_unit, run_unit_start, check_unit_started, hand_unit_start },
	[UNDO_UNIT_AWAIT] = { "await-unit", BEAT_SWEEP, false, true, NULL, { { 0 } },
	    ours_unit, run_unit_await, check_unit_up, hand_unit_await },
	[UNDO_FILTERS] = { "delete-filters", BEAT_SWEEP, true, false, "dev",
	    { IFINDEX, DIRECTION, PRIO, CHAIN }, ours_filter, run_filter, check_filter,
	    hand_filter },
	[UNDO_FILTER_CHAIN] = { "delete-filter-chain", BEAT_SWEEP, true, false, "dev",
	    { IFINDEX, DIRECTION, CHAIN }, ours_filter_chain, run_filter_chain,
	    check_filter_chain, hand_filter_chain },
	[UNDO_LINK] = { "delete-link", BEAT_SWEEP, true, true, NULL,
	    { { "held_us", 0, 600 * (int64_t)USEC_PER_SEC } }, ours_link, run_link,
	    check_link, hand_link },
	[UNDO_GATE_DELETE] = { "delete-gate", BEAT_SWEEP, true, true, NULL, { { 0 } },
	    ours_gate, run_gate_delete, check_gate_gone, hand_gate_delete },
	[UNDO_CHAIN] = { "delete-chain", BEAT_SWEEP, true, true, "table", { FAMILY },
	    ours_chain, run_chain, check_chain, hand_chain },
	[UNDO_SET_DESTROY] = { "destroy-set", BEAT_SWEEP, true, true, NULL, { { 0 } },
	    ours_set, run_set_destroy, check_set_gone, hand_set_destroy },
	[UNDO_CGROUP_REMOVE] = { "remove-cgroup", BEAT_SWEEP, false, true, NULL,
	    { { 0 } }, ours_cgroup, run_cgroup_remove, check_cgroup_gone,
	    hand_cgroup_remove },
	[UNDO_CGROUP_V1] = { "remove-cgroup-v1", BEAT_SWEEP, false, true, "tree",
	    { { 0 } }, ours_cgroup_v1, run_cgroup_v1, check_cgroup_v1, hand_cgroup_v1 },
	[UNDO_NFT_OWN] = { "delete-own-table", BEAT_SWEEP, true, true, NULL, { { 0 } },
	    ours_nft_own, run_nft_own, check_nft_own, hand_nft_own },
	[UNDO_CLSACT] = { "delete-clsact", BEAT_SHARED, true, false, "dev", { IFINDEX },
	    ours_clsact, run_clsact, check_clsact, hand_clsact },
	[UNDO_NFT_TABLE] = { "delete-nft-table", BEAT_SHARED, true, true, NULL,
	    { FAMILY }, ours_nft_table, run_nft_table, check_nft_table, hand_nft_table },
	[UNDO_NFT_CHAIN] = { "delete-nft-chain", BEAT_SHARED, true, true, "table",
	    { FAMILY }, ours_nft_chain, run_nft_chain, check_nft_chain, hand_nft_chain },
};

static int
open_sockets(struct undo_ctx *c, struct err *e)
{
	struct err why = { 0 };
	int r;

	r = nl_open(&c->route, NETLINK_ROUTE, e);
	if (r < 0)
		return r;
	r = nl_open(&c->netfilter, NETLINK_NETFILTER, &why);
	if (r < 0 && r != -EPROTONOSUPPORT) {
		*e = why;
		return r;
	}
	c->cgroup = cgroup_root(&c->cgroup_why);
	c->nothing = open("/", O_PATH | O_CLOEXEC);
	return c->nothing < 0 ? err_errno(e, "open '/'") : 0;
}

int
undo_ctx_open(struct undo_ctx **ret, int barrier_fd, bool holder, struct err *e)
{
	struct undo_ctx *c = xcalloc(1, sizeof(*c));
	int r;

	c->cgroup = -1;
	c->nothing = -1;
	c->barrier = barrier_fd;
	c->is_holder = holder;
	r = open_sockets(c, e);
	if (r < 0) {
		undo_ctx_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void
undo_ctx_free(struct undo_ctx *c)
{
	if (c == NULL)
		return;
	nl_free(c->route);
	nl_free(c->netfilter);
	cleanup_close(&c->cgroup);
	cleanup_close(&c->nothing);
	for (size_t i = 0; i < c->held_count; i++)
		cleanup_close(&c->held[i].fd);
	free(c);
}

struct nl *
undo_ctx_nl(struct undo_ctx *c, int protocol)
{
	return protocol == NETLINK_ROUTE ? c->route : c->netfilter;
}

int
undo_ctx_cgroup(struct undo_ctx *c, struct err *e)
{
	if (c->cgroup < 0)
		*e = c->cgroup_why;
	return c->cgroup < 0 ? c->cgroup_why.code : c->cgroup;
}

/* Newest first, going on after a failure: one object that cannot be removed must not keep
 * the others in force. */
static int
each_op(struct undo_ctx *c, const struct undo_list *l, enum undo_beat beat, bool is_check,
    struct err *e)
{
	int first = 0;

	for (size_t i = l->count; i-- > 0;) {
		const struct undo_row *row = &undo_table[l->op[i].op];
		struct err why = { 0 };
		int r;

		if (row->beat != beat)
			continue;
		r = (is_check ? row->check : row->run)(c, &l->op[i], &why);
		if (r >= 0 || first < 0)
			continue;
		first = r;
		*e = why;
	}
	return first;
}

int
undo_run(
    struct undo_ctx *c, const struct undo_list *l, enum undo_beat beat, struct err *e)
{
	return each_op(c, l, beat, false, e);
}

int
undo_check(
    struct undo_ctx *c, const struct undo_list *l, enum undo_beat beat, struct err *e)
{
	return each_op(c, l, beat, true, e);
}
