/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLACE_H
#define PLACE_H
/*
 * The directory a disk fault works in, named by a person, pinned by the holder and opened
 * again by its crew: both mean the same one, or the fault fails.
 */
#include "fault.h"
#include <limits.h>
#include <sys/stat.h>

struct place {
	char path[PATH_MAX];
	dev_t dev;
	ino_t inode;
};

/* In prepare: a descriptor to look at it by, to be closed before prepare ends (as long as
 * the holder has one the file system cannot be unmounted). */
int place_pin(struct place *p, const char *path, struct err *e);
/* In a member: the same directory, or -ESTALE. */
int place_open(const struct place *p, struct err *e);
/* Is it on a file system that policy protects? */
int place_check(int dir, const struct fault_run *r, struct err *e);
/* Do the agent's own records lie on its file system? */
bool place_is_ours(int dir, const struct fault_run *r);

#endif
