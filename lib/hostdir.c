/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding and leaving the host-dir.  Between opening a directory and locking it the last
 * user may have removed it: then the path names another inode, or none, and we start over.
 */
#include "hostdir.h"
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 10 };

static bool
is_still(const char *path, int fd)
{
	struct stat there, ours;

	return stat(path, &there) == 0 && fstat(fd, &ours) == 0 &&
	       there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

int
hostdir_hold(const char *path, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		_cleanup_close_ int fd = -1;

		if (make_dirs(path, 0755, e) != 0)
			return e->code;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			return err_errno(e, "open '%s'", path);
		if (fd >= 0 && flock(fd, LOCK_SH) == 0 && is_still(path, fd))
			return steal_fd(&fd);
	}
	return err_set(e, -EAGAIN, "'%s' is taken away again and again", path);
}

void
hostdir_leave(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	(void)unlinkat(fd, SHARED_DIR, AT_REMOVEDIR); /* not empty: in use, stays */
	(void)unlinkat(fd, LOCKS_DIR, AT_REMOVEDIR);
	(void)rmdir(path);
}

void
statedir_leave(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const size_t len = strlen(STATE_DIR_DEFAULT);

	/* without one it was not we who made it */
	if (fd < 0 || unlinkat(fd, UNDO_DIR, AT_REMOVEDIR) < 0 || rmdir(path) < 0)
		return;
	if (strncmp(path, STATE_DIR_DEFAULT "/", len + 1) == 0 &&
	    strchr(path + len + 1, '/') == NULL)
		(void)rmdir(STATE_DIR_DEFAULT);
}
