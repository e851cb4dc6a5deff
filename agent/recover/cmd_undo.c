/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --all and --fault.  All of an instance is undone only under its lock, or by the stormd
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
check_halted(const char *run_dir)
{
	int count = instance_count_records(run_dir);

	if (count > 0)
		log_error("stormd of '%s' says it is clean, and %d records are left",
		    run_dir, count);
	return count;
}

/* 0 with the lock, or with -1 where it is inherited; 1 when a live stormd did it all. */
static int
take_lock(const struct recover *o, const char *run_dir, int *ret_lock, struct err *e)
{
	int lock;

	if (o->lock_fd >= 0)
		return 0;
	lock = instance_lock(run_dir, e);
	if (lock == -EWOULDBLOCK)
		return halt_or_lock(run_dir, ret_lock, e);
	if (lock < 0)
		return lock;
	*ret_lock = lock;
	return 0;
}

/* How many faults are left. */
static int
undo_instance(const struct recover *o, const char *run_dir)
{
	_cleanup_close_ int lock = -1;
	struct err e = { 0 };
	int r, left;

	r = take_lock(o, run_dir, &lock, &e);
	if (r > 0)
		return check_halted(run_dir);
	if (r < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	left = sweep_records(run_dir, o->host_dir, o->barrier_fd);
	if (left == 0)
		instance_tidy(run_dir, o->host_dir);
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
undo_fault(const struct recover *o, const char *run_dir)
{
	struct store store;
	struct record r;
	struct err e = { 0 };
	int rc;

	rc = store_open(&store, run_dir, o->host_dir, &e);
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
