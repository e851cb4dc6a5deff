/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H
/*
 * Residue: objects that carry our names, wherever they came from.  Links sd<id8>e|i, sets
 * sd-<id8>-4|6, chains SD-<id8>-*, tables sd-<id8>, cgroups stormdrill-<id8>, filters of
 * our priorities and their gates.
 */
#include <stddef.h>

struct err;
struct undo_ctx;

/* Everything of ours in this network namespace and cgroup tree, one line each
 * ("set sd-7b1c09aa-4"); with `fault` only of that fault.  Returns how many, 0 = clean. */
int residue_list(
    struct undo_ctx *c, const char *fault, char *buf, size_t size, struct err *e);

#endif
