/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPU_SHARE_H
#define CPU_SHARE_H
/*
 * How much of a CPU (or of a cgroup's quota) our burners are to use, so that with everybody
 * else it comes to what was asked.  Pure arithmetic on samples; no clock is read here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu_sample { /* all in microseconds since any one moment */
	uint64_t wall;
	uint64_t used; /* by our burners */
	uint64_t
	    known; /* by all, ours included, as far as it is told finely: at least used */
	uint64_t idle; /* to the 10 ms below, or CPU_IDLE_UNREAD; with CPU_TOLD_IDLE */
};

#define CPU_IDLE_UNREAD UINT64_MAX /* this time; never in the first sample */

enum cpu_told {
	CPU_TOLD_WHOLLY, /* known is all there is: a cgroup's own clock */
	CPU_TOLD_IDLE,   /* wall less idle is all there is, and known a part of it */
};

enum { CPU_SAMPLES_MAX = 64 };

struct cpu_share {
	enum cpu_told told;
	uint32_t most; /* millionths of a CPU, the most to be given */
	bool has_begun;
	uint64_t begin_wall, judged_wall; /* judged: up to where debt is known */
	struct cpu_sample last;
	struct cpu_sample ring[CPU_SAMPLES_MAX]; /* the past, in steps */
	size_t count;                            /* ever kept there */
	int64_t hidden;                          /* millionths that known does not know */
	double busy, busy_begin, busy_judged;    /* µs; as we believe */
	double others;                           /* millionths, lately */
	double age;                              /* µs since the first sample */
	double debt;    /* µs that it was busy too little since the load began */
	uint32_t given; /* millionths, as last decided */
};

void cpu_share_init(struct cpu_share *s, enum cpu_told told, uint32_t most);
void cpu_share_add(struct cpu_share *s, const struct cpu_sample *now);
/* The last sample is where the load begins. */
void cpu_share_begin(struct cpu_share *s);
/* Our share in millionths of a CPU, for `asked` millionths in all; once per sample. */
uint32_t cpu_share_of(struct cpu_share *s, uint32_t asked);
uint32_t cpu_share_given(const struct cpu_share *s);
/* How busy all together were since the load began, in millionths of a CPU; and without us. */
uint32_t cpu_share_seen(const struct cpu_share *s);
uint32_t cpu_share_others(const struct cpu_share *s);

#endif
