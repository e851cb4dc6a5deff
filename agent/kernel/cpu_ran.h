/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPU_RAN_H
#define CPU_RAN_H
/*
 * How long tasks ran on each CPU, in nanoseconds: finer by far than the idle clock of
 * /proc/stat, which goes in ticks of 10 ms, but blind to what is neither a task nor idle
 * (interrupts out of the idle loop, the way into it and out).  No kernel must have it.
 */
#include <stddef.h>
#include <stdint.h>

struct err;

enum cpu_ran_source {
	CPU_RAN_NONE,
	CPU_RAN_SCHEDSTAT, /* /proc/schedstat, where the kernel has CONFIG_SCHEDSTATS */
	CPU_RAN_CPUACCT,   /* the root of the cgroup v1 tree of that name */
};

struct cpu_ran {
	enum cpu_ran_source source;
	int tree; /* of CPU_RAN_CPUACCT, else -1; close it */
};

#define CPU_RAN_UNKNOWN UINT64_MAX

/* What this host has; never fails. */
void cpu_ran_open(struct cpu_ran *c);
const char *cpu_ran_name(enum cpu_ran_source s); /* "/proc/schedstat"; "" of none */
/* Of every CPU below max; CPU_RAN_UNKNOWN for one that is not there, and without a
 * source. */
int cpu_ran_read(const struct cpu_ran *c, uint64_t *ret, size_t max, struct err *e);

#endif
