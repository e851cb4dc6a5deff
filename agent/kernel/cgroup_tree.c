/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids of a cgroup and all below it: a socket names the group that it was made in, which
 * may be any of them.  Groups that come and go meanwhile are passed over.
 */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"

enum { DEPTH_MAX = 32 };

struct tree {
	uint64_t *ids;
	size_t max, count;
};

static bool
is_group(DIR *d, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_name[0] == '.')
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Takes over `fd`. */
static void
take_group(struct tree *t, int fd, int depth)
{
	const struct dirent *entry;
	struct stat st;
	DIR *d;

	if (fstat(fd, &st) == 0) {
		if (t->count < t->max)
			t->ids[t->count] = st.st_ino;
		t->count++;
	}
	d = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	if (d == NULL) {
		(void)close(fd); /* only read */
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		int below = is_group(d, entry) ?
				openat(dirfd(d), entry->d_name,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
				-1;

		if (below >= 0)
			take_group(t, below, depth + 1);
	}
	(void)closedir(d); /* only read */
}

int
cgroup_subtree(int root, const char *name, uint64_t *ret, size_t max, struct err *e)
{
	struct tree t = { .ids = ret, .max = max };
	int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "open cgroup '%s'", name);
	take_group(&t, fd, 0);
	return (int)t.count;
}
