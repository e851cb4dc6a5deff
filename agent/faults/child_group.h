/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHILD_GROUP_H
#define CHILD_GROUP_H
/*
 * The cgroup of a fault's children.  Whoever undoes kills them by it, and knows by it when
 * the last one is gone, with all that it had open.  Where there is no v2 tree there is none:
 * then the leash alone ends them (leash.h).
 */
#include "fault.h"

struct child_group {
	char name[32]; /* "" without a v2 tree */
};

/* In prepare, before the leash: it is undone after that. */
void child_group_plan(struct child_group *g, struct fault_run *r);
/* In stage: 0 with its directory, or with -1 where there is none. */
int child_group_make(
    const struct child_group *g, struct fault_run *r, int *ret_dir, struct err *e);

#endif
