/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPU_CONTROL_H
#define CPU_CONTROL_H
/*
 * The closed loop of a CPU load: read what is used, decide each burner's share, tell it.
 * One share for each CPU; one for all burners together when the percentage is of a target's
 * quota, which is not of any one CPU.
 */
#include "cgroup_cpu.h"
#include "cpu_ran.h"
#include "cpu_share.h"
#include "load.h"

#define CPU_CONTROL_MS 25

struct cpu_control {
	struct load *load;
	const struct cgroup_cpu *target;
	bool only_adds;           /* mode=add: others are not looked at */
	struct cpu_share *shares; /* one per CPU, or one */
	size_t count;
	struct cpu_ran ran;
	uint64_t *idle, *ran_ns; /* of every CPU, as last read */
	size_t cpus;             /* of the machine, as far as we look */
	unsigned turn;
};

struct cpu_figures {
	uint32_t seen; /* thousandths of a percent of what was asked of; ours with add */
	uint32_t others;  /* the same, lately */
	uint64_t ours_us; /* used by all burners since they were woken */
};

/* After load_init; reads nothing yet. */
void cpu_control_init(
    struct cpu_control *c, struct load *l, const struct cgroup_cpu *t, bool only_adds);
bool cpu_control_is_of_quota(const struct cpu_control *c);
/* How it tells how busy a CPU is: "/proc/stat and /proc/schedstat". */
const char *cpu_control_sources(const struct cpu_control *c, char *buf, size_t size);
/* Once before the burners are woken, to know others by then; then every CPU_CONTROL_MS.
 * `asked` in millionths of a CPU, or of the quota. */
int cpu_control_turn(struct cpu_control *c, uint32_t asked, struct err *e);
void cpu_control_begin(struct cpu_control *c);
struct cpu_figures cpu_control_figures(const struct cpu_control *c);

#endif
