/* SPDX-License-Identifier: Apache-2.0 */
/* What only /proc/PID/status tells; slow to read, so nobody does it for all processes. */
#include "proc.h"
#include <stdio.h>
#include <string.h>

#define STATUS_MAX 4096

/* What stands behind "\nkey:", or NULL. */
static const char *
value_of(int dir, const char *key, char buf[static STATUS_MAX])
{
	const char *at;

	if (proc_file(dir, "status", buf, STATUS_MAX) < 0)
		return NULL;
	at = strstr(buf, key);
	return at != NULL ? at + strlen(key) : NULL;
}

pid_t
proc_tracer(int dir)
{
	char status[STATUS_MAX];
	const char *value = value_of(dir, "\nTracerPid:", status);
	int pid = 0;

	return value != NULL && sscanf(value, "%d", &pid) == 1 ? pid : 0;
}

bool
proc_is_pending(int dir, int signal)
{
	char status[STATUS_MAX];
	const char *value = value_of(dir, "\nShdPnd:", status);
	unsigned long long set = 0;

	return value != NULL && sscanf(value, "%llx", &set) == 1 &&
	       (set >> (signal - 1) & 1) != 0;
}
