/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHILD_GROUP_H
#define CHILD_GROUP_H
/*
 * The cgroup of a fault's children.  Whoever undoes kills them by it, and knows by it when
 * the last one is gone, with all that it had open.  Where there is no v2 tree there is none:
 * then the leash alone ends them (leash.h).
 *
 * A fault with a target (`cgroup` or `container`) has its children inside of that, in a
 * group of their own below it: what they use is the target's, and its limits are theirs.
 * Where the controller in question is in a v1 tree, they are in two groups: one below the
 * target there, and one in the v2 tree to be killed by.
 */
#include "cgroup_place.h"
#include "fault.h"

struct child_group {
	char name[PATH_LEN_MAX]; /* in the v2 tree, "" without one */
	char tree[16];           /* v1: the controller's */
	char v1_name[PATH_LEN_MAX];
	bool has_target;
	struct cgroup_place target; /* open; only with has_target */
	int dir, v1_dir;            /* from child_group_make on; -1: none */
};

/* In prepare, before the leash: it is undone after that.  `controller` is what the fault
 * uses up ("cpu", "memory", "io", "pids"), whose kind then has the parameters `cgroup` and
 * `container`; NULL: it has no target. */
int child_group_plan(
    struct child_group *g, struct fault_run *r, const char *controller, struct err *e);
/* In stage. */
int child_group_make(struct child_group *g, struct fault_run *r, struct err *e);
int child_group_join(const struct child_group *g, pid_t pid, struct err *e);
/* " in cgroup '/x'", or "": for notes; returns buf. */
const char *child_group_where(const struct child_group *g, char *buf, size_t size);

#endif
