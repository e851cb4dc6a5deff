/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a controller's files are.  The mount table is not asked: it shows what this mount
 * namespace has, and the same trees can be mounted anew without anybody seeing it.
 */
#include "cgroup_place.h"
#include "cgroup.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP_TEXT_MAX 16384

static const char *
v1_name(const char *controller)
{
	return strcmp(controller, "io") == 0 ? "blkio" : controller;
}

static bool
is_v1(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC;
}

/* A tree that is mounted with two controllers ("cpu,cpuacct") has links for each. */
static int
open_v1(const char *controller)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", controller);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && is_v1(fd))
		return fd;
	if (fd >= 0)
		(void)close(fd); /* an O_PATH descriptor */
	return -1;
}

static int
mount_v1(const char *controller)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "cgroup", FSOPEN_CLOEXEC);

	if (fs < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, controller, NULL, 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int
cgroup_tree(const char *tree, struct err *e)
{
	int fd;

	if (tree[0] == '\0')
		return cgroup_root(e);
	fd = open_v1(tree);
	if (fd < 0)
		fd = mount_v1(tree);
	if (fd >= 0 && is_v1(fd))
		return fd;
	if (fd >= 0)
		(void)close(fd); /* as above */
	return err_unsupported(
	    e, "no cgroup tree here has the controller '%s': neither v2 nor v1", tree);
}

/* Does the v2 tree have it?  Its root lists those that no v1 tree has taken. */
static bool
is_in_v2(int root, const char *controller)
{
	char list[256], *save = NULL;

	if (strcmp(controller, "freezer") == 0)
		return true; /* part of every group */
	if (read_file_at(root, "cgroup.controllers", list, sizeof(list)) < 0)
		return false;
	list[strcspn(list, "\n")] = '\0';
	for (char *c = strtok_r(list, " ", &save); c != NULL;
	     c = strtok_r(NULL, " ", &save)) {
		if (strcmp(c, controller) == 0)
			return true;
	}
	return false;
}

/* Which tree: its root, with version and tree filled in. */
static int
choose_tree(const char *controller, struct cgroup_place *ret, struct err *e)
{
	struct err why = { 0 };
	int root = cgroup_tree("", &why);

	*ret = (struct cgroup_place){ .version = 2, .dir = -1 };
	(void)snprintf(ret->controller, sizeof(ret->controller), "%s", controller);
	if (root >= 0 && is_in_v2(root, controller))
		return root;
	if (root >= 0)
		(void)close(root); /* an O_PATH descriptor */
	ret->version = 1;
	(void)snprintf(ret->tree, sizeof(ret->tree), "%s", v1_name(controller));
	return cgroup_tree(ret->tree, e);
}

static int
open_place(int root, const char *path, struct cgroup_place *ret, struct err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	struct stat st;

	path += strspn(path, "/");
	if (strlen(path) >= sizeof(ret->path))
		return err_set(e, -ENAMETOOLONG, "cgroup '/%.60s…' is too long", path);
	(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
	ret->dir = (int)syscall(
	    SYS_openat2, root, path[0] == '\0' ? "." : path, &how, sizeof(how));
	if (ret->dir < 0 && errno == ENOENT)
		return err_set(e, -ENOENT, "no cgroup '/%s' in the %s tree", path,
		    ret->version == 2 ? "v2" : ret->tree);
	if (ret->dir < 0 || fstat(ret->dir, &st) < 0)
		return err_errno(e, "open cgroup '/%s'", path);
	ret->inode = st.st_ino;
	return 0;
}

int
cgroup_place_find(
    const char *controller, const char *path, struct cgroup_place *ret, struct err *e)
{
	_cleanup_close_ int root = choose_tree(controller, ret, e);

	return root < 0 ? root : open_place(root, path, ret, e);
}

int
cgroup_place_in(
    const char *tree, const char *path, struct cgroup_place *ret, struct err *e)
{
	_cleanup_close_ int root = cgroup_tree(tree, e);

	*ret = (struct cgroup_place){ .version = tree[0] == '\0' ? 2 : 1, .dir = -1 };
	(void)snprintf(ret->tree, sizeof(ret->tree), "%s", tree);
	return root < 0 ? root : open_place(root, path, ret, e);
}

/* "4:memory:/x" of a v1 tree, "0::/x" of v2: the path, or NULL. */
static char *
line_of_tree(char *text, const char *tree)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':');
		char *path = list == NULL ? NULL : strchr(list + 1, ':');
		char *rest = NULL;

		if (path == NULL)
			continue;
		*path++ = '\0';
		if (tree[0] == '\0' && list[1] == '\0')
			return path;
		for (char *c = strtok_r(list + 1, ",", &rest); c != NULL;
		     c = strtok_r(NULL, ",", &rest)) {
			if (tree[0] != '\0' && strcmp(c, tree) == 0)
				return path;
		}
	}
	return NULL;
}

int
cgroup_place_of(
    const char *controller, pid_t pid, struct cgroup_place *ret, struct err *e)
{
	_cleanup_close_ int root = choose_tree(controller, ret, e);
	char file[48], text[CGROUP_TEXT_MAX];
	char *path;

	if (root < 0)
		return root;
	(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	if (read_file_at(AT_FDCWD, file, text, sizeof(text)) < 0)
		return err_set(e, -ESRCH, "process %d has ended", pid);
	path = line_of_tree(text, ret->tree);
	if (path == NULL)
		return err_set(
		    e, -ENOENT, "process %d is in no cgroup of '%s'", pid, controller);
	return open_place(root, path, ret, e);
}

void
cgroup_place_close(struct cgroup_place *p)
{
	cleanup_close(&p->dir);
	p->dir = -1;
}

int
cgroup_place_read(const struct cgroup_place *p, const char *file, char *buf, size_t size)
{
	ssize_t len = read_file_at(p->dir, file, buf, size);

	if (len <= 0)
		return (int)len;
	if (buf[len - 1] == '\n')
		buf[--len] = '\0';
	return (int)len;
}

int
cgroup_place_write(
    const struct cgroup_place *p, const char *file, const char *text, struct err *e)
{
	_cleanup_close_ int fd = openat(p->dir, file, O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : write_all(fd, text, strlen(text));

	if (rc < 0)
		return err_set(e, rc, "write '%s' to %s of cgroup '/%s': %s", text, file,
		    p->path, strerror(-rc));
	return 0;
}
