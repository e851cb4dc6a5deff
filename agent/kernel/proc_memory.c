/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine could still give: memory, as the kernel guesses, and open files. */
#include "fdio.h"
#include "proc.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

uint64_t
proc_memory_available(void)
{
	char text[4096];
	unsigned long long kib = 0;
	const char *line;

	if (read_file_at(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) < 0)
		return UINT64_MAX;
	line = strstr(text, "MemAvailable:");
	if (line == NULL || sscanf(line, "MemAvailable: %llu", &kib) != 1)
		return UINT64_MAX;
	return kib * 1024;
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
