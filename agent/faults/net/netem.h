/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETEM_H
#define NETEM_H
/*
 * The inside of the netem engine: its plan, which interfaces and by which names, and what
 * its files do with it.
 */
#include "impair.h"
#include "link.h"
#include "tc.h"

enum {
	NETEM_WAYS = 2,
	/* two operations a side, one a way, two for the gate */
	NETEM_SIDES_MAX = (UNDO_LIST_MAX - NETEM_WAYS - 2) / 2,
	NETEM_LINKS_MAX = NETEM_SIDES_MAX + 1, /* the one too many */
	NETEM_FILTERS_MAX = 4096,              /* that lead in, on one side */
};

/* One direction: its ifb, and what it is called. */
struct netem_way {
	int direction;
	char ifb[16];
	int index; /* of the ifb, from stage on */
};

struct netem_plan {
	struct netem netem; /* as it is to be now */
	uint32_t changes;   /* how often it was changed */
	bool splits;        /* large packets are cut before any chance is taken */
	struct link links[NETEM_LINKS_MAX];
	size_t links_count;
	struct netem_way ways[NETEM_WAYS];
	size_t ways_count;
	struct net nets[SPEC_NETS_MAX]; /* those asked for, none within another */
	size_t nets_count;
	uint32_t chain;
	uint16_t prio;
	uint32_t filters; /* that lead through the gate, on all sides together */
	bool rests;       /* the gate is closed for a while */
	bool keeps_seed;  /* this kernel's netem takes one */
	usec_t next_look;
};

/* Every interface in every direction: at[i] for i below sides_count. */
struct netem_side {
	const struct link *link;
	const struct netem_way *way;
};
size_t netem_sides(const struct netem_plan *p);
struct netem_side netem_side(const struct netem_plan *p, size_t i);

/* netem_plan.c.  Reads only; fills undo, ops and note of the run. */
int netem_plan(struct fault_run *r, struct netem_plan *p, struct err *e);

/* netem_links.c: the interfaces that are named, or that carry the routes. */
int netem_find_links(
    struct nl *n, const struct flows *f, struct netem_plan *p, struct err *e);

/* netem_fit.c: what the kernel cannot do, or not on these interfaces. */
int netem_can_do(const struct impair *i, struct err *e);

/* netem_set.c */
/* What the kernel is to be told, all but the limit. */
struct netem netem_of(const struct impairment *i);
/* As many packets as there can be at a time, on links of this many bytes a second. */
uint32_t netem_limit(const struct impair *i, uint64_t bytes_per_sec);
/* Is it more than a time to wait?  Then a packet that the card would cut into many must be
 * cut before: a chance is meant for each. */
bool netem_must_split(const struct impair *i);

/* netem_filters.c */
/* The networks asked for, without those that are within others. */
size_t netem_nets(const struct flows *f, struct net *ret);
/* How many filters lead in on one side. */
size_t netem_filters(const struct flows *f, const struct net *nets, size_t count);
/* Stage one side: what passes, what is redirected, and (behind the closed gate) what leads
 * there. */
int netem_stage_side(struct fault_run *r, const struct netem_side *s, struct err *e);

#endif
