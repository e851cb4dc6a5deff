/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOWS_OWNER_H
#define FLOWS_OWNER_H
/* Whose packets: the part of flows_read that asks for the owner of the local socket. */
#include "flows.h"

/* A user by number, or by name in the passwd file: -ENOENT when it is not there.  No name
 * service is asked: that would load its code into a root process, and may need the very
 * network that is about to be cut. */
int user_find(const char *passwd, const char *name, uint32_t *ret_uid, struct err *e);
/* `path` with or without its first '/', below `root` of the v2 tree. */
int flows_read_cgroup(struct flows *f, int root, const char *path, struct err *e);

#endif
