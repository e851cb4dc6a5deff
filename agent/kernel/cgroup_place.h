/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_PLACE_H
#define CGROUP_PLACE_H
/*
 * Somebody's cgroup, as one controller sees it: in the v2 tree where that has the
 * controller, else in the controller's own v1 tree (a hybrid host has some of each).
 */
#include "bounds.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct cgroup_place {
	int version;         /* 1 or 2 */
	char controller[16]; /* "cpu", "memory", "io", "pids", "freezer" */
	char tree[16]; /* what cgroup_tree takes: "" for v2, "memory", "blkio" … */
	char
	    path[PATH_LEN_MAX]; /* below the tree's root: "system.slice/x"; "" the root */
	uint64_t inode;         /* what tells it from another of that name */
	int dir;                /* its directory; close it */
};

/* The root of the v2 tree ("") or of a v1 controller's, an O_PATH descriptor the caller
 * closes; -EOPNOTSUPP when there is none.  "io" is called blkio in v1. */
int cgroup_tree(const char *tree, struct err *e);

/* By its path as /proc/PID/cgroup shows it ("/system.slice/x", the first '/' optional):
 * -ENOENT when there is none, -EOPNOTSUPP when no tree has the controller.  No symbolic
 * link is followed and nothing above the root is reached. */
int cgroup_place_find(
    const char *controller, const char *path, struct cgroup_place *ret, struct err *e);
/* The same in this tree and no other ("" for v2). */
int cgroup_place_in(
    const char *tree, const char *path, struct cgroup_place *ret, struct err *e);
/* That of a process. */
int cgroup_place_of(
    const char *controller, pid_t pid, struct cgroup_place *ret, struct err *e);
void cgroup_place_close(struct cgroup_place *p);

/* One of its files, without the newline at the end: length, or a negative errno. */
int cgroup_place_read(
    const struct cgroup_place *p, const char *file, char *buf, size_t size);
/* 0, or a negative errno with what and where. */
int cgroup_place_write(
    const struct cgroup_place *p, const char *file, const char *text, struct err *e);

#endif
