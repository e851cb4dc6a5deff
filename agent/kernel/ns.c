/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces by inode: a record names the one its fault lives in, and whoever
 * undoes it must go there first.  Looked for where it is held: our own, the named ones of
 * iproute2, every process, then whatever else is mounted where we see it (container engines
 * keep theirs in directories of their own).
 */
#include "ns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "err.h"

/* A descriptor of the namespace at this path if it is the one asked for, else -1. */
static int
open_if_same(int dir, const char *path, uint64_t inode)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != inode)
		return -1;
	return steal_fd(&fd);
}

/* Every entry of `dir_path`, with `suffix` behind its name. */
static int
search(const char *dir_path, const char *suffix, uint64_t inode)
{
	DIR *dir = opendir(dir_path);
	const struct dirent *d;
	char path[300];
	int fd = -1;

	if (dir == NULL)
		return -1;
	while (fd < 0 && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s%s", d->d_name, suffix);
		fd = open_if_same(dirfd(dir), path, inode);
	}
	(void)closedir(dir); /* only read from */
	return fd;
}

/* "533 22 0:4 net:[4026532281] /run/docker/netns/8a… rw …": the mount point, cut out of
 * the line, when it is this namespace's. */
static const char *
mounted_at(char *line, const char *name)
{
	char *save = NULL, *root = NULL, *field = NULL;

	for (int i = 0; i < 5; i++) {
		root = field;
		field = strtok_r(i == 0 ? line : NULL, " ", &save);
	}
	return root != NULL && strcmp(root, name) == 0 ? field : NULL;
}

static int
search_mounts(uint64_t inode)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char name[40];
	int fd = -1;

	(void)snprintf(name, sizeof(name), "net:[%" PRIu64 "]", inode);
	while (f != NULL && fd < 0 && getline(&line, &size, f) > 0) {
		const char *path = mounted_at(line, name);

		if (path != NULL)
			fd = open_if_same(AT_FDCWD, path, inode);
	}
	return fd;
}

int
ns_enter_net(uint64_t inode, struct err *e)
{
	_cleanup_close_ int own = open_if_same(AT_FDCWD, "/proc/self/ns/net", inode);
	_cleanup_close_ int fd = -1;

	if (own >= 0)
		return 0;
	fd = search("/run/netns", "", inode);
	if (fd < 0)
		fd = search("/proc", "/ns/net", inode);
	if (fd < 0)
		fd = search_mounts(inode);
	if (fd < 0)
		return err_set(
		    e, -ENOENT, "network namespace %" PRIu64 " is gone", inode);
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_errno(e, "enter network namespace %" PRIu64, inode);
	return 0;
}

/* By pidfd: no moment in which the number could come to mean another process. */
int
ns_enter_net_of(int pidfd, struct err *e)
{
	if (setns(pidfd, CLONE_NEWNET) == 0)
		return 0;
	if (errno == ESRCH)
		return err_set(e, -ESRCH, "the process has ended");
	if (errno == EPERM)
		return err_set(e, -EPERM,
		    "the agent may not enter it (it lacks CAP_SYS_ADMIN there, or a "
		    "security module forbids it)");
	return err_errno(e, "enter its network namespace");
}

uint64_t
ns_net_of(pid_t pid)
{
	struct stat st;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}
