/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle time per CPU from /proc/stat.  One reading gives all CPUs, because the file costs
 * the kernel the same however little of it is wanted.
 */
#include "cleanup.h"
#include "err.h"
#include "proc.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
proc_cpu_idle(uint64_t *ret, size_t max, struct err *e)
{
	const uint64_t usec_per_tick = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	_cleanup_fclose_ FILE *f = fopen("/proc/stat", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	unsigned cpu;
	unsigned long long idle, iowait;

	if (f == NULL)
		return err_errno(e, "open '/proc/stat'");
	for (size_t i = 0; i < max; i++)
		ret[i] = PROC_CPU_OFFLINE;
	while (getline(&line, &size, f) > 0) {
		if (line[0] != 'c')
			break; /* "intr": the CPUs come first, and offline ones not at all */
		if (sscanf(line, "cpu%u %*u %*u %*u %llu %llu", &cpu, &idle, &iowait) !=
		    3)
			continue; /* "cpu ", the sum */
		if (cpu < max)
			ret[cpu] = (idle + iowait) * usec_per_tick;
	}
	return 0;
}
