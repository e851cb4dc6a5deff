/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPU_SHARE_H
#define CPU_SHARE_H
/*
 * How much of one CPU a burner is to use, so that with everybody else it comes to what was
 * asked.  Pure arithmetic on samples; no clock is read here.
 */
#include <stddef.h>
#include <stdint.h>

struct cpu_sample {                /* all in microseconds since any one moment */
	uint64_t wall, idle, used; /* used: by our burner */
};

#define SAMPLES_MAX 64

struct cpu_share {
	struct cpu_sample ring[SAMPLES_MAX];
	size_t count;            /* samples ever added */
	struct cpu_sample begin; /* when the load was applied */
	int64_t debt;            /* µs that the CPU was busy too little since then */
	uint32_t given;          /* millionths, as last decided */
};

void cpu_share_add(struct cpu_share *s, const struct cpu_sample *now);
/* The last sample is where the load begins. */
void cpu_share_begin(struct cpu_share *s);
/* The burner's share in millionths, for `asked` millionths in all; once per sample. */
uint32_t cpu_share_of(struct cpu_share *s, uint32_t asked);
uint32_t cpu_share_given(const struct cpu_share *s);
/* How busy the CPU was since the load began, in thousandths of a percent. */
uint64_t cpu_share_seen(const struct cpu_share *s);

#endif
