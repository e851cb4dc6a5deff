/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting what was done and how long it took, and giving turns.  Latencies fall into
 * buckets of an eighth of a power of two, so that a percentile is right to about 6 %.
 * Turns are one number for all workers: the moment of the next.  Who comes late takes it
 * at once, and what was lost for longer than the slack stays lost: a disk that has hung is
 * not met by all that it has missed.
 */
#include "io_page.h"
#include <time.h>

#define SLACK_NS UINT64_C(100000000)

uint64_t
io_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (uint64_t)t.tv_sec * IO_SECOND + (uint64_t)t.tv_nsec;
}

void
io_sleep_until(uint64_t ns)
{
	const struct timespec t = { .tv_sec = (time_t)(ns / IO_SECOND),
		.tv_nsec = (long)(ns % IO_SECOND) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

uint64_t
io_turn(struct io_page *p)
{
	uint64_t next, mine, now;

	if (p->plan.interval_ns == 0)
		return 0;
	now = io_now_ns();
	next = atomic_load(&p->next_ns);
	do {
		mine = next + SLACK_NS < now ? now - SLACK_NS : next;
	} while (!atomic_compare_exchange_weak(
	    &p->next_ns, &next, mine + p->plan.interval_ns));
	return mine;
}

static unsigned
bucket_of(uint64_t ns)
{
	unsigned power;

	if (ns < 8)
		return (unsigned)ns;
	power = 63 - (unsigned)__builtin_clzll(ns);
	return (power - 2) * 8 + (unsigned)(ns >> (power - 3) & 7);
}

/* The middle of a bucket. */
static uint64_t
latency_of(unsigned bucket)
{
	const unsigned power = bucket / 8 + 2;
	uint64_t low;

	if (bucket < 8)
		return bucket;
	low = (UINT64_C(8) + bucket % 8) << (power - 3);
	return low + (UINT64_C(1) << (power - 3)) / 2;
}

void
io_done(struct io_thread *t, bool is_write, uint64_t took_ns)
{
	atomic_fetch_add_explicit(
	    is_write ? &t->tally->writes : &t->tally->reads, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(
	    &t->tally->bucket[bucket_of(took_ns)], 1, memory_order_relaxed);
}

static uint64_t
in_bucket(const struct io_page *p, unsigned bucket)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->plan.workers; i++)
		n += atomic_load_explicit(
		    &p->tally[i].bucket[bucket], memory_order_relaxed);
	return n;
}

struct io_sum
io_sum(const struct io_page *p)
{
	struct io_sum s = { 0 };
	uint64_t all = 0, seen = 0;

	for (uint32_t i = 0; i < p->plan.workers; i++) {
		s.reads += atomic_load(&p->tally[i].reads);
		s.writes += atomic_load(&p->tally[i].writes);
	}
	all = s.reads + s.writes;
	for (unsigned b = 0; b < IO_BUCKETS && all > 0; b++) {
		seen += in_bucket(p, b);
		if (s.p50_ns == 0 && seen * 2 >= all)
			s.p50_ns = latency_of(b);
		if (seen * 100 >= all * 99) {
			s.p99_ns = latency_of(b);
			break;
		}
	}
	return s;
}
