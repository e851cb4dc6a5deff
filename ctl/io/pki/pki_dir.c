/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system under a CA's directory.  Everything goes through descriptors, and a file
 * is created with the mode that it keeps: between a umask and a chmod somebody can look.
 */
#include "pki_dir.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "parse.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static void
cleanup_closedir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

int
pki_dir_open(int parent, const char *name, struct err *e)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? err_errno(e, "open directory '%s'", name) : fd;
}

int
pki_dir_make(int parent, const char *name, struct err *e)
{
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "make directory '%s'", name);
	if (fsync(parent) < 0)
		return err_errno(e, "write the directory of '%s'", name);
	return pki_dir_open(parent, name, e);
}

static int
write_tmp(int dir, const char *tmp, const char *text)
{
	_cleanup_close_ int fd =
	    openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, strlen(text));
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	return rc;
}

int
pki_file_put(int dir, const char *name, const char *text, struct err *e)
{
	_cleanup_free_ char *tmp = xasprintf(".%s.tmp", name);
	int rc;

	(void)unlinkat(dir, tmp, 0); /* what a writer that was killed left */
	rc = write_tmp(dir, tmp, text);
	if (rc == 0 && (renameat(dir, tmp, dir, name) < 0 || fsync(dir) < 0))
		rc = -errno;
	if (rc < 0) {
		(void)unlinkat(dir, tmp, 0);
		errno = -rc;
		return err_errno(e, "write '%s'", name);
	}
	return 0;
}

int
pki_file_get(int dir, const char *name, size_t max, char **ret, struct err *e)
{
	_cleanup_free_ char *text = xcalloc(1, max + 1);
	ssize_t len = read_file_at(dir, name, text, max + 1);

	if (len == -EFBIG)
		return err_set(e, -EFBIG, "read '%s': larger than %zu bytes", name, max);
	if (len < 0) {
		errno = (int)-len;
		return err_errno(e, "read '%s'", name);
	}
	*ret = steal_ptr(&text);
	return 0;
}

static DIR *
open_list(int dir)
{
	/* Of its own, so that the position is its own. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL && fd >= 0)
		(void)close(fd);
	return d;
}

int
pki_dir_remove(int parent, const char *name, struct err *e)
{
	_cleanup_(cleanup_closedir) DIR *d = NULL;
	_cleanup_close_ int dir =
	    openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0 || (d = open_list(dir)) == NULL)
		return err_errno(e, "remove '%s'", name);
	for (const struct dirent *f; (f = readdir(d)) != NULL;) {
		if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0 &&
		    unlinkat(dir, f->d_name, 0) < 0)
			return err_errno(e, "remove '%s/%s'", name, f->d_name);
	}
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		return err_errno(e, "remove '%s'", name);
	return 0;
}

static bool
is_directory(int parent, const char *name)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

int
pki_dir_each(int dir, int (*each)(void *ctx, int parent, const char *name, struct err *e),
    void *ctx, struct err *e)
{
	_cleanup_(cleanup_closedir) DIR *d = open_list(dir);
	int count = 0, rc;

	if (d == NULL)
		return err_errno(e, "list a directory");
	for (const struct dirent *f; (f = readdir(d)) != NULL;) {
		if (parse_name(f->d_name, NULL) < 0 || !is_directory(dir, f->d_name))
			continue;
		rc = each(ctx, dir, f->d_name, e);
		if (rc < 0)
			return rc;
		count++;
	}
	return count;
}
