/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of ours, which a reboot leaves where it is.  Its name carries the fault's id, and
 * what the record says of its directory is there for the other answer: "it is gone" is
 * believed only of the file system that the record means, or a disk that is not mounted yet
 * would make us forget a file that comes back with it.
 */
#include "undo_table.h"

#include "cleanup.h"
#include "disk.h"
#include "fdio.h"
#include "ident.h"
#include "log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX DISK_NAME_PREFIX

bool
undo_path_is_plain(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const char *c = path; *c == '/';) {
		size_t len = strcspn(++c, "/");

		if (len == 0 || (len <= 2 && strncmp(c, "..", len) == 0))
			return false;
		c += len;
	}
	for (; *path != '\0'; path++) {
		if ((unsigned char)*path < ' ' || *path == 0x7f)
			return false;
	}
	return true;
}

bool
ours_file(const struct undo *u, const char *fault)
{
	const char *name;

	if (!undo_path_is_plain(u->name))
		return false;
	name = strrchr(u->name, '/') + 1;
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return false;
	name += strlen(PREFIX);
	return is_fault_id(name) && (fault == NULL || strcmp(name, fault) == 0);
}

/* Cut the last component off. */
static void
go_up(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path] = '\0';
}

static bool
is_recorded(const struct undo *u, const struct disk_place *p)
{
	return p->inode == u->num[0] && p->fsid == u->num[1];
}

/* Of what is there instead of the directory: is it its file system, which then lacks it? */
static bool
has_gone_with_directory(const struct undo *u, char *path)
{
	struct disk_place p;
	struct err why = { 0 };

	while (strcmp(path, "/") != 0) {
		_cleanup_close_ int dir = -1;

		go_up(path);
		dir = disk_open_dir(path, &why);
		if (dir >= 0)
			return disk_place(dir, &p, &why) == 0 && p.fsid == u->num[1];
		if (why.code != -ENOENT)
			return false;
	}
	return false;
}

/* Its directory, open; 0 without one when the file is gone with it. */
static int
open_parent(const struct undo *u, int *ret, struct err *e)
{
	char path[sizeof(u->name)];

	*ret = -1;
	(void)snprintf(path, sizeof(path), "%s", u->name);
	go_up(path);
	*ret = disk_open_dir(path, e);
	if (*ret >= 0)
		return 0;
	if (e->code == -ENOENT && has_gone_with_directory(u, path))
		return 0;
	return err_wrap(e, "'%s' may still be there", u->name);
}

/* 1: it is there, in ret_dir; 0: it is not. */
static int
find_file(const struct undo *u, int *ret_dir, struct err *e)
{
	_cleanup_close_ int dir = -1;
	struct disk_place p;
	struct stat st;

	if (open_parent(u, &dir, e) < 0)
		return e->code;
	if (dir < 0)
		return 0;
	if (fstatat(dir, strrchr(u->name, '/') + 1, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISREG(st.st_mode)) {
			log_notice("'%s' is not a file of ours: left alone", u->name);
			return 0;
		}
		*ret_dir = steal_fd(&dir);
		return 1;
	}
	if (errno != ENOENT)
		return err_errno(e, "look at '%s'", u->name);
	if (disk_place(dir, &p, e) < 0)
		return e->code;
	if (!is_recorded(u, &p))
		return err_set(e, -EBUSY,
		    "'%s' may still be there: its directory is not the one of the record "
		    "(is its file system mounted?)",
		    u->name);
	return 0;
}

int
run_unlink_file(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int dir = -1;
	int rc = find_file(u, &dir, e);

	(void)c;
	if (rc <= 0)
		return rc;
	if (unlinkat(dir, strrchr(u->name, '/') + 1, 0) < 0 && errno != ENOENT)
		return err_errno(e, "unlink '%s'", u->name);
	return 0;
}

/* The record goes next, and may be on another disk: a power cut must not bring the file back
 * without it.  Not in run, which must not wait for a disk. */
static int
sync_parent(const struct undo *u, struct err *e)
{
	_cleanup_close_ int parent = -1, dir = -1;

	if (open_parent(u, &parent, e) < 0)
		return e->code;
	if (parent < 0)
		return 0;
	dir = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || sync_dir(dir) < 0)
		return err_errno(e, "sync the directory of '%s'", u->name);
	return 0;
}

int
check_unlink_file(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int dir = -1;
	int rc = find_file(u, &dir, e);

	(void)c;
	if (rc > 0)
		return err_set(e, -EBUSY, "file '%s' still exists", u->name);
	return rc < 0 ? rc : sync_parent(u, e);
}
