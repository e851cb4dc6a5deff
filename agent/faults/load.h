/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_H
#define LOAD_H
/*
 * Burners: children of a holder that use up CPU time, one per CPU, told how much through a
 * page they share with it.  They are a crew (crew.h).
 */
#include "crew.h"

struct err;
struct load_page;

#define LOAD_CPUS_MAX CREW_MAX
#define LOAD_WHOLE    1000000u /* a share of a CPU is in millionths */

struct load {
	unsigned *cpu; /* of each burner, ascending */
	size_t count;
	struct load_page *page;
	struct crew crew;
};

/* The CPUs of a kernel list ("0,2-3"), or all we may run on with "".  -EINVAL for one that
 * is not online or not ours. */
int load_init(struct load *l, const char *cpus, struct err *e);
/* Start the burners asleep, in their cgroup. */
int load_start(
    struct load *l, const char *fault, const struct child_group *g, struct err *e);
void load_share(struct load *l, size_t i, uint32_t share);
void load_go(struct load *l);
/* CPU time the i-th burner has used since load_go. */
uint64_t load_used_ns(const struct load *l, size_t i);
/* A burner that ended by itself: its CPU, else -1. */
int load_lost(struct load *l);
void load_reap(struct load *l); /* kills those that are left, waits for their end */

#endif
