/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAKING_H
#define TAKING_H
/*
 * Space taken by one open file, to the block.  fallocate(2) reserves blocks without writing
 * them, so that 4 GiB take a millisecond; where that takes nothing real, data are written
 * that neither compress nor repeat.
 */
#include "disk.h"

/* In the order of the parameter's choices. */
enum taking_method { TAKE_AUTO, TAKE_ALLOCATE, TAKE_WRITE };
extern const char *const taking_methods[]; /* for notes: "allocated", "written" */

struct taking {
	int file;
	enum taking_method method; /* never TAKE_AUTO once begun */
	bool lags; /* what is left is known only after the file system was synced */
	uint64_t block;
	uint64_t size;   /* bytes the file was given so far */
	uint64_t unseen; /* of these, what the file system may not count yet */
	void *data;      /* to write next */
};

/* Find out how it can be done: TAKE_AUTO becomes what works here, TAKE_ALLOCATE where the
 * file system cannot is -EOPNOTSUPP. */
int taking_begin(
    struct taking *t, int file, enum taking_method method, uint64_t seed, struct err *e);
/* What is left of the file system. */
int taking_look(struct taking *t, struct disk_space *ret, struct err *e);
/* The most that one step takes, so that progress is seen and a kill is obeyed. */
uint64_t taking_step(const struct taking *t);
/* Give the file so much more, or nothing more and the negative errno why. */
int taking_grow(struct taking *t, uint64_t bytes);
void taking_shrink(struct taking *t, uint64_t size);
/* One step nearer to `left` available blocks, up or down, by at most `most` bytes; 1 when
 * it is so, counting what the file system needs for its own lists. */
int taking_towards(struct taking *t, uint64_t left, uint64_t most, struct err *e);
/* What the file holds, in bytes. */
uint64_t taking_held(const struct taking *t);

#endif
