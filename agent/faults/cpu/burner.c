/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One burner.  It owes a share of the wall clock and pays in CPU time as the kernel accounts
 * it (CLOCK_THREAD_CPUTIME_ID), in periods of about a millisecond: so what a competitor takes
 * from it in one period is made up for in the next, which a busy-for, idle-for loop never
 * does.  The period is no divisor of any tick: a kernel that samples what runs by its tick,
 * as the user and system columns of /proc/stat are made, would else always see the same.
 */
#include "err.h"
#include "leash.h"
#include "load_class.h"
#include "load_page.h"
#include "process.h"
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#define PERIOD_NS    UINT64_C(997000)
#define IDLE_MS      100 /* with no share; so often its turn makes others' run time known */
#define PAUSE_MAX_NS (100 * PERIOD_NS)
#define SPINS        2000 /* some microseconds between two looks at the clock */

static uint64_t
now_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t); /* fails for no clock used here */
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
spin(void)
{
	for (unsigned i = 0; i < SPINS; i++)
		__asm__ volatile("" : "+r"(i)); /* kept, and nothing else done */
}

static void
sleep_until(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Where looking at the clock takes longer than the share of a period, as it does in emulated
 * machines, periods are left out until what was too much is owed. */
static uint64_t
next_turn(uint64_t next, uint64_t ahead, uint32_t share)
{
	const uint64_t pause = ahead * LOAD_WHOLE / share;

	return next + (pause < PAUSE_MAX_NS ? pause : PAUSE_MAX_NS);
}

/* Spin until the debt is paid or the period over; the CPU time used by then. */
static uint64_t
pay(uint64_t owed, uint64_t base, uint64_t until)
{
	uint64_t used;

	for (;;) {
		used = now_ns(CLOCK_THREAD_CPUTIME_ID) - base;
		if (used >= owed || now_ns(CLOCK_MONOTONIC) >= until)
			return used;
		spin();
	}
}

static _Noreturn void
burn(struct load_slot *slot, uint64_t claim)
{
	const uint64_t base = now_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t wall = now_ns(CLOCK_MONOTONIC), next = wall, owed = 0, used = 0;

	for (;;) {
		const uint32_t share = atomic_load(&slot->share);
		uint64_t now;

		if (share == 0) {
			word_wait(&slot->share, 0, IDLE_MS);
			wall = next = now_ns(CLOCK_MONOTONIC);
			continue;
		}
		now = now_ns(CLOCK_MONOTONIC);
		owed += (now - wall) * share / LOAD_WHOLE;
		wall = now;
		if (owed > used + claim)
			owed = used + claim;
		next += PERIOD_NS;
		if (next < now) /* we were not let run for longer than a period */
			next = now + PERIOD_NS;
		used = pay(owed, base, next);
		atomic_store(&slot->used_ns, used);
		if (used >= owed) {
			next = next_turn(next, used - owed, share);
			sleep_until(next);
		}
	}
}

static int
pin(unsigned cpu)
{
	cpu_set_t *set = CPU_ALLOC(cpu + 1);
	const size_t size = CPU_ALLOC_SIZE(cpu + 1);
	int rc;

	if (set == NULL)
		return -1;
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	rc = sched_setaffinity(0, size, set);
	CPU_FREE(set);
	return rc;
}

static int
burner_run(struct member *m, struct err *e)
{
	struct load_page *page = m->page;
	struct load_slot *slot = &page->slot[m->number];

	if (pin(slot->cpu) < 0)
		return err_errno(e, "pin to CPU %u", slot->cpu);
	if (load_class_join(&page->how, e) < 0 || caps_limit(0, e) < 0)
		return e->code;
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* the default is 5 % of a period */
	crew_ready(m);
	while (atomic_load(&page->is_going) == 0)
		word_wait(&page->is_going, 0, 0);
	burn(slot, page->how.claim_ns);
}

const struct crew_work work_burn = {
	.name = "burn",
	.comm = "stormd-burner",
	.page_size = sizeof(struct load_page),
	.caps = CAP_BIT(CAP_SYS_NICE), /* until it is in its class */
	.run = burner_run,
};
