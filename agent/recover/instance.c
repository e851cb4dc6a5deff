/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances: which there are, who has them, and taking away what only an embedded drill
 * needed.  A directory is an instance's when it has an undo directory.  A run-dir names its
 * state-dir; after a reboot there may be a state-dir alone, and it is found by its place.
 */
#include "recover.h"

#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
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
has_undo_dir(const char *parent)
{
	char path[PATH_LEN_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/" UNDO_DIR, parent);

	return parent[0] != '\0' && n > 0 && (size_t)n < sizeof(path) &&
	       stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
instance_is_there(const struct instance *i)
{
	return has_undo_dir(i->run_dir) || has_undo_dir(i->state_dir);
}

const char *
instance_name(const struct instance *i)
{
	return i->run_dir[0] != '\0' ? i->run_dir : i->state_dir;
}

const char *
instance_option(const struct instance *i, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s %s",
	    i->run_dir[0] != '\0' ? "--run-dir" : "--state-dir", instance_name(i));
	return buf;
}

/* What stormd wrote into its run-dir; "" when it wrote nothing. */
static void
read_state_dir(const char *run_dir, char *ret)
{
	_cleanup_close_ int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ret[0] = '\0';
	if (dir < 0 || read_file_at(dir, STATE_FILE, ret, PATH_LEN_MAX) < 0)
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	if (ret[0] != '/')
		ret[0] = '\0';
}

void
instance_asked(const struct recover *o, struct instance *ret)
{
	memcpy(ret->run_dir, o->run_dir, sizeof(ret->run_dir));
	memcpy(ret->state_dir, o->state_dir, sizeof(ret->state_dir));
	if (ret->run_dir[0] == '\0' || ret->state_dir[0] != '\0')
		return;
	read_state_dir(ret->run_dir, ret->state_dir);
	if (ret->state_dir[0] == '\0' && o->default_state_dir[0] != '\0')
		memcpy(ret->state_dir, o->default_state_dir, sizeof(ret->state_dir));
}

static bool
put_path(char *to, const char *parent, const char *name)
{
	int n = snprintf(to, PATH_LEN_MAX, "%s/%s", parent, name);

	return name[0] != '.' && n > 0 && n < PATH_LEN_MAX;
}

/* The default place of state is looked into only for the default host-dir: with another one
 * it is none of our business. */
static bool
has_default_state(const struct recover *o)
{
	return strcmp(o->host_dir, HOST_DIR_DEFAULT) == 0;
}

/* As the instance `name` below host_dir would be. */
static void
set_running(const struct recover *o, const char *name, struct instance *ret)
{
	*ret = (struct instance){ 0 };
	if (!put_path(ret->run_dir, o->host_dir, name) || !has_undo_dir(ret->run_dir)) {
		ret->run_dir[0] = '\0';
		return;
	}
	read_state_dir(ret->run_dir, ret->state_dir);
	if (ret->state_dir[0] == '\0' && has_default_state(o) &&
	    !put_path(ret->state_dir, STATE_DIR_DEFAULT, name))
		ret->state_dir[0] = '\0';
}

/* The state-dir `name` in the default place, unless the instance of that name has it. */
static void
set_left(const struct recover *o, const char *name, struct instance *ret)
{
	struct instance running;

	*ret = (struct instance){ 0 };
	set_running(o, name, &running);
	if (!put_path(ret->state_dir, STATE_DIR_DEFAULT, name) ||
	    strcmp(ret->state_dir, running.state_dir) == 0)
		ret->state_dir[0] = '\0';
}

static int
each_in(const struct recover *o, const char *parent,
    void (*set)(const struct recover *o, const char *name, struct instance *ret),
    int (*fn)(const struct recover *o, const struct instance *i), struct err *e)
{
	struct dirent **names = NULL;
	int count = scandir(parent, &names, NULL, alphasort), sum = 0;

	if (count < 0)
		return errno == ENOENT ? 0 : err_errno(e, "list '%s'", parent);
	for (int i = 0; i < count; i++) {
		struct instance in;

		set(o, names[i]->d_name, &in);
		if (instance_is_there(&in))
			sum += fn(o, &in);
		free(names[i]);
	}
	free(names);
	return sum;
}

int
instance_each(const struct recover *o,
    int (*fn)(const struct recover *o, const struct instance *i), struct err *e)
{
	struct instance in;
	int running, left = 0;

	instance_asked(o, &in);
	if (instance_is_there(&in)) {
		if (!has_undo_dir(in.run_dir))
			in.run_dir[0] = '\0';
		return fn(o, &in);
	}
	if (instance_name(&in)[0] != '\0') {
		log_notice("'%s' is no instance's directory: nothing to undo",
		    instance_name(&in));
		return 0;
	}
	running = each_in(o, o->host_dir, set_running, fn, e);
	if (running >= 0 && has_default_state(o))
		left = each_in(o, STATE_DIR_DEFAULT, set_left, fn, e);
	return running < 0 || left < 0 ? -EIO : running + left;
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
instance_lock_state(const char *state_dir, struct err *e)
{
	_cleanup_close_ int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "open directory '%s'", state_dir);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_errno(e, "lock '%s'", state_dir);
	return steal_fd(&fd);
}

int
instance_open_records(const struct instance *i, struct store *ret, struct err *e)
{
	return store_open_there(ret, i->run_dir, i->state_dir, e);
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
instance_count_records(const struct instance *i)
{
	struct store store;
	struct err e = { 0 };
	int count = 0;

	if (instance_open_records(i, &store, &e) < 0)
		return e.code == -ENOENT ? 0 : 1; /* an embedded one took it along */
	if (store_each(&store, count_one, &count, &e) < 0)
		count = 1;
	store_close(&store);
	return count;
}

/* A record that was never whole: a writer died before it had promised anything. */
static void
remove_cut_off_writes(const char *parent)
{
	_cleanup_close_ int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, UNDO_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
static void
tidy_run_dir(const char *run_dir, int dir, const char *host_dir)
{
	static const char *const files[] = { API_SOCKET, EPHEMERAL_FILE, STATE_FILE,
		LOCK_FILE };

	if (unlinkat(dir, UNDO_DIR, AT_REMOVEDIR) < 0)
		return;
	(void)unlinkat(dir, EMPTY_DIR, AT_REMOVEDIR);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)unlinkat(dir, files[i], 0);
	if (rmdir(run_dir) == 0)
		hostdir_leave(host_dir);
}

void
instance_tidy(const struct instance *i, const char *host_dir)
{
	_cleanup_close_ int dir =
	    i->run_dir[0] == '\0' ? -1 :
				    open(i->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	remove_cut_off_writes(i->run_dir);
	remove_cut_off_writes(i->state_dir);
	if (dir >= 0 && faccessat(dir, EPHEMERAL_FILE, F_OK, 0) < 0)
		return;
	statedir_leave(i->state_dir);
	if (dir >= 0)
		tidy_run_dir(i->run_dir, dir, host_dir);
	else
		hostdir_leave(host_dir); /* notes of shared objects were looked for */
}
