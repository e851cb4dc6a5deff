/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two directories of outstanding obligations.  A record appears whole (tmp, rename) and
 * goes by unlink.  In run-dir nothing is synced, because what these records describe dies
 * with the boot as they do; in state-dir everything is, also the unlink: a promise that was
 * kept must not come back after a power cut.  Files that begin with a dot are a write that
 * was cut off: the promise was never given, so they are passed over.
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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MODE 0700 /* who reads the state of a host is its root */

static int
path_below(char *path, const char *parent, const char *name, struct err *e)
{
	int n = snprintf(path, PATH_LEN_MAX, "%s/%s", parent, name);

	if (n < 0 || n >= PATH_LEN_MAX)
		return err_set(e, -ENAMETOOLONG, "'%.80s…/%s' is too long", parent, name);
	return 0;
}

static int
open_dir(const char *parent, const char *name, mode_t mode, struct err *e)
{
	char path[PATH_LEN_MAX];
	int fd, r;

	r = path_below(path, parent, name, e);
	if (r == 0)
		r = make_dirs(path, mode, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(e, "open directory '%s'", path) : fd;
}

/* 0, also when it is not there: then *ret is -1. */
static int
open_there(int *ret, const char *parent, struct err *e)
{
	char path[PATH_LEN_MAX];

	*ret = -1;
	if (parent[0] == '\0')
		return 0;
	if (path_below(path, parent, UNDO_DIR, e) < 0)
		return e->code;
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 && errno != ENOENT && errno != ENOTDIR ?
		   err_errno(e, "open '%s'", path) :
		   0;
}

/* Whoever may rename one of the directories above could have us obey what they wrote. */
static int
open_state(struct store *s, struct err *e)
{
	char path[PATH_LEN_MAX];

	if (open_there(&s->state, s->state_dir, e) < 0)
		return e->code;
	if (s->state < 0)
		return 0;
	(void)path_below(path, s->state_dir, UNDO_DIR, e);
	if (make_dirs(path, STATE_MODE, e) == 0)
		return 0;
	cleanup_close(&s->state);
	s->state = -1;
	return e->code;
}

static int
set_state_dir(struct store *s, const char *state_dir, struct err *e)
{
	char path[PATH_LEN_MAX];

	*s = (struct store){ .dir = -1, .state = -1, .shared = -1 };
	if (path_below(path, state_dir, UNDO_DIR, e) < 0)
		return e->code;
	memcpy(s->state_dir, state_dir, strlen(state_dir) + 1);
	return 0;
}

static int
open_all(struct store *s, const char *run_dir, const char *host_dir, struct err *e)
{
	if (run_dir[0] != '\0')
		s->dir = open_dir(run_dir, UNDO_DIR, 0755, e);
	if (run_dir[0] != '\0' && s->dir < 0)
		return s->dir;
	s->shared = open_dir(host_dir, SHARED_DIR, 0755, e);
	return s->shared < 0 ? s->shared : open_state(s, e);
}

int
store_open(struct store *s, const char *run_dir, const char *state_dir,
    const char *host_dir, struct err *e)
{
	int r = set_state_dir(s, state_dir, e);

	if (r == 0)
		r = open_all(s, run_dir, host_dir, e);
	if (r < 0)
		store_close(s);
	return r;
}

int
store_open_there(
    struct store *s, const char *run_dir, const char *state_dir, struct err *e)
{
	int r = set_state_dir(s, state_dir, e);

	if (r == 0)
		r = open_there(&s->dir, run_dir, e);
	if (r == 0)
		r = open_there(&s->state, s->state_dir, e);
	if (r == 0 && s->dir < 0 && s->state < 0)
		r = err_set(e, -ENOENT, "'%s' has no records",
		    run_dir[0] != '\0' ? run_dir : state_dir);
	if (r < 0)
		store_close(s);
	return r;
}

void
store_close(struct store *s)
{
	cleanup_close(&s->dir);
	cleanup_close(&s->state);
	cleanup_close(&s->shared);
	s->dir = s->state = s->shared = -1;
}

/* A new directory is on disk when its parent is.  What of the path is new is not known, so
 * all of it is synced; once in the life of an instance. */
static int
sync_upwards(int dir)
{
	_cleanup_close_ int at = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	struct stat here = { 0 }, above = { 0 };
	int r = at < 0 ? -errno : sync_dir(at);

	while (r == 0) {
		int parent = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (parent < 0)
			return errno == EACCES ? 0 : -errno; /* nothing we could make */
		if (fstat(at, &here) < 0 || fstat(parent, &above) < 0)
			r = -errno;
		(void)close(at); /* read only */
		at = parent;
		if (here.st_ino == above.st_ino && here.st_dev == above.st_dev)
			return r;
		if (r == 0)
			r = sync_dir(at);
	}
	return r;
}

static int
make_state(struct store *s, struct err *e)
{
	int fd, r;

	if (s->state >= 0)
		return 0;
	if (s->state_dir[0] == '\0')
		return err_set(e, -ENOENT,
		    "this fault outlives a reboot, and there is no state directory for "
		    "its record");
	fd = open_dir(s->state_dir, UNDO_DIR, STATE_MODE, e);
	if (fd < 0)
		return fd;
	r = sync_upwards(fd);
	if (r < 0) {
		(void)close(fd);
		return err_set(e, r, "sync '%s': %s", s->state_dir, strerror(-r));
	}
	s->state = fd;
	return 0;
}

int
store_put(struct store *s, const struct record *r, struct err *e)
{
	const bool outlives = record_outlives_boot(r);
	char text[RECORD_TEXT_MAX];
	int len, rc;

	len = record_format(r, text, sizeof(text), e);
	if (len < 0)
		return len;
	if (outlives)
		rc = make_state(s, e);
	else
		rc = s->dir >= 0 ? 0 : err_set(e, -ENOENT, "there is no run directory");
	if (rc == 0)
		rc = (outlives ? replace_file_durably_at : replace_file_at)(
		    outlives ? s->state : s->dir, r->fault, text, (size_t)len, e);
	if (rc == 0)
		return 0;
	return err_wrap(e, "store the record of fault %s%s%s", r->fault,
	    outlives ? " in " : "", outlives ? s->state_dir : "");
}

/* Whoever opened us may have been here before the first record that outlives the boot.
 * -ENOENT while there is none. */
static int
state_of(struct store *s)
{
	struct err why = { 0 };

	if (s->state < 0 && open_state(s, &why) < 0)
		return why.code;
	return s->state < 0 ? -ENOENT : s->state;
}

static bool
has_file(int dir, const char *name)
{
	return dir >= 0 && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
store_dir_of(struct store *s, const char *fault)
{
	int state;

	if (has_file(s->dir, fault))
		return s->dir;
	state = state_of(s);
	return state < 0 || has_file(state, fault) ? state : -ENOENT;
}

static int
get_from(int dir, const char *fault, struct record *ret, struct err *e)
{
	char text[RECORD_TEXT_MAX];
	ssize_t len;
	int rc;

	len = read_file_at(dir, fault, text, sizeof(text));
	if (len < 0)
		return err_set(e, (int)len, "read the record of fault %s: %s", fault,
		    strerror((int)-len));
	if (strlen(text) != (size_t)len)
		return err_invalid(e, "the record of fault %s holds a NUL byte", fault);
	rc = record_parse(text, ret, e);
	if (rc < 0)
		return err_wrap(e, "record of fault %s", fault);
	if (strcmp(ret->fault, fault) != 0)
		return err_invalid(
		    e, "the record of fault %s is about fault %s", fault, ret->fault);
	return 0;
}

int
store_get(struct store *s, const char *fault, struct record *ret, struct err *e)
{
	struct record r;
	int rc;

	if (!is_fault_id(fault))
		return err_invalid(e, "'%.40s' is not the id of a fault", fault);
	rc = store_dir_of(s, fault);
	if (rc < 0)
		return err_set(
		    e, rc, "read the record of fault %s: %s", fault, strerror(-rc));
	rc = get_from(rc, fault, &r, e);
	if (rc == 0)
		*ret = r;
	return rc;
}

int
store_drop(struct store *s, const char *fault, struct err *e)
{
	int r;

	if (s->dir >= 0 && unlinkat(s->dir, fault, 0) < 0 && errno != ENOENT)
		return err_errno(e, "drop the record of fault %s", fault);
	r = state_of(s);
	if (r >= 0)
		r = unlinkat(s->state, fault, 0) < 0 ? -errno : sync_dir(s->state);
	return r < 0 && r != -ENOENT ?
		   err_set(e, r, "drop the record of fault %s: %s", fault, strerror(-r)) :
		   0;
}

/* --- all of them ----------------------------------------------------------------------- */

struct entry {
	char name[NAME_MAX + 1];
	struct timespec written;
};

struct entries {
	struct entry *entry;
	int count;
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

static int
add_entries(struct entries *l, int dir, struct err *e)
{
	const struct dirent *de;
	struct stat st;
	DIR *d;

	if (dir < 0)
		return dir == -ENOENT ?
			   0 :
			   err_set(e, dir, "list the records: %s", strerror(-dir));
	d = open_listing(dir);
	if (d == NULL)
		return err_errno(e, "list the records");
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' ||
		    fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		l->entry = xrealloc(l->entry, (size_t)(l->count + 1) * sizeof(*l->entry));
		memcpy(l->entry[l->count].name, de->d_name, strlen(de->d_name) + 1);
		l->entry[l->count++].written = st.st_mtim;
	}
	(void)closedir(d); /* read only */
	return 0;
}

/* Listed before anything is called back: fn may drop what it is given. */
static int
list_entries(struct store *s, struct entries *l, struct err *e)
{
	int r = add_entries(l, s->dir < 0 ? -ENOENT : s->dir, e);

	if (r == 0)
		r = add_entries(l, state_of(s), e);
	if (r == 0 && l->count > 1)
		qsort(
		    l->entry, (size_t)l->count, sizeof(*l->entry), compare_newest_first);
	return r;
}

int
store_each(struct store *s,
    int (*fn)(void *ctx, const char *name, const struct record *r, const struct err *why),
    void *ctx, struct err *e)
{
	struct entries l = { 0 };
	int seen = 0, rc = list_entries(s, &l, e);

	for (int i = 0; rc == 0 && i < l.count; i++) {
		const char *name = l.entry[i].name;
		struct record r;
		struct err why = { 0 };
		int got = store_get(s, name, &r, &why);

		if (got == -ENOENT) /* dropped meanwhile: that is fine */
			continue;
		seen++;
		rc = fn(ctx, name, got < 0 ? NULL : &r, &why);
		if (rc < 0)
			rc = err_set(e, rc, "record '%s': %s", name, strerror(-rc));
		else
			rc = 0;
	}
	free(l.entry);
	return rc < 0 ? rc : seen;
}
