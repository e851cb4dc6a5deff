/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INVENTORY_GROUPS_H
#define INVENTORY_GROUPS_H
/*
 * The groups of an Ansible inventory: who is in which, also through children, and in which
 * order their variables override each other.
 */
#include "inventory.h"
#include <jansson.h>

struct err;

struct group {
	const char *name;
	const json_t *body; /* an object, or a list of hosts */
	size_t *children;   /* indices of groups */
	size_t child_count;
	unsigned depth; /* below the topmost group it can be reached from */
	uint64_t members[HOSTS_MAX / 64];
};

struct groups {
	struct group *group;
	size_t count;
	size_t
	    *order; /* indices, outer groups first: the last that says something wins */
	json_t *index; /* of a group by its name */
};

/* Groups point into `root`, which must outlive them. */
int groups_read(struct groups *ret, const json_t *root, struct err *e);
void groups_release(struct groups *g);
/* The host names that a group itself lists: its JSON array, or NULL. */
const json_t *group_hosts(const struct group *g);
const json_t *group_vars(const struct group *g);
/* Find the members, given where each host stands in the inventory. */
void groups_fill(struct groups *g, const json_t *host_index);
/* Ansible's own group, in which everybody is whatever it lists. */
bool group_is_all(const struct group *g);
bool group_has(const struct group *g, size_t host);

#endif
