/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INVENTORY_HOST_H
#define INVENTORY_HOST_H
/*
 * Building an inventory, the same for every source: what a host may be called, how it is
 * reached, what its tags may be.
 */
#include "inventory.h"

struct err;

/* A new host at its default port, without an address; *ret is good until the next one. */
int inventory_add(
    struct inventory *v, const char *name, struct host **ret, struct err *e);
/* A host name, or an address without brackets. */
int host_set_address(struct host *h, const char *address, struct err *e);
/* The address is the name, if nothing else was said. */
int host_set_default_address(struct host *h, struct err *e);
/* Adds it, or replaces its value. */
int host_set_tag(struct host *h, const char *name, const char *value, struct err *e);
/* Could a where-expression name it, and does it not mean something else there? */
int tag_check_name(const char *name, struct err *e);
/* By name, for sources whose order means nothing and changes: the same hosts and the same
 * seed must give the same choice. */
void inventory_sort(struct inventory *v);

#endif
