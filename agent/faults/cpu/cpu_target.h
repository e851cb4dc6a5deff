/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPU_TARGET_H
#define CPU_TARGET_H
/*
 * The cgroup that a CPU load is in, as far as CPU time goes: its quota, what is used of it,
 * and which CPUs are its.  Reads only.
 */
#include "cgroup_place.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu_target {
	const struct cgroup_place *place; /* the caller's; NULL: there is no target */
	uint64_t quota;                   /* millionths of a CPU; 0: none of its own */
	struct cgroup_place account;      /* v1: the same group in the tree that counts */
	bool leaves_us_out; /* v1 with trees apart: our burners are not counted there */
};

void cpu_target_open(struct cpu_target *t, const struct cgroup_place *place);
/* What all in it have used, in microseconds; -EOPNOTSUPP when nothing tells. */
int cpu_target_usage(const struct cpu_target *t, uint64_t *ret, struct err *e);
/* The CPUs it may use, as a list; "" when nothing says so.  Returns buf. */
const char *cpu_target_cpus(const struct cpu_target *t, char *buf, size_t size);

#endif
