/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNDO_H
#define UNDO_H
/*
 * Undo is data.  Everything a fault may leave in the kernel is taken away by one of these
 * operations, written down before the fault touches anything; undo.c is the only code that
 * reverts.  Every operation is absolute, idempotent and checks identity: "already gone" is
 * success, "somebody else's now" is a note and no action.
 *
 * Two beats: *disarm* makes the fault ineffective in as few kernel messages as possible on
 * sockets that are already open; *sweep* removes what is left.
 */
#include "bounds.h"
#include "clock.h"
#include "ident.h"
#include "spec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum undo_op {
	UNDO_SET_FLUSH, /* disarm  name=set: the rule matches nothing any more */
	UNDO_GATE,      /* disarm  name=fault: what all its filters lead through */
	/* disarm  dev, num0=ifindex, num1=egress 1|ingress 2, num2=prio, num3=chain it leads
	 * to: proof that a renamed interface still carries our filter */
	UNDO_FILTER,
	UNDO_CGROUP_KILL, /* disarm  name=cgroup below the v2 root */
	UNDO_DESCRIPTOR,  /* disarm  num0=fd of the holder: closing it is the undo */
	UNDO_NFT_FLUSH,   /* disarm  name=table of ours: its sets of networks */
	/* disarm  name=path of a file of ours, num0=inode of its directory, num1=its file
	 * system (statfs's f_fsid) */
	UNDO_UNLINK_FILE,
	/* disarm  name=path below dev, num0=inode of the cgroup, was, now: see knob.h */
	UNDO_KNOB,
	/* disarm  name=mount point, num0=major, num1=minor, num2=descriptor of the holder */
	UNDO_THAW,
	/* disarm  name=mount point, num0=major, num1=minor, num2=file system 1|mount 2 */
	UNDO_WRITABLE,
	/* disarm  num0=pid, num1=its start time, num2=its hard limit of descriptors, num3=
	 * since when (clock ticks since boot); was and now are the soft limit: of this process
	 * and of those that have inherited it since */
	UNDO_LIMIT,
	UNDO_CGROUP_THAW, /* disarm  name=cgroup, dev=tree, num0=inode: see freeze.h */
	UNDO_CONTINUE,    /* disarm  num0=pid, num1=start time */
	/* disarm  num0=CLOCK_REALTIME - CLOCK_BOOTTIME, num1=CLOCK_MONOTONIC_RAW,
	 * num2=CLOCK_MONOTONIC - that, num3=the step, all in ns; was, now: the rate */
	UNDO_CLOCK,
	UNDO_UNIT_START,   /* disarm  name=unit of systemd */
	UNDO_FILTERS,      /* sweep   as UNDO_FILTER, of a fault whose gate is closed */
	UNDO_FILTER_CHAIN, /* sweep   dev, num0=ifindex, num1=direction, num2=chain */
	UNDO_LINK, /* sweep   name=link of kind ifb; num0=longest delay held, µs */
	UNDO_GATE_DELETE,   /* sweep   name=fault */
	UNDO_CHAIN,         /* sweep   name=chain, dev=table ("filter"), num0=4|6 */
	UNDO_SET_DESTROY,   /* sweep   name=set */
	UNDO_CGROUP_REMOVE, /* sweep   name=cgroup */
	UNDO_CGROUP_V1,     /* sweep   name=cgroup, dev=controller of a v1 tree */
	UNDO_NFT_OWN,       /* sweep   name=table of ours, family inet */
	UNDO_UNIT_AWAIT,    /* sweep   name=unit that is started */
	/* objects that faults share; see store.h */
	UNDO_CLSACT,    /* sweep   dev, num0=ifindex: only when both blocks are empty */
	UNDO_NFT_TABLE, /* sweep   name=table, num0=4|6: only while empty */
	UNDO_NFT_CHAIN, /* sweep   name=base chain, dev=table, num0=4|6: only while empty */
	UNDO_OPS
};

enum undo_beat { BEAT_DISARM, BEAT_SWEEP, BEAT_SHARED };

#define UNDO_VALUE_MAX 160

/* Unused fields are "" and 0; which an operation uses is in its row (undo_table.h). */
struct undo {
	enum undo_op op;
	char name[PATH_LEN_MAX]; /* a name of our making, or a path */
	char dev[16];
	int64_t num[4];
	char was[UNDO_VALUE_MAX]; /* what to put back */
	char now[UNDO_VALUE_MAX]; /* what we put there: anything else is somebody's */
};

#define UNDO_LIST_MAX 40 /* netem on eight interfaces, both ways */
struct undo_list {
	size_t count;
	struct undo op[UNDO_LIST_MAX];
};

enum undo_beat undo_beat(enum undo_op op);
const char *undo_op_name(enum undo_op op); /* "flush-set" … */
/* Is what it takes away still there after a reboot? */
bool undo_outlives_boot(enum undo_op op);
/* "flush set sd-7b1c09aa-4   # ipset flush sd-7b1c09aa-4": what it does, and by hand. */
const char *undo_describe(const struct undo *u, char *buf, size_t size);
/* The command a person would type; "" when there is none; returns buf. */
#define UNDO_HAND_MAX 2048
const char *undo_by_hand(const struct undo *u, char *buf, size_t size);
/* One line of a record: "disarm flush-set name=sd-7b1c09aa-4", without newline; length.
 * What is no graphic character in a name or value is written \x20. */
#define UNDO_LINE_MAX 1024
int undo_format(const struct undo *u, char *buf, size_t size);
/* Strict, the inverse.  With `fault` every name must be of that fault, without (shared
 * records) the object must be one of those that faults share. */
int undo_parse(const char *line, const char *fault, struct undo *ret, struct err *e);
/* Append; asserts that there is room and that the names are of our making. */
void undo_add(struct undo_list *l, struct undo u);

/* The open sockets undo works on.  Opened at arm, kept until after the answer: closing a
 * netfilter socket waits 11 ms for RCU. */
struct undo_ctx;
/* `barrier_fd`: inherited by every tool that is run (-1: none).  `holder` true in the
 * fault's own holder, where UNDO_DESCRIPTOR closes; elsewhere the kernel has done so. */
int undo_ctx_open(struct undo_ctx **ret, int barrier_fd, bool holder, struct err *e);
void undo_ctx_free(struct undo_ctx *c);
/* The context's own socket, NETLINK_ROUTE or NETLINK_NETFILTER: a fault arms on it, so
 * that disarming needs no other. */
struct nl;
struct nl *undo_ctx_nl(struct undo_ctx *c, int protocol);
/* The root of the cgroup v2 tree, borrowed; -EOPNOTSUPP with the reason if there is none. */
int undo_ctx_cgroup(struct undo_ctx *c, struct err *e);

/* Keep open what killing this group of ours takes, so that it can be killed on a host that has
 * no file left to open.  Nothing where the kernel has no cgroup.kill (before Linux 5.14). */
int undo_hold_cgroup(struct undo_ctx *c, const char *name, struct err *e);

/* Run all operations of one beat, newest first, going on after a failure.  0 when each
 * succeeded or was not needed; else the first error.  Disarm allocates nothing, forks
 * nothing and needs no disk. */
int undo_run(
    struct undo_ctx *c, const struct undo_list *l, enum undo_beat beat, struct err *e);
/* Read back.  After disarm: is any of these still in force?  After sweep: does an object
 * named here still exist?  0 no; -EBUSY with what and where in `e`. */
int undo_check(
    struct undo_ctx *c, const struct undo_list *l, enum undo_beat beat, struct err *e);

#endif
