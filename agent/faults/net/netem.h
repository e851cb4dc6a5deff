/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETEM_H
#define NETEM_H
/* The netem engine's plan: which interfaces, by which names, and how it will be undone. */
#include "impair.h"
#include "link.h"
#include "tc.h"

enum {
	NETEM_WAYS = 2,
	NETEM_SIDES_MAX = (UNDO_LIST_MAX - NETEM_WAYS) / 2,
	NETEM_LINKS_MAX = NETEM_SIDES_MAX + 1, /* the one too many */
};

/* One direction: its ifb, and what it is called. */
struct netem_way {
	int direction;
	char ifb[16];
	int index; /* of the ifb, from stage on */
};

struct netem_plan {
	struct netem netem;
	struct link links[NETEM_LINKS_MAX];
	size_t links_count;
	struct netem_way ways[NETEM_WAYS];
	size_t ways_count;
	uint32_t chain;
	uint16_t prio;
	bool rests; /* the filters are away for a while */
};

/* Every interface in every direction: at[i] for i below sides_count. */
struct netem_side {
	const struct link *link;
	const struct netem_way *way;
};
size_t netem_sides(const struct netem_plan *p);
struct netem_side netem_side(const struct netem_plan *p, size_t i);

/* Reads only; fills undo, ops and note of the run. */
int netem_plan(struct fault_run *r, struct netem_plan *p, struct err *e);

#endif
