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
#define EVERY_CPU  "0-8191"
#define READY_WAIT (15 * USEC_PER_SEC) /* a target may be short of CPU time */

struct cpus {
	unsigned cpu[LOAD_CPUS_MAX];
	size_t count;
	cpu_set_t *allowed, *within;
	bool takes_what_it_may; /* leave out what is not allowed instead of refusing it */
};

static unsigned
take_cpu(const char **p)
{
	unsigned n = 0;

	while (isdigit((unsigned char)**p))
		n = n * 10 + (unsigned)(*(*p)++ - '0');
	return n;
}

/* One range of a list, whose form is known to be right; false at its end. */
static bool
next_range(const char **list, unsigned *ret_first, unsigned *ret_last)
{
	if (!isdigit((unsigned char)**list))
		return false;
	*ret_first = *ret_last = take_cpu(list);
	if (**list == '-') {
		(*list)++;
		*ret_last = take_cpu(list);
	}
	*list += strspn(*list, ",");
	return true;
}

static bool
is_in(unsigned cpu, const cpu_set_t *set)
{
	return cpu < CPU_BITS && CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(CPU_BITS), set);
}

static int
add_cpu(struct cpus *c, unsigned cpu, struct err *e)
{
	const bool is_ours = is_in(cpu, c->allowed), is_theirs = is_in(cpu, c->within);

	if (c->takes_what_it_may && !(is_ours && is_theirs))
		return 0;
	if (!is_ours)
		return err_invalid(
		    e, "CPU %u is not online, or not one this host lets us use", cpu);
	if (!is_theirs)
		return err_invalid(e, "CPU %u is not one that the target may use", cpu);
	if (c->count == LOAD_CPUS_MAX)
		return err_invalid(e, "more than %d CPUs", LOAD_CPUS_MAX);
	c->cpu[c->count++] = cpu;
	return 0;
}

static int
add_list(struct cpus *c, const char *list, struct err *e)
{
	unsigned first, last;

	while (next_range(&list, &first, &last)) {
		for (unsigned cpu = first; cpu <= last; cpu++) {
			if (add_cpu(c, cpu, e) < 0)
				return e->code;
		}
	}
	return 0;
}

static int
add_all(struct cpus *c, struct err *e)
{
	c->takes_what_it_may = true;
	for (unsigned cpu = 0; cpu < CPU_BITS; cpu++) {
		if (add_cpu(c, cpu, e) < 0)
			return e->code;
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

/* Of a list that the kernel wrote; "" is every CPU. */
static void
read_set(cpu_set_t *set, const char *list)
{
	unsigned first, last;

	CPU_ZERO_S(CPU_ALLOC_SIZE(CPU_BITS), set);
	if (*list == '\0')
		list = EVERY_CPU;
	while (next_range(&list, &first, &last)) {
		for (unsigned cpu = first; cpu <= last && cpu < CPU_BITS; cpu++)
			CPU_SET_S(cpu, CPU_ALLOC_SIZE(CPU_BITS), set);
	}
}

static int
choose_cpus(struct load *l, const struct load_cpus *which, struct err *e)
{
	_cleanup_free_ struct cpus *c = xcalloc(1, sizeof(*c));
	_cleanup_free_ cpu_set_t *allowed = xcalloc(1, CPU_ALLOC_SIZE(CPU_BITS));
	_cleanup_free_ cpu_set_t *within = xcalloc(1, CPU_ALLOC_SIZE(CPU_BITS));
	int rc;

	if (sched_getaffinity(0, CPU_ALLOC_SIZE(CPU_BITS), allowed) < 0)
		return err_errno(e, "ask which CPUs we may run on");
	read_set(within, which->within);
	c->allowed = allowed;
	c->within = within;
	rc = which->list[0] == '\0' ? add_all(c, e) : add_list(c, which->list, e);
	if (rc < 0)
		return rc;
	if (c->count == 0)
		return err_invalid(e, "no CPU is left to load");
	drop_repeats(c);
	l->count = c->count < which->most ? c->count : which->most;
	l->cpu = xcalloc(l->count, sizeof(*l->cpu));
	memcpy(l->cpu, c->cpu, l->count * sizeof(*l->cpu));
	return 0;
}

int
load_init(
    struct load *l, const struct load_cpus *c, const struct load_how *how, struct err *e)
{
	*l = (struct load){ 0 };
	if (choose_cpus(l, c, e) < 0)
		return e->code;
	if (crew_init(&l->crew, &work_burn, l->count, 0, e) < 0)
		return e->code;
	l->page = l->crew.page;
	l->page->how = *how;
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
	_Atomic uint32_t *word = &l->page->slot[i].share;

	if (atomic_exchange(word, share) == 0 && share > 0)
		word_wake(word); /* it sleeps as long as it has none */
}

uint32_t
load_given(const struct load *l, size_t i)
{
	return atomic_load(&l->page->slot[i].share);
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
