/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces by inode: a record names the one its fault lives in, and whoever
 * undoes it must go there first.  Looked for where it is held: our own, the named ones of
 * iproute2, then every process.  Held only by a bind mount elsewhere it is not found.
 */
#include "ns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
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
		return err_set(
		    e, -ENOENT, "network namespace %" PRIu64 " is gone", inode);
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_errno(e, "enter network namespace %" PRIu64, inode);
	return 0;
}
