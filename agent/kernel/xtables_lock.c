/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the xtables lock, by /proc/locks: asked only when it was waited for in vain. */
#include "xtables_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"

const char *
xtables_lock_path(void)
{
	const char *path = getenv("XTABLES_LOCKFILE");

	return path != NULL && path[0] != '\0' ? path : "/run/xtables.lock";
}

/* "1: FLOCK  ADVISORY  WRITE 1669 fe:00:10953320 0 EOF": 0 when nobody is named. */
static pid_t
find_holder(const struct stat *st)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/locks", "re");
	char line[160], kind[16];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		unsigned hi, lo;
		unsigned long inode;
		int pid;

		/* one that waits has "->" in front of its kind, and no such form */
		if (sscanf(line, "%*d: %15s %*s %*s %d %x:%x:%lu", kind, &pid, &hi, &lo,
			&inode) == 5 &&
		    strcmp(kind, "FLOCK") == 0 && inode == st->st_ino &&
		    makedev(hi, lo) == st->st_dev)
			return pid;
	}
	return 0;
}

const char *
xtables_lock_holder(char *buf, size_t size)
{
	struct stat st;
	struct proc p;
	pid_t pid = stat(xtables_lock_path(), &st) == 0 ? find_holder(&st) : 0;

	if (pid > 0 && proc_read(pid, &p) == 0)
		(void)snprintf(buf, size, "'%s' (process %d)", p.comm, pid);
	else
		(void)snprintf(buf, size, "another program");
	return buf;
}

/* Before 1.8.7 the first words, since then the second ones. */
bool
xtables_lock_is_why(const char *complaint)
{
	return strstr(complaint, "xtables lock") != NULL ||
	       strstr(complaint, "Can't lock") != NULL;
}
