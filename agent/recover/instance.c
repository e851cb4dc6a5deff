/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances: which run-dirs there are, who has them, and taking away those that only an
 * embedded drill needed.  A directory is an instance when it has an undo directory.
 */
#include "recover.h"

#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "hostdir.h"
#include "log.h"
#include "store.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
has_undo_dir(int dir, const char *name)
{
	char path[PATH_LEN_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/" UNDO_DIR, name);

	return n > 0 && (size_t)n < sizeof(path) && fstatat(dir, path, &st, 0) == 0 &&
	       S_ISDIR(st.st_mode);
}

int
instance_each(const struct recover *o,
    int (*fn)(const struct recover *o, const char *run_dir), struct err *e)
{
	struct dirent **names = NULL;
	int count, sum = 0;

	if (o->run_dir[0] != '\0' && has_undo_dir(AT_FDCWD, o->run_dir))
		return fn(o, o->run_dir);
	if (o->run_dir[0] != '\0') {
		log_notice(
		    "'%s' is no instance's directory: nothing to undo", o->run_dir);
		return 0;
	}
	count = scandir(o->host_dir, &names, NULL, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0 : err_errno(e, "list '%s'", o->host_dir);
	for (int i = 0; i < count; i++) {
		char path[PATH_LEN_MAX];
		int n =
		    snprintf(path, sizeof(path), "%s/%s", o->host_dir, names[i]->d_name);

		if (names[i]->d_name[0] != '.' && n > 0 && (size_t)n < sizeof(path) &&
		    has_undo_dir(AT_FDCWD, path))
			sum += fn(o, path);
		free(names[i]);
	}
	free(names);
	return sum;
}

int
instance_lock(const char *run_dir, struct err *e)
{
	_cleanup_close_ int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;

	if (dir < 0)
		return err_errno(e, "open directory '%s'", run_dir);
	fd = openat(dir, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "open '%s/" LOCK_FILE "'", run_dir);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_errno(e, "lock '%s'", run_dir);
	return steal_fd(&fd);
}

int
instance_open_records(const char *run_dir, struct store *ret, struct err *e)
{
	char path[PATH_LEN_MAX];
	int n = snprintf(path, sizeof(path), "%s/" UNDO_DIR, run_dir);

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(e, -ENAMETOOLONG, "'%.80s…' is too long", run_dir);
	ret->shared = -1;
	ret->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ret->dir < 0 ? err_errno(e, "open '%s'", path) : 0;
}

static int
count_one(void *ctx, const char *name, const struct record *r, const struct err *why)
{
	(void)name;
	(void)r;
	(void)why;
	++*(int *)ctx;
	return 0;
}

/* What cannot be counted is not none. */
int
instance_count_records(const char *run_dir)
{
	struct store store;
	struct err e = { 0 };
	int count = 0;

	if (instance_open_records(run_dir, &store, &e) < 0)
		return access(run_dir, F_OK) < 0 ? 0 :
						   1; /* an embedded one took it along */
	if (store_each(&store, count_one, &count, &e) < 0)
		count = 1;
	store_close(&store);
	return count;
}

/* A record that was never whole: a writer died before it had promised anything. */
static void
remove_cut_off_writes(int dir)
{
	int fd = openat(dir, UNDO_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *de;

	if (d == NULL) {
		cleanup_close(&fd);
		return;
	}
	while ((de = readdir(d)) != NULL) {
		size_t len = strlen(de->d_name);

		if (de->d_name[0] == '.' && len > 5 &&
		    strcmp(de->d_name + len - 4, ".tmp") == 0)
			(void)unlinkat(
			    dirfd(d), de->d_name, 0); /* tried again next time */
	}
	(void)closedir(d); /* read only */
}

/* Each step fails by itself when there is something left, and then so do the next. */
void
instance_tidy(const char *run_dir, const char *host_dir)
{
	static const char *const files[] = { API_SOCKET, EPHEMERAL_FILE, LOCK_FILE };
	_cleanup_close_ int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	remove_cut_off_writes(dir);
	if (faccessat(dir, EPHEMERAL_FILE, F_OK, 0) < 0)
		return;
	if (unlinkat(dir, UNDO_DIR, AT_REMOVEDIR) < 0)
		return;
	(void)unlinkat(dir, EMPTY_DIR, AT_REMOVEDIR);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)unlinkat(dir, files[i], 0);
	if (rmdir(run_dir) == 0)
		hostdir_leave(host_dir);
}
