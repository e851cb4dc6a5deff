/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read is as little as will do: nothing but our own with mode=add, two small files
 * of a target with a quota, else the clocks of all CPUs.  /proc/stat is dear on a host of
 * many CPUs (it sums up every interrupt), and coarse: it is read every other turn.
 */
#include "cpu_control.h"
#include "err.h"
#include "proc.h"
#include "xalloc.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define IDLE_EVERY 2

static bool
reads_cpus(const struct cpu_control *c)
{
	return !c->only_adds && !cpu_control_is_of_quota(c);
}

bool
cpu_control_is_of_quota(const struct cpu_control *c)
{
	return c->target->quota > 0;
}

void
cpu_control_init(
    struct cpu_control *c, struct load *l, const struct cgroup_cpu *t, bool only_adds)
{
	*c = (struct cpu_control){ .load = l, .target = t, .only_adds = only_adds };
	c->count = cpu_control_is_of_quota(c) ? 1 : l->count;
	c->shares = xcalloc(c->count, sizeof(*c->shares));
	for (size_t i = 0; i < c->count; i++)
		cpu_share_init(&c->shares[i],
		    reads_cpus(c) ? CPU_TOLD_IDLE : CPU_TOLD_WHOLLY,
		    (uint32_t)(LOAD_WHOLE * (l->count / c->count)));
	c->cpus = (size_t)l->cpu[l->count - 1] + 1;
	c->idle = xcalloc(c->cpus, sizeof(*c->idle));
	c->ran_ns = xcalloc(c->cpus, sizeof(*c->ran_ns));
	c->ran.tree = -1;
	if (reads_cpus(c))
		cpu_ran_open(&c->ran);
}

const char *
cpu_control_sources(const struct cpu_control *c, char *buf, size_t size)
{
	const char *fine = cpu_ran_name(c->ran.source);

	if (c->only_adds)
		(void)snprintf(buf, size, "the burners' own clocks");
	else if (cpu_control_is_of_quota(c))
		(void)snprintf(buf, size, "the target's own clock");
	else
		(void)snprintf(buf, size, "/proc/stat%s%s",
		    fine[0] != '\0' ? " and " : " alone", fine);
	return buf;
}

/* --- reading -------------------------------------------------------------------------- */

static uint64_t
used_us(const struct cpu_control *c, size_t i)
{
	return load_used_ns(c->load, i) / NSEC_PER_USEC;
}

static uint64_t
all_used_us(const struct cpu_control *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->load->count; i++)
		sum += used_us(c, i);
	return sum;
}

static int
read_clocks(struct cpu_control *c, struct err *e)
{
	const bool wants_idle = !c->shares[0].has_begun || c->turn++ % IDLE_EVERY == 0;

	if (!reads_cpus(c))
		return 0;
	if (wants_idle && proc_cpu_idle(c->idle, c->cpus, e) < 0)
		return e->code;
	for (size_t i = 0; i < c->cpus && !wants_idle; i++)
		c->idle[i] = CPU_IDLE_UNREAD;
	for (size_t i = 0; i < c->load->count && wants_idle; i++) {
		if (c->idle[c->load->cpu[i]] == PROC_CPU_OFFLINE)
			return err_set(
			    e, -ENODEV, "CPU %u went offline", c->load->cpu[i]);
	}
	return cpu_ran_read(&c->ran, c->ran_ns, c->cpus, e);
}

static struct cpu_sample
sample_cpu(const struct cpu_control *c, size_t i)
{
	const unsigned cpu = c->load->cpu[i];
	struct cpu_sample s = { .wall = clock_boottime(), .used = used_us(c, i) };

	s.known = s.used;
	s.idle = reads_cpus(c) ? c->idle[cpu] : CPU_IDLE_UNREAD;
	if (reads_cpus(c) && c->ran_ns[cpu] != CPU_RAN_UNKNOWN)
		s.known = c->ran_ns[cpu] / NSEC_PER_USEC;
	return s;
}

static int
sample_target(const struct cpu_control *c, struct cpu_sample *ret, struct err *e)
{
	*ret = (struct cpu_sample){
		.wall = clock_boottime(), .used = all_used_us(c), .idle = CPU_IDLE_UNREAD
	};
	ret->known = ret->used;
	if (c->only_adds)
		return 0;
	if (cgroup_cpu_usage(c->target, &ret->known, e) < 0)
		return e->code;
	if (c->target->leaves_us_out)
		ret->known += ret->used;
	return 0;
}

/* --- deciding ------------------------------------------------------------------------- */

static void
give(struct cpu_control *c, size_t i, uint32_t share)
{
	if (share > LOAD_WHOLE)
		share = LOAD_WHOLE;
	load_share(c->load, i, share);
}

static uint32_t
decide(struct cpu_control *c, size_t i, const struct cpu_sample *now, uint32_t asked)
{
	cpu_share_add(&c->shares[i], now);
	return c->only_adds ? asked : cpu_share_of(&c->shares[i], asked);
}

static int
turn_of_quota(struct cpu_control *c, uint32_t asked, struct err *e)
{
	const uint64_t of_cpu = asked * c->target->quota / LOAD_WHOLE;
	struct cpu_sample now;
	uint32_t share;

	if (sample_target(c, &now, e) < 0)
		return e->code;
	share = decide(c, 0, &now, (uint32_t)of_cpu);
	for (size_t i = 0; i < c->load->count; i++)
		give(c, i, share / (uint32_t)c->load->count);
	return 0;
}

int
cpu_control_turn(struct cpu_control *c, uint32_t asked, struct err *e)
{
	if (cpu_control_is_of_quota(c))
		return turn_of_quota(c, asked, e);
	if (read_clocks(c, e) < 0)
		return e->code;
	for (size_t i = 0; i < c->count; i++) {
		const struct cpu_sample now = sample_cpu(c, i);

		give(c, i, decide(c, i, &now, asked));
	}
	return 0;
}

void
cpu_control_begin(struct cpu_control *c)
{
	for (size_t i = 0; i < c->count; i++)
		cpu_share_begin(&c->shares[i]);
}

struct cpu_figures
cpu_control_figures(const struct cpu_control *c)
{
	const uint64_t whole = cpu_control_is_of_quota(c) ? c->target->quota : LOAD_WHOLE;
	uint64_t seen = 0, others = 0;

	assert(c->count > 0 && whole > 0); /* a load without a CPU is refused */
	for (size_t i = 0; i < c->count; i++) {
		seen += cpu_share_seen(&c->shares[i]);
		others += cpu_share_others(&c->shares[i]);
	}
	return (struct cpu_figures){
		.seen = (uint32_t)(seen * 100000 / whole / c->count),
		.others = (uint32_t)(others * 100000 / whole / c->count),
		.ours_us = all_used_us(c),
	};
}
