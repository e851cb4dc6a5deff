/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flock on files that are removed when let go, so that nothing is left behind.  Removing a
 * locked file races with who has just opened it; the answer is to look, after locking,
 * whether the name still leads to what was locked, and to start again if not.
 */
#include "locks.h"
#include "api.h"
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "parse.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static bool
is_still(int dir, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* What an agent that was killed could not remove.  Nobody waits for a lock: one that can be
 * had is nobody's, and whoever opened it meanwhile looks again. */
static void
sweep(int dir)
{
	_cleanup_close_ int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *each;

	if (d == NULL)
		return;
	(void)steal_fd(&again);
	while ((each = readdir(d)) != NULL) {
		_cleanup_close_ int fd =
		    each->d_type != DT_REG ?
			-1 :
			openat(dir, each->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		    is_still(dir, each->d_name, fd))
			(void)unlinkat(dir, each->d_name, 0);
	}
	(void)closedir(d);
}

int
locks_open(int *ret_dir, const char *host_dir, struct err *e)
{
	char path[PATH_LEN_MAX + 8];

	snprintf(path, sizeof(path), "%s/" LOCKS_DIR, host_dir);
	if (make_dirs(path, 0755, e) != 0)
		return e->code;
	*ret_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*ret_dir < 0)
		return err_errno(e, "open '%s'", path);
	sweep(*ret_dir);
	return 0;
}

void
locks_init(struct locks *l, int dir)
{
	*l = (struct locks){ .dir = dir };
}

/* "<until in µs> <text>" as the owner wrote it; a stranger's file says nothing. */
static int
say_owner(int fd, const char *name, struct err *e)
{
	char line[256] = "", left[32], *text;
	/* its name is a hash, which tells nobody anything */
	const char *what = strncmp(name, "same-", 5) == 0 ? "the same fault" : name;
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	usec_t now = clock_boottime();
	struct err none = { 0 };
	uint64_t until = 0;

	line[n > 0 ? n : 0] = '\0';
	text = strchr(line, ' ');
	if (text != NULL) {
		*text++ = '\0';
		(void)parse_u64(line, &until, &none); /* 0: then it is not said */
	}
	if (text == NULL)
		(void)err_refused(e, "%s is in use by another drill", what);
	else if (until <= now)
		(void)err_refused(e, "%s is in use by %s", what, text);
	else
		(void)err_refused(e, "%s is in use by %s for another %s", what, text,
		    format_usec(
			(until - now + USEC_PER_SEC - 1) / USEC_PER_SEC * USEC_PER_SEC,
			left, sizeof(left)));
	e->code = -EBUSY;
	return -EBUSY;
}

static int
lock_file(int dir, const char *name, int *ret_fd, struct err *e)
{
	for (int tries = 0; tries < 100; tries++) {
		_cleanup_close_ int fd =
		    openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

		if (fd < 0)
			return err_errno(e, "open lock '%s'", name);
		if (flock(fd, LOCK_EX | LOCK_NB) != 0)
			return errno == EWOULDBLOCK ? say_owner(fd, name, e) :
						      err_errno(e, "lock '%s'", name);
		if (is_still(dir, name, fd)) {
			*ret_fd = steal_fd(&fd);
			return 0;
		}
	}
	return err_set(e, -EAGAIN, "lock '%s' keeps being removed", name);
}

int
locks_take(
    struct locks *l, const char *name, const struct lock_owner *owner, struct err *e)
{
	_cleanup_close_ int fd = -1;
	char line[256];
	int n;

	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->held[i].name, name) == 0)
			return 0;
	}
	if (lock_file(l->dir, name, &fd, e) != 0)
		return e->code;
	n = snprintf(
	    line, sizeof(line), "%llu %s", (unsigned long long)owner->until, owner->text);
	/* only for the message another drill gets; a full disk must not refuse this one */
	if (n > 0 && ftruncate(fd, 0) == 0)
		(void)write_all(fd, line, (size_t)n);
	l->held = xrealloc(l->held, (l->count + 1) * sizeof(*l->held));
	l->held[l->count] = (struct held){ .fd = steal_fd(&fd) };
	snprintf(l->held[l->count].name, sizeof(l->held[0].name), "%s", name);
	l->count++;
	return 0;
}

void
locks_release(struct locks *l)
{
	for (size_t i = 0; i < l->count; i++) {
		/* while it is still ours; gone already is as good */
		(void)unlinkat(l->dir, l->held[i].name, 0);
		(void)close(l->held[i].fd);
	}
	free(l->held);
	l->held = NULL;
	l->count = 0;
}
