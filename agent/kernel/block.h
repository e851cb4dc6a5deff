/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BLOCK_H
#define BLOCK_H
/*
 * Block devices: which disk is behind a directory, and what a cgroup has done to it.
 */
#include <stdint.h>

struct err;
struct cgroup_place;

struct block_disk {
	unsigned major, minor; /* of the whole disk: throttling knows no partitions */
	char name[32];         /* "sda" */
};

/* -EOPNOTSUPP with the reason where there is none: a network, an overlay, memory, or a file
 * system on several disks. */
int block_disk_of(int dir, struct block_disk *ret, struct err *e);

struct block_usage { /* bytes that went to or came from the disk */
	uint64_t read, written;
};
/* Of a cgroup and those below it: 0 when it has done none, or the disk is not listed. */
int block_usage(const struct cgroup_place *p, const struct block_disk *d,
    struct block_usage *ret, struct err *e);

#endif
