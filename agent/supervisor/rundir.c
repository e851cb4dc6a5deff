/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock file holds the pid of its stormd, for one question only: is the lock busy
 * because a stormd lives (refuse), or because the guardian of a dead one is still undoing
 * (wait)?  The halted mark stands in host-dir, because a halt is the host's: an embedded
 * agent that starts later must find it.  It carries the boot id, since /run is not a tmpfs
 * everywhere and a halt must not outlive the boot.
 */
#include "rundir.h"
#include "api.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "fdio.h"
#include "hostdir.h"
#include "locks.h"
#include "log.h"
#include "options.h"
#include "parse.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUARDIAN_PATIENCE (10 * USEC_PER_SEC)

static bool
is_owner_alive(int fd)
{
	char text[32] = "";
	struct err e = { 0 };
	uint64_t pid;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (parse_u64(text, &pid, &e) != 0 || pid == 0 || pid > INT32_MAX)
		return false;
	return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static int
take_lock(struct rundir *r, const char *run_dir, struct err *e)
{
	usec_t until = clock_boottime() + GUARDIAN_PATIENCE;
	char text[32];

	r->lock_fd =
	    openat(r->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (r->lock_fd < 0)
		return err_errno(e, "open '%s/" LOCK_FILE "'", run_dir);
	while (flock(r->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(e, "lock '%s/" LOCK_FILE "'", run_dir);
		if (is_owner_alive(r->lock_fd) || clock_boottime() >= until) {
			(void)err_refused(e, "another agent has '%s'", run_dir);
			e->code = -EBUSY;
			return e->code;
		}
		sleep_usec(20 * USEC_PER_MSEC);
	}
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(r->lock_fd, 0) != 0 ||
	    pwrite(r->lock_fd, text, strlen(text), 0) < 0)
		return err_errno(e, "write '%s/" LOCK_FILE "'", run_dir);
	return 0;
}

/* Halted in this boot?  A mark of another one is taken away. */
static bool
is_mark_standing(const struct rundir *r)
{
	char text[128] = "", boot[BOOT_ID_LEN];
	struct err e = { 0 };

	if (read_file_at(r->host_fd, HALTED_FILE, text, sizeof(text)) < 0 &&
	    faccessat(r->host_fd, HALTED_FILE, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	/* what cannot be read counts: halted is the safe side */
	if (strlen(text) < BOOT_ID_LEN - 1 || clock_boot_id(boot, &e) != 0 ||
	    strncmp(text, boot, BOOT_ID_LEN - 1) == 0)
		return true;
	(void)unlinkat(r->host_fd, HALTED_FILE, 0); /* tried again next time */
	return false;
}

bool
rundir_is_halted(const struct rundir *r)
{
	return r->is_unsaved || r->is_unwritten || is_mark_standing(r);
}

/* The records' directory too: without one nobody can tell "no records" from "no agent". */
static int
make_inside(struct rundir *r, const char *run_dir, struct err *e)
{
	snprintf(r->empty_path, sizeof(r->empty_path), "%s/" EMPTY_DIR, run_dir);
	if (mkdir(r->empty_path, 0555) != 0 && errno != EEXIST)
		return err_errno(e, "make '%s'", r->empty_path);
	if (mkdirat(r->dir, UNDO_DIR, 0700) != 0 && errno != EEXIST)
		return err_errno(e, "make '%s/" UNDO_DIR "'", run_dir);
	return 0;
}

/*
 * The state-dir is locked as well: an agent with another run-dir must not take what we hold
 * for what a reboot left.  A daemon makes it; embedded, nothing is made before it is needed,
 * and then it has a name that nobody else has.  Whoever has only the run-dir finds it by a
 * file there.
 */
static int
open_state(struct rundir *r, const struct options *o, struct err *e)
{
	memcpy(r->state_dir, o->state_dir, sizeof(r->state_dir));
	if (replace_file_at(r->dir, STATE_FILE, o->state_dir, strlen(o->state_dir), e) !=
	    0)
		return e->code;
	if (!o->is_ephemeral && make_dirs(o->state_dir, 0700, e) != 0)
		return e->code;
	r->state_fd = open(o->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->state_fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, "open '%s'", o->state_dir);
	if (flock(r->state_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(e, "lock '%s'", o->state_dir);
	(void)err_refused(e, "another agent has '%s'", o->state_dir);
	e->code = -EBUSY;
	return e->code;
}

int
rundir_open(struct rundir *r, const struct options *o, struct err *e)
{
	*r = (struct rundir){ .dir = -1, .lock_fd = -1, .locks_dir = -1, .state_fd = -1 };
	r->host_fd = hostdir_hold(o->host_dir, e);
	if (r->host_fd < 0)
		return r->host_fd;
	if (make_dirs(o->run_dir, 0755, e) != 0)
		return e->code;
	r->dir = open(o->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0)
		return err_errno(e, "open '%s'", o->run_dir);
	if (take_lock(r, o->run_dir, e) != 0 || make_inside(r, o->run_dir, e) != 0 ||
	    open_state(r, o, e) != 0 || locks_open(&r->locks_dir, o->host_dir, e) != 0)
		return e->code;
	if (o->is_ephemeral)
		return replace_file_at(r->dir, EPHEMERAL_FILE, "", 0, e);
	return 0;
}

static bool
has_file(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
rundir_has_record(const struct rundir *r, const char *id)
{
	char path[PATH_LEN_MAX + 32];

	snprintf(path, sizeof(path), UNDO_DIR "/%s", id);
	if (has_file(r->dir, path))
		return true;
	snprintf(path, sizeof(path), "%s/" UNDO_DIR "/%s", r->state_dir, id);
	return has_file(AT_FDCWD, path);
}

static uint32_t
count_records(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	uint32_t count = 0;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(d)) != NULL;)
		count += entry->d_name[0] != '.';
	(void)closedir(d);
	return count;
}

uint32_t
rundir_records(const struct rundir *r)
{
	char state[PATH_LEN_MAX + 8];

	snprintf(state, sizeof(state), "%s/" UNDO_DIR, r->state_dir);
	return count_records(r->dir, UNDO_DIR) + count_records(AT_FDCWD, state);
}

void
rundir_halt(struct rundir *r, const char *by)
{
	r->is_unsaved = true;
	snprintf(r->halted_by, sizeof(r->halted_by), "%s", by);
}

void
rundir_turn(struct rundir *r)
{
	char text[WHO_MAX + 128], boot[BOOT_ID_LEN] = "", when[32];
	struct err e = { 0 };

	if (!r->is_unsaved)
		return;
	r->is_unsaved = false;
	log_notice("halt: by %s", r->halted_by);
	(void)clock_boot_id(boot, &e); /* without it the mark outlives a reboot: safe */
	snprintf(text, sizeof(text), "%s\nby %s at %s\n", boot, r->halted_by,
	    clock_iso8601(clock_wall(), when, sizeof(when)));
	r->is_unwritten =
	    replace_file_at(r->host_fd, HALTED_FILE, text, strlen(text), &e) != 0;
	if (r->is_unwritten)
		log_error("halted, but only until this agent ends: %s", e.msg);
}

int
rundir_resume(struct rundir *r, struct err *e)
{
	if (unlinkat(r->host_fd, HALTED_FILE, 0) != 0 && errno != ENOENT)
		return err_errno(e, "remove the mark '" HALTED_FILE "'");
	r->is_unsaved = false;
	r->is_unwritten = false;
	return 0;
}

void
rundir_close(struct rundir *r, const struct options *o)
{
	static const char *const files[] = { EPHEMERAL_FILE, STATE_FILE, LOCK_FILE };

	rundir_turn(r); /* a halt that came last is still to be written down */
	/* in use by a front that is just ending, or gone: all of it is best effort */
	(void)rmdir(r->empty_path);
	if (!o->is_ephemeral)
		return;
	statedir_leave(o->state_dir);
	(void)unlinkat(r->dir, UNDO_DIR, AT_REMOVEDIR);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)unlinkat(r->dir, files[i], 0);
	(void)rmdir(o->run_dir);
	(void)close(steal_fd(&r->host_fd)); /* only locked by */
	hostdir_leave(o->host_dir);
}
