/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder's side of burners.  They are this very program, started again as
 * `--burner`, so that nothing of the holder's memory, locks or descriptors is in them.
 */
#include "load.h"
#include "cgroup.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "leash.h"
#include "load_page.h"
#include "spawn.h"
#include "xalloc.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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
	l->burners = xcalloc(c->count, sizeof(*l->burners));
	for (size_t i = 0; i < c->count; i++)
		l->burners[i].cpu = c->cpu[i];
	return 0;
}

int
load_init(struct load *l, const char *cpus, struct err *e)
{
	int leash[2];
	void *page;

	*l = (struct load){ .page_fd = -1, .leash_in = -1, .leash = -1 };
	if (choose_cpus(l, cpus, e) < 0)
		return e->code;
	l->page_fd = memfd_create("stormdrill-load", MFD_CLOEXEC);
	if (l->page_fd < 0 || ftruncate(l->page_fd, sizeof(struct load_page)) < 0)
		return err_errno(e, "make the burners' shared page");
	page = mmap(NULL, sizeof(struct load_page), PROT_READ | PROT_WRITE, MAP_SHARED,
	    l->page_fd, 0);
	if (page == MAP_FAILED)
		return err_errno(e, "map the burners' shared page");
	l->page = page;
	if (pipe2(leash, O_CLOEXEC) < 0)
		return err_errno(e, "make the burners' leash");
	l->leash_in = leash[0];
	l->leash = leash[1];
	return 0;
}

static int
start_one(struct load *l, size_t i, const char *fault, struct err *e)
{
	struct burner *b = &l->burners[i];
	char cpu[24], slot[24];
	const char *const argv[] = { "stormd-fault", "--burner", cpu, slot, fault, NULL };
	const int fds[] = { l->page_fd, l->leash_in };
	const struct spawn s = {
		.path = "/proc/self/exe",
		.argv = argv,
		.fds = fds,
		.fds_count = ARRAY_LEN(fds),
		.role = SPAWN_BURNER,
	};
	int pidfd, rc;

	(void)snprintf(cpu, sizeof(cpu), "%u", b->cpu);
	(void)snprintf(slot, sizeof(slot), "%zu", i);
	rc = spawn(&s, &b->pid, &pidfd, e);
	if (rc == 0)
		(void)close(
		    pidfd); /* it is our child: its pid is ours until we reap it */
	return rc;
}

static bool
has_ended(struct burner *b)
{
	if (b->pid == 0 || waitpid(b->pid, NULL, WNOHANG) != b->pid)
		return false;
	b->pid = 0;
	return true;
}

static int
wait_ready(struct load *l, size_t i, usec_t until, struct err *e)
{
	_Atomic uint32_t *is_ready = &l->page->slot[i].is_ready;
	const unsigned cpu = l->burners[i].cpu;

	while (atomic_load(is_ready) == 0) {
		if (has_ended(&l->burners[i]))
			return err_set(e, -ECHILD, "the burner of CPU %u could not start",
			    cpu); /* it said why on stderr */
		if (clock_boottime() >= until)
			return err_set(
			    e, -ETIMEDOUT, "the burner of CPU %u does not start", cpu);
		word_wait(is_ready, 0, 20);
	}
	return 0;
}

int
load_start(struct load *l, const char *fault, int cgroup, struct err *e)
{
	const usec_t until = clock_boottime() + READY_WAIT;

	for (size_t i = 0; i < l->count; i++) {
		if (start_one(l, i, fault, e) < 0)
			return e->code;
		if (cgroup >= 0 && cgroup_join(cgroup, l->burners[i].pid, e) < 0)
			return e->code;
	}
	for (size_t i = 0; i < l->count; i++) {
		if (wait_ready(l, i, until, e) < 0)
			return e->code;
	}
	return 0;
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
	for (size_t i = 0; i < l->count; i++) {
		if (has_ended(&l->burners[i]))
			return (int)l->burners[i].cpu;
	}
	return -1;
}

void
load_reap(struct load *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct burner *b = &l->burners[i];

		if (b->pid == 0)
			continue;
		(void)kill(b->pid, SIGKILL); /* our child, so the pid is still its own */
		(void)waitpid(b->pid, NULL, 0); /* how it ended tells nothing new */
		b->pid = 0;
	}
}
