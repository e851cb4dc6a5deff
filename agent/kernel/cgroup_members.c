/* SPDX-License-Identifier: Apache-2.0 */
/* Group by group.  A thread's group (v2, "threaded") does not tell its processes, which is
 * an error here: what cannot be listed cannot be vouched for. */
#include "cgroup_members.h"
#include "cleanup.h"
#include "err.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 32 };

struct walk {
	int (*fn)(void *ctx, pid_t pid);
	void *ctx;
	int depth;
};

static bool
is_gone(int error)
{
	return error == ENOENT || error == ENODEV;
}

static int
each_process(const struct walk *w, int dir, struct err *e)
{
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid, rc = 0;
	_cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (f == NULL)
		return is_gone(errno) ? 0 : err_errno(e, "open a cgroup's list");
	errno = 0;
	while (rc == 0 && fscanf(f, "%d", &pid) == 1)
		rc = w->fn(w->ctx, pid);
	if (rc == 0 && ferror(f) && !is_gone(errno))
		return err_errno(e, "list a cgroup's processes");
	return rc;
}

static bool
is_group(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_name[0] == '.')
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Takes over `fd`. */
static int
take_group(struct walk *w, int fd, struct err *e)
{
	const struct dirent *entry;
	int rc = each_process(w, fd, e);
	DIR *d = rc == 0 && w->depth < DEPTH_MAX ? fdopendir(fd) : NULL;

	if (d == NULL) {
		(void)close(fd); /* only read */
		return rc;
	}
	w->depth++;
	while (rc == 0 && (entry = readdir(d)) != NULL) {
		int below = is_group(fd, entry) ?
				openat(fd, entry->d_name,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
				-1;

		if (below >= 0)
			rc = take_group(w, below, e);
	}
	w->depth--;
	(void)closedir(d); /* only read */
	return rc;
}

int
cgroup_members(int dir, int (*fn)(void *ctx, pid_t pid), void *ctx, struct err *e)
{
	struct walk w = { .fn = fn, .ctx = ctx };
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "open a cgroup") : take_group(&w, fd, e);
}
