/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOUNT_H
#define MOUNT_H
/*
 * Mounts of our own mount namespace, and the two things done to what they show: freezing a
 * file system and making it read-only.
 */
#include "bounds.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct mount {
	uint64_t id;
	dev_t dev;
	char point[PATH_LEN_MAX];
	char fs[32];      /* "ext4" */
	bool is_ro;       /* this mount */
	bool is_super_ro; /* the file system, whatever its mounts say */
};

/* The mount that a descriptor is on: -ENOENT when it is not of our namespace or is no longer
 * mounted, -ENAMETOOLONG when its path does not fit. */
int mount_of(int fd, struct mount *ret, struct err *e);
/* Is a file system of this type on a disk of its own?  Those in memory and on servers can
 * not be frozen. */
bool mount_has_device(const char *fs);
/* The topmost mount of this device: -ENOENT when there is none. */
int mount_find(dev_t dev, struct mount *ret, struct err *e);
/* Open the root of a recorded mount, for ioctl: by its path if that still is on the device,
 * else by any other mount of it.  -ENOENT when nothing here has it mounted. */
int mount_open(const char *point, dev_t dev, struct err *e);
/* Is the block device in use although we see no mount of it? */
bool mount_is_hidden(dev_t dev);

/* Read-only or writable again, and nothing else of it: the whole file system, or this one
 * mount.  `root` is a mount's.  -EBUSY when somebody has a file open for writing. */
int mount_set_readonly(int root, bool whole, bool readonly, struct err *e);

/* -EBUSY when it is frozen already, -EOPNOTSUPP when the file system cannot. */
int mount_freeze(int dir);
/* -EINVAL when it is not frozen. */
int mount_thaw(int dir);

#endif
