/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_H
#define CGROUP_H
/*
 * A cgroup of ours in the v2 tree, whether it is mounted at /sys/fs/cgroup, at
 * …/unified (hybrid), or nowhere to be seen (`ip netns exec` hides it; then a detached
 * mount of our own).  Used to name a set of processes before they exist and to kill them
 * all in one write.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* A descriptor of the v2 tree's root; -EOPNOTSUPP when there is no v2 tree to be had. */
int cgroup_root(struct err *e);
/* `name` is a path below the root, its last component of our making. */
int cgroup_create(int root, const char *name, int *ret_dir, struct err *e);
int cgroup_join(int dir, pid_t pid, struct err *e);
int cgroup_kill(int root, const char *name, struct err *e); /* -ENOENT if gone */
/* Waits up to 200 ms for its last process to be gone; 0 too when there is none. */
int cgroup_remove(int root, const char *name, struct err *e);
/* Processes that live, or (v2) 1 while the last still has memory or files; -ENOENT if gone. */
int cgroup_count(int root, const char *name);
/* The ids (inodes, as sockets know them) of the group and all below it: how many there
 * are; at most max are stored. */
int cgroup_subtree(int root, const char *name, uint64_t *ret, size_t max, struct err *e);
/* The inode of somebody's cgroup, by which the kernel knows it too: -ENOENT when there is
 * none.  Nothing above the root and no symbolic link is followed. */
int cgroup_find(int root, const char *path, uint64_t *ret_id, struct err *e);

#endif
