/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECOVER_H
#define RECOVER_H
/*
 * stormd-undo: takes away what an agent left, by its records, when the agent itself cannot
 * do so any more; and, in guard mode, the process that waits for that moment.
 */
#include "bounds.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct err;
struct record;
struct store;
struct undo_ctx;

enum { EXIT_CLEAN = 0, EXIT_USAGE = 2, EXIT_DIRTY = 20 };

struct recover {
	int (*verb)(const struct recover *o); /* returns the exit code */
	char host_dir[PATH_LEN_MAX];
	char run_dir[PATH_LEN_MAX]; /* "": every instance of host_dir */
	const char *fault;          /* --fault ID */
	int lock_fd; /* the flock on run_dir is inherited, as is the barrier; else -1 */
	int barrier_fd;
};

int recover_main(int argc, char **argv);

/* One file each. */
int cmd_list(const struct recover *o);
int cmd_all(const struct recover *o);
int cmd_fault(const struct recover *o);
int cmd_doctor_host(const struct recover *o);
int cmd_guard(const struct recover *o);

/* instance.c: call fn for the one run-dir asked for, or for each below host_dir that has
 * obligations of its own.  The sum of what fn returns, or a negative errno. */
int instance_each(const struct recover *o,
    int (*fn)(const struct recover *o, const char *run_dir), struct err *e);
/* The flock on run_dir: a descriptor, -EWOULDBLOCK when somebody has it. */
int instance_lock(const char *run_dir, struct err *e);
/* The records of an instance, for reading only: nothing is made. */
int instance_open_records(const char *run_dir, struct store *ret, struct err *e);
int instance_count_records(const char *run_dir);
/* Takes a run-dir away that only an embedded drill needed and that holds nothing any more. */
void instance_tidy(const char *run_dir, const char *host_dir);

/* halt.c: ask the stormd that has the lock to halt, and wait until it has, or until the
 * lock is free because it died.  1 all clean (by it, or by its guardian), 0 with the lock in *ret_lock,
 * -EBUSY when it said that something is left, -ETIMEDOUT when nobody did anything. */
int halt_or_lock(const char *run_dir, int *ret_lock, struct err *e);

/* sweep.c: undo every record of a run-dir, newest first, twice over (a record may have been
 * written while the first pass ran).  How many are left; each of those is said on stderr
 * with what a person can do. */
int sweep_records(const char *run_dir, const char *host_dir, int barrier_fd);
/* The commands by which a person undoes this record, one per line. */
void print_by_hand(FILE *to, const struct record *r);
/* ", in network namespace 4026532281", or "" when that is ours; returns buf. */
const char *other_network(const struct record *r, char *buf, size_t size);
void say_undone(const struct record *r);
void say_left(const struct record *r, const struct err *why);

/* barrier.c: kill whatever keeps the write end of this pipe open, until none does.
 * 0, or -ETIMEDOUT with how many in `e` when some are left after wait_ms. */
int barrier_clear(int read_fd, int wait_ms, struct err *e);

#endif
