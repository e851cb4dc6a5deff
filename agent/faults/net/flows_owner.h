/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOWS_OWNER_H
#define FLOWS_OWNER_H
/* Whose packets: the part of flows_read that asks for the owner of the local socket. */
#include "flows.h"
#include "user.h"

/* `path` with or without its first '/', below `root` of the v2 tree. */
int flows_read_cgroup(struct flows *f, int root, const char *path, struct err *e);

#endif
