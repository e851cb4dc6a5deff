/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of outstanding obligations.  A record appears whole (tmp, rename) and goes
 * by unlink; nothing is synced, because what these records describe dies with the boot as
 * they do.  Files that begin with a dot are a write that was cut off: the promise was never
 * given, so they are passed over.
 */
#include "store.h"

#include "api.h"
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int
open_dir(const char *parent, const char *name, struct err *e)
{
	char path[PATH_LEN_MAX];
	int fd, r;

	r = snprintf(path, sizeof(path), "%s/%s", parent, name);
	if (r < 0 || (size_t)r >= sizeof(path))
		return err_set(e, -ENAMETOOLONG, "'%.80s…/%s' is too long", parent, name);
	r = make_dirs(path, 0755, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(e, "open directory '%s'", path) : fd;
}

int
store_open(struct store *s, const char *run_dir, const char *host_dir, struct err *e)
{
	_cleanup_close_ int dir = open_dir(run_dir, UNDO_DIR, e);
	int shared;

	if (dir < 0)
		return dir;
	shared = open_dir(host_dir, SHARED_DIR, e);
	if (shared < 0)
		return shared;
	s->dir = steal_fd(&dir);
	s->shared = shared;
	return 0;
}

void
store_close(struct store *s)
{
	cleanup_close(&s->dir);
	cleanup_close(&s->shared);
	s->dir = s->shared = -1;
}

int
store_put(struct store *s, const struct record *r, struct err *e)
{
	char text[RECORD_TEXT_MAX];
	int len;

	len = record_format(r, text, sizeof(text), e);
	if (len < 0)
		return len;
	len = replace_file_at(s->dir, r->fault, text, (size_t)len, e);
	return len < 0 ? err_wrap(e, "store the record of fault %s", r->fault) : 0;
}

int
store_get(struct store *s, const char *fault, struct record *ret, struct err *e)
{
	char text[RECORD_TEXT_MAX];
	struct record r;
	ssize_t len;
	int rc;

	if (!is_fault_id(fault))
		return err_invalid(e, "'%.40s' is not the id of a fault", fault);
	len = read_file_at(s->dir, fault, text, sizeof(text));
	if (len < 0)
		return err_set(e, (int)len, "read the record of fault %s: %s", fault,
		    strerror((int)-len));
	if (strlen(text) != (size_t)len)
		return err_invalid(e, "the record of fault %s holds a NUL byte", fault);
	rc = record_parse(text, &r, e);
	if (rc < 0)
		return err_wrap(e, "record of fault %s", fault);
	if (strcmp(r.fault, fault) != 0)
		return err_invalid(
		    e, "the record of fault %s is about fault %s", fault, r.fault);
	*ret = r;
	return 0;
}

int
store_drop(struct store *s, const char *fault, struct err *e)
{
	if (unlinkat(s->dir, fault, 0) < 0 && errno != ENOENT)
		return err_errno(e, "drop the record of fault %s", fault);
	return 0;
}

/* --- all of them ----------------------------------------------------------------------- */

struct entry {
	char name[NAME_MAX + 1];
	struct timespec written;
};

static int
compare_newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->written;
	const struct timespec *y = &((const struct entry *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

static DIR *
open_listing(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL && fd >= 0)
		(void)close(fd); /* read only */
	return d;
}

/* Listed before anything is called back: fn may drop what it is given. */
static int
list_entries(int dir, struct entry **ret, struct err *e)
{
	struct entry *entries = NULL;
	const struct dirent *de;
	int count = 0;
	struct stat st;
	DIR *d = open_listing(dir);

	if (d == NULL)
		return err_errno(e, "list the records");
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' ||
		    fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		entries = xrealloc(entries, (size_t)(count + 1) * sizeof(*entries));
		memcpy(entries[count].name, de->d_name, strlen(de->d_name) + 1);
		entries[count++].written = st.st_mtim;
	}
	(void)closedir(d); /* read only */
	if (count > 1)
		qsort(entries, (size_t)count, sizeof(*entries), compare_newest_first);
	*ret = entries;
	return count;
}

int
store_each(struct store *s,
    int (*fn)(void *ctx, const char *name, const struct record *r, const struct err *why),
    void *ctx, struct err *e)
{
	_cleanup_free_ struct entry *entries = NULL;
	int seen = 0;
	int count = list_entries(s->dir, &entries, e);

	for (int i = 0; i < count; i++) {
		struct record r;
		struct err why = { 0 };
		int rc = store_get(s, entries[i].name, &r, &why);

		if (rc == -ENOENT) /* dropped meanwhile: that is fine */
			continue;
		seen++;
		rc = fn(ctx, entries[i].name, rc < 0 ? NULL : &r, &why);
		if (rc < 0)
			return err_set(
			    e, rc, "record '%s': %s", entries[i].name, strerror(-rc));
	}
	return count < 0 ? count : seen;
}
