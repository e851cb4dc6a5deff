/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNDO_TABLE_H
#define UNDO_TABLE_H
/* The inside of the undo layer: one row per operation, and the sockets it works on. */
#include "err.h"
#include "undo.h"

struct nl;

/* A knob (knob.h), or a group to freeze (freeze.h), that is open already. */
struct undo_held {
	int fd;
	char tree[16];
	char name[PATH_LEN_MAX];
};

struct undo_ctx {
	struct nl *route;
	struct nl *netfilter; /* NULL: this kernel has no nfnetlink */
	int cgroup;           /* the v2 root, or -1 with the reason below */
	struct err cgroup_why;
	int nothing; /* an O_PATH descriptor that takes the place of closed ones */
	int barrier;
	bool is_holder;
	struct undo_held held[4];
	size_t held_count;
};

/* One number of an operation as a record writes it. */
struct undo_num {
	const char *key; /* NULL: unused, and must be 0 */
	int64_t min, max;
};

typedef int undo_action(struct undo_ctx *c, const struct undo *u, struct err *e);

struct undo_row {
	const char *name; /* in records, never reused */
	enum undo_beat beat;
	bool in_netns; /* dies with the network namespace */
	bool has_name;
	const char *dev_key; /* "dev", "table"; NULL: unused, and must be empty */
	struct undo_num num[4];
	/* Are the names of our making?  fault NULL: of any fault. */
	bool (*is_ours)(const struct undo *u, const char *fault);
	/* May fill `e` and still return 0: undo_run looks at the value only. */
	undo_action *run, *check;
	void (*by_hand)(const struct undo *u, char *buf, size_t size);
	bool has_was, has_now; /* either may be "" all the same */
	/* What it takes away is still there after a reboot: a file, a hardware clock.  Its
	 * record is kept below state-dir, and obeyed in any boot; so it must know its object
	 * again in another boot (numbers of devices and processes mean nothing there), must
	 * not take a file system that is not mounted yet for "gone", and must have on disk
	 * what it did when it returns: the record goes right after it. */
	bool outlives_boot;
};

extern const struct undo_row undo_table[UNDO_OPS];

/* Every field in its range, every name of our making? */
bool undo_is_valid(const struct undo *u, const char *fault);

/* undo_name.c: names of our making, as undo_row.is_ours */
bool ours_set(const struct undo *u, const char *fault);
bool ours_gate(const struct undo *u, const char *fault);
bool ours_link(const struct undo *u, const char *fault);
bool ours_chain(const struct undo *u, const char *fault);
bool ours_cgroup(const struct undo *u, const char *fault);
bool ours_cgroup_v1(const struct undo *u, const char *fault);
bool ours_filter(const struct undo *u, const char *fault);
bool ours_filter_chain(const struct undo *u, const char *fault);
bool ours_descriptor(const struct undo *u, const char *fault);
bool ours_clsact(const struct undo *u, const char *fault);
bool ours_nft_table(const struct undo *u, const char *fault);
bool ours_nft_chain(const struct undo *u, const char *fault);
bool ours_nft_own(const struct undo *u, const char *fault);

/* undo_file.c: a file that outlives the boot */
/* Absolute, below the root, and no component empty, "." or ".."; nothing that a terminal
 * would obey. */
bool undo_path_is_plain(const char *path);
bool ours_file(const struct undo *u, const char *fault);
undo_action run_unlink_file, check_unlink_file;

/* undo_knob.c */
bool ours_knob(const struct undo *u, const char *fault);
undo_action run_knob, check_knob;
void hand_knob(const struct undo *u, char *buf, size_t size);

/* A path of plain components: none empty, "." or "..", and no control characters. */
bool undo_is_plain_path(const char *path);

/* freeze.c */
bool ours_cgroup_thaw(const struct undo *u, const char *fault);
undo_action run_cgroup_thaw, check_cgroup_thaw;
void hand_cgroup_thaw(const struct undo *u, char *buf, size_t size);

/* undo_process.c */
bool ours_continue(const struct undo *u, const char *fault);
undo_action run_continue, check_continue;
void hand_continue(const struct undo *u, char *buf, size_t size);

/* undo_ops.c */
undo_action run_set_flush, run_gate, run_gate_delete, run_filter, run_cgroup_kill,
    run_descriptor, run_filter_chain, run_link, run_chain, run_set_destroy,
    run_cgroup_remove, run_cgroup_v1, run_clsact, run_nft_table, run_nft_chain,
    run_nft_flush, run_nft_own;
/* Is this still the interface the record means?  By name and index, or by our own chain on
 * it when it was renamed. */
bool is_recorded_link(struct undo_ctx *c, const struct undo *u, uint32_t chain);

/* undo_check.c */
undo_action check_set_flushed, check_gate, check_gate_gone, check_filter,
    check_cgroup_killed, check_descriptor, check_filter_chain, check_link, check_chain,
    check_set_gone, check_cgroup_gone, check_cgroup_v1, check_clsact, check_nft_table,
    check_nft_chain, check_nft_flushed, check_nft_own;

/* undo_hand.c */
#define HAND_WORD_MAX (4 * sizeof(((struct undo *)0)->name) + 3)
/* As one shell word; buf of HAND_WORD_MAX. */
const char *hand_word(const char *s, char *buf);
/* Where an administrator finds the v2 tree. */
const char *hand_cgroup_mount(void);
void hand_set_flush(const struct undo *u, char *buf, size_t size);
void hand_gate(const struct undo *u, char *buf, size_t size);
void hand_gate_delete(const struct undo *u, char *buf, size_t size);
void hand_filter(const struct undo *u, char *buf, size_t size);
void hand_cgroup_kill(const struct undo *u, char *buf, size_t size);
void hand_nothing(const struct undo *u, char *buf, size_t size);
void hand_filter_chain(const struct undo *u, char *buf, size_t size);
void hand_link(const struct undo *u, char *buf, size_t size);
void hand_chain(const struct undo *u, char *buf, size_t size);
void hand_set_destroy(const struct undo *u, char *buf, size_t size);
void hand_cgroup_remove(const struct undo *u, char *buf, size_t size);
void hand_cgroup_v1(const struct undo *u, char *buf, size_t size);
void hand_clsact(const struct undo *u, char *buf, size_t size);
void hand_nft_table(const struct undo *u, char *buf, size_t size);
void hand_nft_chain(const struct undo *u, char *buf, size_t size);
void hand_unlink_file(const struct undo *u, char *buf, size_t size);
void hand_nft_own(const struct undo *u, char *buf, size_t size);

/* undo_mount.c */
bool ours_mount(const struct undo *u, const char *fault);
undo_action run_thaw, check_thawed, run_writable, check_writable;
void hand_thaw(const struct undo *u, char *buf, size_t size);
void hand_writable(const struct undo *u, char *buf, size_t size);

/* undo_limit.c */
bool ours_limit(const struct undo *u, const char *fault);
undo_action run_limit, check_limit;
void hand_limit(const struct undo *u, char *buf, size_t size);

/* undo_clock.c */
bool ours_clock(const struct undo *u, const char *fault);
undo_action run_clock, check_clock;
void hand_clock(const struct undo *u, char *buf, size_t size);

/* undo_unit.c */
bool ours_unit(const struct undo *u, const char *fault);
undo_action run_unit_start, check_unit_started, run_unit_await, check_unit_up;
void hand_unit_start(const struct undo *u, char *buf, size_t size);
void hand_unit_await(const struct undo *u, char *buf, size_t size);

#endif
