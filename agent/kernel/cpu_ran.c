/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two files of two kernels.  Not used though they would do: /proc/timer_list, whose every
 * reading takes locks once for each timer of the host, and the residencies of cpuidle,
 * which virtual machines mostly lack and which are behind by the sleep that lasts.
 */
#include "cpu_ran.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "err.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCHEDSTAT "/proc/schedstat"
#define PERCPU    "cpuacct.usage_percpu"

/* Only the real root counts everybody, and only there is this file; a container may see
 * its own group in that place. */
static int
open_cpuacct(void)
{
	struct err why = { 0 };
	_cleanup_close_ int tree = cgroup_tree("cpuacct", &why);

	if (tree < 0 || faccessat(tree, "release_agent", F_OK, 0) < 0 ||
	    faccessat(tree, PERCPU, R_OK, AT_EACCESS) < 0)
		return -1;
	return steal_fd(&tree);
}

void
cpu_ran_open(struct cpu_ran *c)
{
	*c = (struct cpu_ran){ .source = CPU_RAN_SCHEDSTAT, .tree = -1 };
	if (faccessat(AT_FDCWD, SCHEDSTAT, R_OK, AT_EACCESS) == 0)
		return;
	c->tree = open_cpuacct();
	c->source = c->tree >= 0 ? CPU_RAN_CPUACCT : CPU_RAN_NONE;
}

const char *
cpu_ran_name(enum cpu_ran_source s)
{
	static const char *const names[] = { "", SCHEDSTAT, PERCPU };

	return names[s];
}

/* "cpu0 0 0 0 0 0 0 RAN WAITED TURNS", with lines of scheduling domains between. */
static void
read_schedstat(FILE *f, uint64_t *ret, size_t max)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	unsigned cpu;
	uint64_t ran;

	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "cpu%u %*u %*u %*u %*u %*u %*u %" SCNu64, &cpu, &ran) ==
			2 &&
		    cpu < max)
			ret[cpu] = ran;
	}
}

/* One number for each possible CPU. */
static void
read_percpu(FILE *f, uint64_t *ret, size_t max)
{
	uint64_t ran;

	for (size_t i = 0; i < max && fscanf(f, "%" SCNu64, &ran) == 1; i++)
		ret[i] = ran;
}

int
cpu_ran_read(const struct cpu_ran *c, uint64_t *ret, size_t max, struct err *e)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_close_ int fd = -1;

	for (size_t i = 0; i < max; i++)
		ret[i] = CPU_RAN_UNKNOWN;
	if (c->source == CPU_RAN_NONE)
		return 0;
	fd = c->source == CPU_RAN_SCHEDSTAT ?
		 open(SCHEDSTAT, O_RDONLY | O_CLOEXEC) :
		 openat(c->tree, PERCPU, O_RDONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (f == NULL)
		return err_errno(e, "open %s", cpu_ran_name(c->source));
	(void)steal_fd(&fd); /* the stream's now */
	if (c->source == CPU_RAN_SCHEDSTAT)
		read_schedstat(f, ret, max);
	else
		read_percpu(f, ret, max);
	return 0;
}
