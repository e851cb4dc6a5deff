/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_H
#define DISK_H
/*
 * File systems: how much space there is, what can be expected of one, and files that vanish
 * with whoever has them open.
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
/* btrfs and its like: what is allocated may be shared or compressed, and what is left is
 * known only after a sync. */
bool disk_copies_on_write(int fd);
/* Must it be written to be filled?  FAT's own fallocate writes zeros, all at once. */
bool disk_wants_data(int fd);
/* Of the network, or another program's: a file that is unlinked while it is open may only
 * have been renamed there, and stay for ever if this host dies. */
bool disk_keeps_names(int fd);

/* Bytes that lie behind the file system: the machine's available memory for a tmpfs,
 * UINT64_MAX for a disk. */
uint64_t disk_backing(int fd);

struct disk_space {
	uint64_t block;     /* the unit of the rest, bytes */
	uint64_t total;     /* used and available: what df takes its percentage of */
	uint64_t available; /* to users who are not root */
};
int disk_space(int fd, struct disk_space *ret, struct err *e);

struct disk_inodes {
	uint64_t total; /* 0: the file system makes them as it needs them */
	uint64_t available;
};
int disk_inodes(int fd, struct disk_inodes *ret, struct err *e);

#endif
