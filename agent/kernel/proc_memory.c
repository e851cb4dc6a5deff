/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine could still give: memory, as the kernel guesses, and open files; and how
 * it fares with what it has.
 */
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "proc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VMSTAT_MAX 32768

static uint64_t
meminfo(const char *key, uint64_t absent)
{
	char text[4096];
	uint64_t kib = 0;
	const char *line;

	if (read_file_at(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) < 0)
		return absent;
	line = strstr(text, key);
	if (line == NULL || sscanf(line + strlen(key), "%" SCNu64, &kib) != 1)
		return absent;
	return kib * 1024;
}

uint64_t
proc_memory_available(void)
{
	return meminfo("MemAvailable:", UINT64_MAX);
}

uint64_t
proc_memory_total(void)
{
	return meminfo("MemTotal:", 0);
}

uint64_t
proc_memory_own(pid_t pid)
{
	uint64_t resident, shared;
	char file[32], text[128];

	(void)snprintf(file, sizeof(file), "/proc/%d/statm", pid);
	if (read_file_at(AT_FDCWD, file, text, sizeof(text)) < 0 ||
	    sscanf(text, "%*u %" SCNu64 " %" SCNu64, &resident, &shared) != 2 ||
	    resident < shared)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t
proc_oom_kills(void)
{
	_cleanup_free_ char *text = calloc(1, VMSTAT_MAX);
	const char *line;
	uint64_t count = 0;

	if (text == NULL || read_file_at(AT_FDCWD, "/proc/vmstat", text, VMSTAT_MAX) < 0)
		return 0;
	line = strstr(text, "\noom_kill ");
	if (line == NULL || sscanf(line, " oom_kill %" SCNu64, &count) != 1)
		return 0;
	return count;
}

/* "some avg10=1.53 avg60=…": two digits after the point, always. */
int
proc_pressure_parse(const char *text, uint32_t *ret)
{
	unsigned whole, hundredths;

	if (sscanf(text, "some avg10=%3u.%2u ", &whole, &hundredths) != 2 ||
	    hundredths > 99)
		return -EINVAL;
	*ret = whole * 1000 + hundredths * 10;
	return 0;
}

int
proc_memory_pressure(uint32_t *ret, struct err *e)
{
	char text[256];

	if (read_file_at(AT_FDCWD, "/proc/pressure/memory", text, sizeof(text)) <= 0 ||
	    proc_pressure_parse(text, ret) < 0)
		return err_unsupported(e,
		    "the kernel does not tell the pressure on memory "
		    "(/proc/pressure/memory): it has no pressure stall information "
		    "(CONFIG_PSI), or it is off (boot with psi=1)");
	return 0;
}

uint64_t
proc_files_available(void)
{
	char text[128];
	unsigned long long used, most;

	if (read_file_at(AT_FDCWD, "/proc/sys/fs/file-nr", text, sizeof(text)) < 0 ||
	    sscanf(text, "%llu %*u %llu", &used, &most) != 2)
		return UINT64_MAX;
	return used < most ? most - used : 0;
}
