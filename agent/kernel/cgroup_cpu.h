/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_CPU_H
#define CGROUP_CPU_H
/*
 * The cgroup that a CPU load is in, as far as CPU time goes: its quota, what is used of it,
 * and which CPUs are its.  Reads only.
 */
#include "cgroup_place.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup_cpu {
	const struct cgroup_place *place; /* the caller's; NULL: there is no target */
	uint64_t quota;                   /* millionths of a CPU; 0: none of its own */
	struct cgroup_place account;      /* v1: the same group in the tree that counts */
	bool leaves_us_out; /* v1 with trees apart: our burners are not counted there */
};

void cgroup_cpu_open(struct cgroup_cpu *t, const struct cgroup_place *place);
/* What all in it have used, in microseconds; -EOPNOTSUPP when nothing tells. */
int cgroup_cpu_usage(const struct cgroup_cpu *t, uint64_t *ret, struct err *e);
/* The CPUs it may use, as a list; "" when nothing says so.  Returns buf. */
const char *cgroup_cpu_cpus(const struct cgroup_cpu *t, char *buf, size_t size);

#endif
