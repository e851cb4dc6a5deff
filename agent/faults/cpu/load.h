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

struct load_how {
	int policy; /* SCHED_OTHER … */
	int nice;   /* of SCHED_OTHER and SCHED_BATCH */
	/* How much of what it did not get to use a burner still claims later; what is beyond
	 * that stays lost. */
	uint64_t claim_ns;
};

struct load {
	unsigned *cpu; /* of each burner, ascending */
	size_t count;
	struct load_page *page;
	struct crew crew;
};

/* The CPUs of a kernel list ("0,2-3"), or with "" all of them, out of those we may run on.
 * `within` is a list, too: those that the target may run on, "" for all; of `most` there
 * are no more.  -EINVAL for a CPU that is not online, not ours, or not the target's. */
struct load_cpus {
	const char *list, *within;
	size_t most;
};
int load_init(
    struct load *l, const struct load_cpus *c, const struct load_how *how, struct err *e);
/* Start the burners asleep, in their cgroup. */
int load_start(
    struct load *l, const char *fault, const struct child_group *g, struct err *e);
void load_share(struct load *l, size_t i, uint32_t share); /* millionths of its CPU */
uint32_t load_given(const struct load *l, size_t i);
void load_go(struct load *l);
/* CPU time the i-th burner has used since load_go. */
uint64_t load_used_ns(const struct load *l, size_t i);
/* A burner that ended by itself: its CPU, else -1. */
int load_lost(struct load *l);
void load_reap(struct load *l); /* kills those that are left, waits for their end */

#endif
