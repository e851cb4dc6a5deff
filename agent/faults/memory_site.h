/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_SITE_H
#define MEMORY_SITE_H
/*
 * Where a fill takes place: the host, and whichever cgroup has a limit over the fillers.
 * What there is, and whether what was asked for may be taken of it.
 */
#include "cgroup_place.h"
#include "memory_goal.h"
#include "spec.h"
#include <stdbool.h>

struct child_group;
struct err;

struct memory_site {
	struct cgroup_place place; /* whose limit the fillers are below; dir -1: none */
	bool is_target;            /* it is what was asked for */
	bool is_ours_first; /* what is beyond the limit ends the fault, not others */
	struct memory_state state;        /* as last looked at */
	uint32_t pressure;                /* the same, where it was asked about */
	uint64_t kills_host, kills_place; /* by the OOM killer, as last counted */
};

/* Once the children's cgroup is planned.  -EPERM for a target that an OOM would end whole
 * where only ours is to be. */
int memory_site_find(struct memory_site *s, const struct child_group *g,
    const struct spec *spec, struct err *e);
int memory_site_look(struct memory_site *s, const struct spec *spec, struct err *e);

struct memory_ask memory_ask_of(const struct spec *s);
/* May this much be taken, as last looked at, by so many fillers? */
int memory_site_check(const struct memory_site *s, const struct memory_ask *a,
    uint64_t goal, uint64_t keep_free, struct err *e);
size_t memory_fillers(uint64_t goal); /* how many it takes */

/* Has the OOM killer ended somebody since the last count: on the host, in the place? */
struct memory_kills {
	uint64_t host, place;
};
struct memory_kills memory_site_kills(struct memory_site *s);

#endif
