/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OWNER_CHECK_H
#define OWNER_CHECK_H
/* The form of what names an owner, in whatever kind: a user, a cgroup, a container.  An
 * empty text is one that was not given. */
struct err;

int owner_check_user(const char *user, struct err *e);
int owner_check_cgroup(const char *path, struct err *e);
int owner_check_container(const char *name, struct err *e);

#endif
