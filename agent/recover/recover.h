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
	/* Both "": every instance of host_dir, and what is left of one in the default
	 * state directories.  One of them "": an instance of which only the other is known. */
	char run_dir[PATH_LEN_MAX], state_dir[PATH_LEN_MAX];
	char default_state_dir
	    [PATH_LEN_MAX]; /* of a run-dir in its default place, while it names none */
	const char *fault;  /* --fault ID */
	int lock_fd; /* the flock on run_dir is inherited, as is the barrier; else -1 */
	int barrier_fd;
};

/* One agent's directories: its run-dir, or "" when a reboot left only its state-dir. */
struct instance {
	char run_dir[PATH_LEN_MAX], state_dir[PATH_LEN_MAX];
};

int recover_main(int argc, char **argv);

/* One file each. */
int cmd_list(const struct recover *o);
int cmd_all(const struct recover *o);
int cmd_earlier(const struct recover *o);
int cmd_fault(const struct recover *o);
int cmd_doctor_host(const struct recover *o);
int cmd_guard(const struct recover *o);

/* instance.c: call fn for the one instance asked for, or for each that can have obligations
 * of its own.  The sum of what fn returns, or a negative errno. */
int instance_each(const struct recover *o,
    int (*fn)(const struct recover *o, const struct instance *i), struct err *e);
/* The one that was asked for: its state-dir is the one given, or the one its run-dir names. */
void instance_asked(const struct recover *o, struct instance *ret);
/* What a person calls it: its run-dir, or what is left. */
const char *instance_name(const struct instance *i);
/* "--run-dir DIR" or "--state-dir DIR", for a command to type; returns buf. */
const char *instance_option(const struct instance *i, char *buf, size_t size);
/* The flock on run_dir: a descriptor, -EWOULDBLOCK when somebody has it. */
int instance_lock(const char *run_dir, struct err *e);
/* That on a state_dir, which a live agent has wherever its run-dir is. */
int instance_lock_state(const char *state_dir, struct err *e);
/* Has it a directory of records? */
bool instance_is_there(const struct instance *i);
/* The records of an instance, for reading only: nothing is made. */
int instance_open_records(const struct instance *i, struct store *ret, struct err *e);
int instance_count_records(const struct instance *i);
/* Takes directories away that only an embedded drill needed and that hold nothing any more. */
void instance_tidy(const struct instance *i, const char *host_dir);

/* halt.c: ask the stormd that has the lock to halt, and wait until it has, or until the
 * lock is free because it died.  1 all clean (by it, or by its guardian), 0 with the lock in *ret_lock,
 * -EBUSY when it said that something is left, -ETIMEDOUT when nobody did anything. */
int halt_or_lock(const char *run_dir, int *ret_lock, struct err *e);

/* sweep.c: undo every record of an instance, newest first, twice over (a record may have been
 * written while the first pass ran).  How many are left; each of those is said on stderr
 * with what a person can do. */
int sweep_records(const struct instance *in, const char *host_dir, int barrier_fd);
/* The same of records of earlier boots alone, which are nobody's any more, whoever lives. */
int sweep_earlier(const struct instance *in, const char *host_dir);
/* The commands by which a person undoes this record, one per line. */
void print_by_hand(FILE *to, const struct record *r);
/* ", in network namespace 4026532281", ", of an earlier boot", or "" when it is of ours;
 * returns buf. */
const char *other_place(const struct record *r, char *buf, size_t size);
void say_undone(const struct record *r);
void say_left(const struct record *r, const struct err *why);

/* barrier.c: kill whatever keeps the write end of this pipe open, until none does.
 * 0, or -ETIMEDOUT with how many in `e` when some are left after wait_ms. */
int barrier_clear(int read_fd, int wait_ms, struct err *e);

#endif
