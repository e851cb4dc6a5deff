/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups of the v2 tree by descriptors, so that it does not matter where or whether it is
 * mounted.  Sets no limits and freezes nothing.  Where cgroup.kill is missing (before
 * Linux 5.14) the members are killed one by one until none is left.
 */
#include "cgroup.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "fdio.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define KILL_ROUNDS    50
#define REMOVE_WAIT    (200 * USEC_PER_MSEC)
#define REMOVE_BETWEEN (1 * USEC_PER_MSEC)

static bool
is_usable(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC &&
	       faccessat(fd, ".", W_OK, AT_EACCESS) ==
		   0; /* read-only in most containers */
}

/* By number: glibc has the names only since 2.36. */
static int
mount_detached(void)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int
cgroup_root(struct err *e)
{
	static const char *const places[] = { "/sys/fs/cgroup",
		"/sys/fs/cgroup/unified" };
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && is_usable(fd))
			return fd;
		if (fd >= 0)
			(void)close(fd); /* an O_PATH descriptor */
	}
	fd = mount_detached();
	if (fd >= 0 && is_usable(fd))
		return fd;
	if (fd >= 0)
		(void)close(fd); /* as above */
	return err_unsupported(e,
	    "no writable cgroup v2 tree at /sys/fs/cgroup or /sys/fs/cgroup/unified, and "
	    "it cannot be mounted");
}

static int
open_group(int root, const char *name)
{
	int fd = openat(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int
write_file(int dir, const char *file, const char *text)
{
	_cleanup_close_ int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

int
cgroup_create(int root, const char *name, int *ret_dir, struct err *e)
{
	int dir;

	if (mkdirat(root, name, 0755) < 0)
		return err_errno(e, "create cgroup '%s'", name);
	dir = open_group(root, name);
	if (dir < 0) {
		(void)unlinkat(root, name, AT_REMOVEDIR); /* the open's failure tells */
		return err_set(e, dir, "open cgroup '%s': %s", name, strerror(-dir));
	}
	*ret_dir = dir;
	return 0;
}

int
cgroup_join(int dir, pid_t pid, struct err *e)
{
	char text[16];
	int rc;

	(void)snprintf(text, sizeof(text), "%d", pid);
	rc = write_file(dir, "cgroup.procs", text);
	if (rc < 0)
		return err_set(
		    e, rc, "move process %d into a cgroup: %s", pid, strerror(-rc));
	return 0;
}

static FILE *
open_members(int dir)
{
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (f == NULL && fd >= 0)
		(void)close(fd); /* only read */
	return f;
}

/* One round: SIGKILL to each member; how many there were. */
static int
kill_members(int dir)
{
	_cleanup_fclose_ FILE *f = open_members(dir);
	int pid, count = 0;

	if (f == NULL)
		return -errno;
	/* 0 stands for a process of a pid namespace we cannot see */
	for (; fscanf(f, "%d", &pid) == 1; count++) {
		if (pid > 0)
			(void)kill(pid, SIGKILL); /* gone meanwhile is fine */
	}
	return count;
}

static int
kill_by_rounds(int dir)
{
	for (int i = 0; i < KILL_ROUNDS; i++) {
		int count = kill_members(dir);

		if (count <= 0)
			return count;
		sleep_usec(USEC_PER_MSEC);
	}
	return -EBUSY;
}

int
cgroup_kill(int root, const char *name, struct err *e)
{
	_cleanup_close_ int dir = open_group(root, name);
	int rc = dir;

	if (dir >= 0)
		rc = write_file(dir, "cgroup.kill", "1");
	if (dir >= 0 && rc == -ENOENT)
		rc = kill_by_rounds(dir);
	if (rc < 0)
		return err_set(e, rc, "kill cgroup '%s': %s", name, strerror(-rc));
	return 0;
}

int
cgroup_remove(int root, const char *name, struct err *e)
{
	const usec_t until = clock_boottime() + REMOVE_WAIT;

	for (;;) {
		if (unlinkat(root, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || clock_boottime() >= until)
			return err_errno(e, "remove cgroup '%s'", name);
		sleep_usec(REMOVE_BETWEEN);
	}
}

/* A process is no longer listed once its end has begun; it has given back its memory and
 * closed its files when it is not counted here any more.  Only v2 has this. */
static bool
is_populated(int dir)
{
	char text[256];

	return read_file_at(dir, "cgroup.events", text, sizeof(text)) > 0 &&
	       strstr(text, "populated 1") != NULL;
}

int
cgroup_count(int root, const char *name)
{
	_cleanup_close_ int dir = open_group(root, name);
	_cleanup_fclose_ FILE *f = NULL;
	int pid, count = 0;

	if (dir < 0)
		return dir;
	f = open_members(dir);
	if (f == NULL)
		return -errno;
	while (fscanf(f, "%d", &pid) == 1)
		count++;
	return count == 0 && is_populated(dir) ? 1 : count;
}

int
cgroup_find(int root, const char *path, uint64_t *ret_id, struct err *e)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	_cleanup_close_ int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return err_set(e, -ENOENT, "no cgroup '/%s' in the v2 tree", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "look for cgroup '%s'", path);
	*ret_id = st.st_ino;
	return 0;
}
