/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNDIR_H
#define RUNDIR_H
/* The instance's directories: their locks, the halted mark, its records as a number. */
#include "bounds.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct options;

struct rundir {
	int dir, lock_fd, locks_dir; /* locks_dir: host-dir/locks */
	int state_fd;                /* the lock on state-dir; -1: it is not there */
	char state_dir[PATH_LEN_MAX];
	int host_fd;                        /* the hold on host-dir */
	char empty_path[PATH_LEN_MAX + 16]; /* what the front changes its root to */
	bool is_unsaved;   /* halted by us, the mark is still to be written */
	bool is_unwritten; /* it could not be: halted as long as we live */
	char halted_by[WHO_MAX];
};

/* Make the directories and take the lock; -EBUSY (refused) when another stormd has it.
 * A lock that is held by a dead stormd's guardian is waited for, a few seconds. */
int rundir_open(struct rundir *r, const struct options *o, struct err *e);
bool rundir_has_record(const struct rundir *r, const char *id);
uint32_t rundir_records(const struct rundir *r);
/* Halted, by whichever instance of the host? */
bool rundir_is_halted(const struct rundir *r);
/* In force at once; rundir_turn writes it down, after what is urgent. */
void rundir_halt(struct rundir *r, const char *by);
void rundir_turn(struct rundir *r);
int rundir_resume(struct rundir *r, struct err *e);
/* An ephemeral agent's directory goes with it, and host-dir if it was the last there. */
void rundir_close(struct rundir *r, const struct options *o);

#endif
