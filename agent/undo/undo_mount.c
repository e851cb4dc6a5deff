/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system set going again: thawed, or writable.  It is found by the path of its mount
 * and proven by its device.  In the fault's own holder a descriptor from before the freeze
 * is used: it reaches the file system even when somebody has unmounted it lazily.
 *
 * Nothing here writes to the file system or asks it to: reading a frozen one works, even
 * where that would update an access time.
 */
#include "undo_table.h"

#include "cleanup.h"
#include "log.h"
#include "mount.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { SCOPE_FILESYSTEM = 1 };

static dev_t
device_of(const struct undo *u)
{
	return makedev((unsigned)u->num[0], (unsigned)u->num[1]);
}

/* The root is never frozen nor made read-only: a record that says so is not ours. */
bool
ours_mount(const struct undo *u, const char *fault)
{
	(void)fault;
	return undo_path_is_plain(u->name);
}

/* -ENOENT: the file system is gone from here, and with it what was done to it. */
static int
open_recorded(const struct undo *u, struct err *e)
{
	const dev_t dev = device_of(u);
	int fd = mount_open(u->name, dev, e);

	if (fd != -ENOENT || !mount_is_hidden(dev))
		return fd;
	return err_set(e, -EBUSY,
	    "file system %u:%u is no longer mounted on '%s', yet in use: mount it there again",
	    major(dev), minor(dev), u->name);
}

static void
note_gone(const struct undo *u)
{
	log_notice(
	    "file system %d:%d is no longer mounted on '%s': nothing to undo there",
	    (int)u->num[0], (int)u->num[1], u->name);
}

int
run_thaw(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int opened = -1;
	int fd = (int)u->num[2], rc;
	struct stat st;

	if (!c->is_holder || fstat(fd, &st) < 0 || st.st_dev != device_of(u))
		fd = opened = open_recorded(u, e);
	if (fd == -ENOENT) {
		note_gone(u);
		return 0;
	}
	if (fd < 0)
		return fd;
	rc = mount_thaw(fd);
	return rc == 0 || rc == -EINVAL ?
		   0 :
		   err_set(e, rc, "thaw '%s': %s", u->name, strerror(-rc));
}

/* There is no asking whether a file system is frozen but by writing to it, which would hang
 * if it is, or by freezing it.  What run_thaw was told is what is known; and the fault has a
 * child that waits to write there, which cannot end, and whose cgroup is then not empty, as
 * long as it is frozen. */
int
check_thawed(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int fd = c->is_holder ? -1 : open_recorded(u, e);

	return c->is_holder || fd >= 0 || fd == -ENOENT ? 0 : fd;
}

/* 1 with its root open, 0 when it is gone or writable. */
static int
find_readonly(const struct undo *u, int *ret_root, struct err *e)
{
	_cleanup_close_ int fd = open_recorded(u, e);
	struct mount m;
	int rc;

	if (fd == -ENOENT) {
		note_gone(u);
		return 0;
	}
	rc = fd < 0 ? fd : mount_of(fd, &m, e);
	if (rc < 0)
		return rc;
	if (!(u->num[2] == SCOPE_FILESYSTEM ? m.is_super_ro : m.is_ro))
		return 0;
	*ret_root = steal_fd(&fd);
	return 1;
}

int
run_writable(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int root = -1;
	int rc = find_readonly(u, &root, e);

	(void)c;
	if (rc <= 0)
		return rc;
	rc = mount_set_readonly(root, u->num[2] == SCOPE_FILESYSTEM, false, e);
	return rc < 0 ? err_wrap(e, "'%s'", u->name) : 0;
}

int
check_writable(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int root = -1;
	int rc = find_readonly(u, &root, e);

	(void)c;
	return rc <= 0 ? rc : err_set(e, -EBUSY, "'%s' is still read-only", u->name);
}

void
hand_thaw(const struct undo *u, char *buf, size_t size)
{
	char word[HAND_WORD_MAX];

	(void)snprintf(buf, size, "fsfreeze -u %s", hand_word(u->name, word));
}

void
hand_writable(const struct undo *u, char *buf, size_t size)
{
	char word[HAND_WORD_MAX];

	(void)snprintf(buf, size, "mount -o remount,%srw %s",
	    u->num[2] == SCOPE_FILESYSTEM ? "" : "bind,", hand_word(u->name, word));
}
