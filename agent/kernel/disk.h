/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_H
#define DISK_H
/*
 * Space of a file system: how much there is, and taking it to the block by an unnamed file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* The directory itself (O_PATH): neither it nor anything above it may be a link of any
 * kind. */
int disk_open_dir(const char *path, struct err *e);
/* An unnamed file on the directory's file system: its space is free again the moment the
 * last descriptor is closed.  -EOPNOTSUPP naming the file system where there is none. */
int disk_tmpfile(int dir, struct err *e);
/* The name a file of a fault has where there are no unnamed ones, before the fault's id. */
#define DISK_NAME_PREFIX ".stormdrill-"
/* Which directory it is, in any boot. */
struct disk_place {
	int64_t inode;
	int64_t fsid; /* 0 where the file system has none to tell */
};
int disk_place(int dir, struct disk_place *ret, struct err *e);
/* "ext4", from the mount table; returns buf. */
const char *disk_fs_name(int fd, char *buf, size_t size);
/* Is what a file takes what the file system loses?  Not with copy on write, compression or
 * shared extents. */
bool disk_counts_plainly(int fd);

/* Bytes that lie behind the file system: the machine's available memory for a tmpfs,
 * UINT64_MAX for a disk. */
uint64_t disk_backing(int fd);

struct disk_space {
	uint64_t block;     /* the unit of the rest, bytes */
	uint64_t total;     /* used and available: what df takes its percentage of */
	uint64_t available; /* to users who are not root */
};
int disk_space(int fd, struct disk_space *ret, struct err *e);

/* Give the file exactly `bytes`, rounded up to a block. */
int disk_take(int file, uint64_t bytes, struct err *e);
/* Grow the file until `left` blocks are available, to one block, counting what the file
 * system needs for its own lists.  All of it is given back on failure. */
int disk_take_until(int file, uint64_t left, struct err *e);
/* What the file holds now, in bytes. */
uint64_t disk_taken(int file);

#endif
