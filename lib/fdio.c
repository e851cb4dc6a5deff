/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole reads and writes.  make_dirs walks with descriptors and looks at each component's
 * owner, because a directory that somebody else can rename under us would let them choose
 * where root writes.
 */
#include "fdio.h"
#include "cleanup.h"
#include "err.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t
read_file_at(int dirfd, const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			buf[used] = '\0';
			return (ssize_t)used;
		}
		used += (size_t)n;
	}
	return -EFBIG;
}

int
sync_dir(int dirfd)
{
	return fsync(dirfd) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
}

/* What is not known to be on disk must not be taken for it. */
static int
publish(int dirfd, int fd, const char *tmp, const char *name, bool durably)
{
	int rc;

	if (durably && fsync(fd) < 0)
		return -errno;
	if (renameat(dirfd, tmp, dirfd, name) < 0)
		return -errno;
	rc = durably ? sync_dir(dirfd) : 0;
	if (rc < 0)
		(void)unlinkat(dirfd, name, 0); /* best effort: the error is told */
	return rc;
}

static int
replace_file(int dirfd, const char *name, const char *text, size_t len, bool durably,
    struct err *e)
{
	_cleanup_close_ int fd = -1;
	char tmp[NAME_MAX + 1];
	int rc;

	if (strchr(name, '/') != NULL || strlen(name) + 6 > sizeof(tmp))
		return err_set(e, -EINVAL, "'%s' is not the name of a file", name);
	(void)snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	(void)unlinkat(dirfd, tmp, 0); /* what a writer that was killed left */
	fd = openat(
	    dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(e, "create '%s'", tmp);
	rc = write_all(fd, text, len);
	if (rc == 0)
		rc = publish(dirfd, fd, tmp, name, durably);
	if (rc < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		errno = -rc;
		return err_errno(e, "write '%s'", name);
	}
	return 0;
}

int
replace_file_at(int dirfd, const char *name, const char *text, size_t len, struct err *e)
{
	return replace_file(dirfd, name, text, len, false, e);
}

int
replace_file_durably_at(
    int dirfd, const char *name, const char *text, size_t len, struct err *e)
{
	return replace_file(dirfd, name, text, len, true, e);
}

static int
check_owner(const struct stat *st, const char *path, const char *what, struct err *e)
{
	if (st->st_uid == 0 || st->st_uid == geteuid() ||
	    (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
		return 0;
	return err_refused(e,
	    "%s '%s' belongs to uid %u: only root's and our own are safe", what, path,
	    (unsigned)st->st_uid);
}

/* Enter (after making it if need be) one component; `path` is all of it so far. */
static int
enter_dir(int parent, const char *name, const char *path, mode_t mode, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int made = mkdirat(parent, name, mode) < 0 ? errno : 0;

	if (made != 0 && made != EEXIST && made != EROFS)
		return err_errno(e, "make directory '%s'", path);
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		errno = made == EROFS && errno == ENOENT ? EROFS : errno;
		return err_errno(e, "make directory '%s'", path);
	}
	if (S_ISLNK(st.st_mode) && check_owner(&st, path, "symbolic link", e) < 0)
		return -EPERM;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "open directory '%s'", path);
	if (check_owner(&st, path, "directory", e) < 0)
		return -EPERM;
	return steal_fd(&fd);
}

int
make_dirs(const char *path, mode_t mode, struct err *e)
{
	_cleanup_close_ int dir =
	    open(path[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char copy[PATH_MAX];
	size_t end = 0, start;
	int next;

	if (dir < 0)
		return err_errno(e, "open the directory to start from");
	if (strlen(path) >= sizeof(copy))
		return err_set(e, -ENAMETOOLONG, "directory name too long");
	for (;;) {
		start = end + strspn(path + end, "/");
		if (path[start] == '\0')
			return 0;
		end = start + strcspn(path + start, "/");
		memcpy(copy, path, end);
		copy[end] = '\0';
		next = enter_dir(dir, copy + start, copy, mode, e);
		if (next < 0)
			return next;
		(void)close(dir);
		dir = next;
	}
}
