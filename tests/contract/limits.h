/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMITS_H
#define LIMITS_H
/*
 * What there may be of: a cgroup of our own with a limit of processes, in whichever tree has
 * the controller, and the descriptors that processes of a name may have.
 */
#include "fdio.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct limits_group {
	char path[64];      /* below the tree's root, with its '/' */
	char directory[96]; /* "": no controller here */
} limits_group;

static inline void
limits_group_make(const char *name)
{
	const char *root = "/sys/fs/cgroup/pids";
	char list[256] = "";

	(void)snprintf(limits_group.path, sizeof(limits_group.path), "/%s", name);
	if (access("/sys/fs/cgroup/pids/cgroup.procs", F_OK) < 0) {
		int fd =
		    open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

		root = "/sys/fs/cgroup";
		if (fd >= 0) {
			(void)!write(fd, "+pids", 5);
			(void)close(fd);
		}
		(void)read_file_at(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control",
		    list, sizeof(list));
		if (strstr(list, "pids") == NULL)
			return;
	}
	(void)snprintf(limits_group.directory, sizeof(limits_group.directory), "%s%s",
	    root, limits_group.path);
	if (mkdir(limits_group.directory, 0755) < 0)
		limits_group.directory[0] = '\0';
}

static inline void
limits_group_end(void)
{
	if (limits_group.directory[0] != '\0')
		(void)rmdir(limits_group.directory);
}

/* Can one in the group start another? */
static inline const char *
limits_forking(void)
{
	char procs[128];
	int status;
	pid_t pid;

	if (limits_group.directory[0] == '\0')
		return "not limited here";
	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", limits_group.directory);
	pid = fork();
	if (pid == 0) {
		int fd = open(procs, O_WRONLY | O_CLOEXEC);
		pid_t child;

		if (write(fd, "0", 1) != 1)
			_exit(2);
		child = fork();
		if (child == 0)
			_exit(0);
		_exit(child < 0 && errno == EAGAIN     ? 1 :
		      waitpid(child, NULL, 0) == child ? 0 :
							 2);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return "broken";
	return WEXITSTATUS(status) == 0 ? "works" :
	       WEXITSTATUS(status) == 1 ? "fails" :
					  "broken";
}

/* The least that a process of this name may have of descriptors. */
static inline unsigned long
limits_descriptors(const char *called)
{
	unsigned long least = 0;
	DIR *d = opendir("/proc");
	const struct dirent *entry;

	while ((entry = readdir(d)) != NULL) {
		char path[300], comm[32] = "";
		struct rlimit l;

		(void)snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_file_at(AT_FDCWD, path, comm, sizeof(comm)) < 0)
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		if (strcmp(comm, called) == 0 &&
		    prlimit((pid_t)strtoul(entry->d_name, NULL, 10), RLIMIT_NOFILE, NULL,
			&l) == 0 &&
		    (least == 0 || l.rlim_cur < least))
			least = l.rlim_cur;
	}
	(void)closedir(d);
	return least;
}

#endif
