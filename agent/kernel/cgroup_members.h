/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_MEMBERS_H
#define CGROUP_MEMBERS_H
/* The processes of a cgroup and of all below it, of whichever tree. */
#include <sys/types.h>

struct err;

/* `dir` is the group's directory.  Calls fn until it returns non-zero; pid 0 stands for a
 * process of a pid namespace that cannot be seen from here.  Groups that go meanwhile are
 * passed over.  0, fn's value, or a negative errno with `e`. */
int cgroup_members(int dir, int (*fn)(void *ctx, pid_t pid), void *ctx, struct err *e);

#endif
