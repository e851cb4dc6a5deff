/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --all, --earlier and --fault.  All of an instance is undone only under its lock, or by the stormd
 * that has it.  One fault needs no lock: its record has one, its holder is killed first,
 * and a stormd that sees that does no more than come second.
 */
#include "recover.h"

#include "cleanup.h"
#include "err.h"
#include "log.h"
#include "store.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* After a live stormd said that it is clean: is it? */
static int
check_halted(const struct instance *in)
{
	int count = instance_count_records(in);

	if (count > 0)
		log_error("stormd of '%s' says it is clean, and %d records are left",
		    instance_name(in), count);
	return count;
}

/* Of an instance that a reboot left there is no lock but on its state-dir: an agent that
 * lives has that, wherever its run-dir is. */
static int
take_state_lock(const struct instance *in, int *ret_lock, struct err *e)
{
	int lock = instance_lock_state(in->state_dir, e);

	if (lock == -EWOULDBLOCK)
		return err_set(e, lock,
		    "a live agent has '%s': ask it (stormctl halt), or name its run "
		    "directory (--run-dir)",
		    in->state_dir);
	*ret_lock = lock;
	return lock < 0 ? lock : 0;
}

/* 0 with the lock, or with -1 where it is inherited; 1 when a live stormd did it all. */
static int
take_lock(
    const struct recover *o, const struct instance *in, int *ret_lock, struct err *e)
{
	int lock;

	if (o->lock_fd >= 0)
		return 0;
	if (in->run_dir[0] == '\0')
		return take_state_lock(in, ret_lock, e);
	lock = instance_lock(in->run_dir, e);
	if (lock == -EWOULDBLOCK)
		return halt_or_lock(in->run_dir, ret_lock, e);
	if (lock < 0)
		return lock;
	*ret_lock = lock;
	return 0;
}

/* How many faults are left. */
static int
undo_instance(const struct recover *o, const struct instance *in)
{
	_cleanup_close_ int lock = -1;
	struct err e = { 0 };
	int r, left;

	r = take_lock(o, in, &lock, &e);
	if (r > 0)
		return check_halted(in);
	if (r < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	left = sweep_records(in, o->host_dir, o->barrier_fd);
	if (left == 0)
		instance_tidy(in, o->host_dir);
	return left;
}

static int
need_root(void)
{
	if (geteuid() == 0)
		return 0;
	log_error("undoing needs root: sudo stormd-undo …");
	return EXIT_DIRTY;
}

int
cmd_all(const struct recover *o)
{
	struct err e = { 0 };
	int left;

	if (need_root() != 0)
		return EXIT_DIRTY;
	left = instance_each(o, undo_instance, &e);
	if (left < 0)
		log_error("%s", e.msg);
	return left == 0 ? EXIT_CLEAN : EXIT_DIRTY;
}

static int
note_earlier(void *ctx, const char *name, const struct record *r, const struct err *why)
{
	(void)name;
	(void)why;
	*(bool *)ctx |= r != NULL && record_is_of_earlier_boot(r);
	return 0;
}

static bool
has_earlier(const struct instance *in)
{
	struct store store;
	struct err e = { 0 };
	bool has = false;

	if (instance_open_records(in, &store, &e) < 0)
		return false;
	(void)store_each(&store, note_earlier, &has, &e); /* --all says what is wrong */
	store_close(&store);
	return has;
}

/* Only the state-dir: what a boot ends is not in it, and a run-dir may be going just now.
 * That of an embedded drill, whose agent nobody will start again, goes with its last record. */
static int
undo_earlier(const struct recover *o, const struct instance *in)
{
	struct instance left_over = *in;
	int left;

	left_over.run_dir[0] = '\0';
	if (!has_earlier(&left_over))
		return 0;
	left = sweep_earlier(&left_over, o->host_dir);
	if (left == 0 && in->run_dir[0] == '\0')
		instance_tidy(&left_over, o->host_dir);
	return left;
}

int
cmd_earlier(const struct recover *o)
{
	struct err e = { 0 };
	int left;

	if (need_root() != 0)
		return EXIT_DIRTY;
	left = instance_each(o, undo_earlier, &e);
	if (left < 0)
		log_error("%s", e.msg);
	return left == 0 ? EXIT_CLEAN : EXIT_DIRTY;
}

static int
undo_fault(const struct recover *o, const struct instance *in)
{
	struct store store;
	struct record r;
	struct err e = { 0 };
	int rc;

	rc = store_open(&store, in->run_dir, in->state_dir, o->host_dir, &e);
	if (rc == 0) {
		rc = store_get(&store, o->fault, &r, &e);
		if (rc == 0 && (rc = store_undo(&store, &r, o->barrier_fd, &e)) < 0)
			say_left(&r, &e);
		else if (rc == 0)
			say_undone(&r);
		store_close(&store);
	}
	if (rc < 0 && rc != -ENOENT && e.outcome != OUTCOME_STUCK)
		log_error("%s", e.msg);
	return rc < 0 && rc != -ENOENT ? 1 : 0; /* no record: no obligation */
}

int
cmd_fault(const struct recover *o)
{
	struct err e = { 0 };
	int left;

	if (need_root() != 0)
		return EXIT_DIRTY;
	left = instance_each(o, undo_fault, &e);
	if (left < 0)
		log_error("%s", e.msg);
	return left == 0 ? EXIT_CLEAN : EXIT_DIRTY;
}
