/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FREEZE_H
#define FREEZE_H
/*
 * Freezing somebody's cgroup, which UNDO_CGROUP_THAW thaws: dev is the tree ("cgroup2", or
 * "freezer" for that controller's v1 tree), name the path below it, num[0] its inode.  What
 * was there before is always "thawed": a group that is frozen already is refused, since no
 * operation could tell whose freezing it thaws.
 */
#include "clock.h"
#include "undo.h"

struct cgroup_place;
struct err;

#define FREEZE_CGROUP2 "cgroup2"
#define FREEZE_V1      "freezer"

enum freeze_state { STATE_THAWED, STATE_FREEZING, STATE_FROZEN };

/* Describe freezing it; changes nothing.  Its file stays open in the context, for an undo
 * when no descriptor is to be had.  -EALREADY, OUTCOME_REFUSED, when it is frozen, itself
 * or by a group above it; -EOPNOTSUPP when it cannot be. */
int freeze_plan(struct undo_ctx *c, const struct cgroup_place *place, struct undo *ret,
    struct err *e);
/* Ask the kernel for it; -EALREADY when somebody has frozen it since freeze_plan. */
int freeze_begin(struct undo_ctx *c, const struct undo *u, struct err *e);
/* Where it stands: an enum freeze_state, -ENOENT when the group is gone. */
int freeze_look(struct undo_ctx *c, const struct undo *u, struct err *e);
/* Until it is frozen: 0, -ETIMEDOUT with what may be the reason. */
int freeze_await(
    struct undo_ctx *c, const struct undo *u, usec_t patience, struct err *e);

#endif
