/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INODE_PAGE_H
#define INODE_PAGE_H
/*
 * What the holder of a disk.inodes and its crew share; private to disk_inodes.c and
 * inode_crew.c.  All members take their part at the same time; then the first, which has
 * room for more than its part, makes it exact.
 */
#include "disk.h"
#include "err.h"
#include "place.h"
#include <stdatomic.h>

enum {
	INODES_EACH = 16384, /* of one member: some 50 ms to give back */
	INODES_ROOM = 1024,  /* of the first, for the last ones */
	INODES_OWN = 32,     /* of a member's descriptors, for other things */
};

enum inode_way { INODES_COUNT, INODES_LEAVE, INODES_PERCENT };
struct inode_goal {
	enum inode_way way;
	uint64_t amount; /* inodes, or thousandths of a percent */
};
/* How many are left when the goal is met, if nobody else takes or gives any. */
uint64_t inodes_left(const struct inode_goal *g, const struct disk_inodes *i);

enum { INODES_WORKING, INODES_MET, INODES_FAILED };

struct inode_slot {
	_Alignas(64) uint32_t asked; /* its part */
	uint32_t room;
	_Atomic uint32_t held;
	_Atomic uint32_t is_done; /* with its part, a futex */
	_Atomic int32_t error;    /* the negative errno at which it stopped short */
};

struct inode_page {
	struct place place;
	struct inode_goal goal;
	_Atomic uint32_t is_going;  /* holder → all, a futex */
	_Atomic uint32_t state;     /* the first → holder, a futex */
	_Atomic uint64_t was, left; /* inodes available before, and now */
	_Atomic bool has_vanished;  /* the place is no longer where its path leads */
	struct err why;             /* of INODES_FAILED */
	uint32_t count;             /* of members */
	struct inode_slot slot[];
};

/* All members' together. */
uint64_t inodes_held(const struct inode_page *p);

#endif
