/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder's side of burners: which CPUs, and what each is to do.
 */
#include "load.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "leash.h"
#include "load_page.h"
#include "xalloc.h"
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CPU_BITS   8192 /* of the affinity mask: what kernels are built for at most */
#define READY_WAIT (5 * USEC_PER_SEC)

struct cpus {
	unsigned cpu[LOAD_CPUS_MAX];
	size_t count;
	cpu_set_t *allowed;
	bool ours_only; /* leave out what is not allowed instead of refusing it */
};

static unsigned
take_cpu(const char **p)
{
	unsigned n = 0;

	while (isdigit((unsigned char)**p))
		n = n * 10 + (unsigned)(*(*p)++ - '0');
	return n;
}

static int
add_cpus(struct cpus *c, unsigned first, unsigned last, struct err *e)
{
	for (unsigned cpu = first; cpu <= last; cpu++) {
		bool allowed = cpu < CPU_BITS &&
			       CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(CPU_BITS), c->allowed);
		if (!allowed && c->ours_only)
			continue;
		if (!allowed)
			return err_invalid(e,
			    "CPU %u is not online, or not one this host lets us use",
			    cpu);
		if (c->count == LOAD_CPUS_MAX)
			return err_invalid(e, "more than %d CPUs", LOAD_CPUS_MAX);
		c->cpu[c->count++] = cpu;
	}
	return 0;
}

/* The list was checked when the spec was verified: only digits, commas, ranges. */
static int
expand(struct cpus *c, const char *list, struct err *e)
{
	while (*list != '\0') {
		unsigned first = take_cpu(&list), last = first;

		if (*list == '-') {
			list++;
			last = take_cpu(&list);
		}
		if (add_cpus(c, first, last, e) < 0)
			return e->code;
		list += strspn(list, ",");
	}
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

/* "0,0-1" names CPU 0 twice: it is still burnt once. */
static void
drop_repeats(struct cpus *c)
{
	size_t kept = 0;

	qsort(c->cpu, c->count, sizeof(c->cpu[0]), by_number);
	for (size_t i = 0; i < c->count; i++) {
		if (i == 0 || c->cpu[i] != c->cpu[kept - 1])
			c->cpu[kept++] = c->cpu[i];
	}
	c->count = kept;
}

static int
choose_cpus(struct load *l, const char *list, struct err *e)
{
	_cleanup_free_ struct cpus *c = xcalloc(1, sizeof(*c));
	int rc;

	c->allowed = CPU_ALLOC(CPU_BITS);
	if (sched_getaffinity(0, CPU_ALLOC_SIZE(CPU_BITS), c->allowed) < 0) {
		CPU_FREE(c->allowed);
		return err_errno(e, "ask which CPUs we may run on");
	}
	c->ours_only = list[0] == '\0';
	rc = c->ours_only ? add_cpus(c, 0, CPU_BITS - 1, e) : expand(c, list, e);
	CPU_FREE(c->allowed);
	if (rc < 0)
		return rc;
	if (c->count == 0)
		return err_invalid(e, "no CPU is left to load");
	drop_repeats(c);
	l->count = c->count;
	l->cpu = xcalloc(c->count, sizeof(*l->cpu));
	memcpy(l->cpu, c->cpu, c->count * sizeof(*l->cpu));
	return 0;
}

int
load_init(struct load *l, const char *cpus, struct err *e)
{
	*l = (struct load){ 0 };
	if (choose_cpus(l, cpus, e) < 0)
		return e->code;
	if (crew_init(&l->crew, &work_burn, l->count, 0, e) < 0)
		return e->code;
	l->page = l->crew.page;
	for (size_t i = 0; i < l->count; i++)
		l->page->slot[i].cpu = l->cpu[i];
	return 0;
}

int
load_start(struct load *l, const char *fault, const struct child_group *g, struct err *e)
{
	return crew_start(&l->crew, fault, g, READY_WAIT, e);
}

void
load_share(struct load *l, size_t i, uint32_t share)
{
	atomic_store(&l->page->slot[i].share, share);
}

void
load_go(struct load *l)
{
	atomic_store(&l->page->is_going, 1);
	word_wake(&l->page->is_going);
}

uint64_t
load_used_ns(const struct load *l, size_t i)
{
	return atomic_load(&l->page->slot[i].used_ns);
}

int
load_lost(struct load *l)
{
	int i = crew_lost(&l->crew, NULL);

	return i < 0 ? -1 : (int)l->cpu[i];
}

void
load_reap(struct load *l)
{
	crew_reap(&l->crew);
}
