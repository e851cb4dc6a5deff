/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_MEMORY_H
#define CGROUP_MEMORY_H
/*
 * What a cgroup may have of memory and what it has, by the files of v2 or v1.  A group has
 * no more than any above it: limits are looked for all the way up.
 */
#include <stdbool.h>
#include <stdint.h>

struct cgroup_place;
struct err;

struct cgroup_memory {
	uint64_t limit; /* the least on the way up; UINT64_MAX: none */
	/* What it could still have below every limit, counting the pages of files that it
	 * has as free, as the kernel would; UINT64_MAX without a limit. */
	uint64_t available;
};
int cgroup_memory_read(
    const struct cgroup_place *p, struct cgroup_memory *ret, struct err *e);

/* How many processes the OOM killer has ended for want of memory: v2 counts those of all
 * groups below, v1 its own only.  0 where it is not counted. */
uint64_t cgroup_memory_oom_kills(const struct cgroup_place *p);

/* What an OOM in here would do beyond ending one process: 0 for nothing, else -EPERM with
 * the setting that says so (memory.oom.group, oom_kill_disable). */
int cgroup_memory_oom_plain(const struct cgroup_place *p, struct err *e);

/* Share of the time that some process in it waits for memory (avg10), in thousandths of a
 * percent.  -EOPNOTSUPP with the reason where the kernel does not tell. */
int cgroup_memory_pressure(const struct cgroup_place *p, uint32_t *ret, struct err *e);

#endif
