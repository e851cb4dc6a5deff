/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KNOB_H
#define KNOB_H
/*
 * A knob: a value of the kernel's that a fault turns and UNDO_KNOB turns back.  Only those
 * of a closed list are known (knob.c), so that no record can have anything else written.
 *
 * A knob is an `struct undo`: dev is the tree, name the path below it, num[0] the inode of
 * the cgroup (0 in /proc/sys), `was` and `now` are values as they are written:
 *
 *	"1048576", "max"         fs/file-max, pids.max
 *	"8:0 1048576"            blkio.throttle.read_bps_device …; 0 is no limit
 *	"8:0 rbps=1048576"       io.max: only the keys that are turned
 *
 * Of a knob with a line per device only that of ours is looked at, and in it only our keys:
 * what others set beside them meanwhile stays.
 */
#include "undo.h"
#include <stdbool.h>
#include <stddef.h>

struct cgroup_place;

#define KNOB_SYSCTL "sysctl" /* below /proc/sys, "fs/file-max" */

/* Describe turning a knob to ret->now, with ret->was as it stands: of a cgroup with its
 * `place` and `name` its file ("io.max"), of the host with NULL and "fs/file-max".  Changes
 * nothing.  The knob stays open in the context, for an undo when no descriptor is to be had,
 * and locked: -EBUSY, OUTCOME_REFUSED, when another holder has it.  -EALREADY when it stands
 * there already, -EOPNOTSUPP when there is none here. */
int knob_plan(struct undo_ctx *c, const struct cgroup_place *place, const char *name,
    struct undo *ret, struct err *e);
/* Turn it; -EBUSY when somebody has turned it since knob_plan. */
int knob_turn(struct undo_ctx *c, const struct undo *u, struct err *e);
/* Does it stand where we turned it?  0; -ESTALE when it does not, -ENOENT when it is gone. */
int knob_verify(struct undo_ctx *c, const struct undo *u, struct err *e);
/* The limit there was: of io.max that of `key` ("rbps"), elsewhere "".  UINT64_MAX: none. */
uint64_t knob_limit(const struct undo *u, const char *key);

#endif
