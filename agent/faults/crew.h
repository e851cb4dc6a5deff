/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CREW_H
#define CREW_H
/*
 * A crew: children of a holder that do what the holder must not do itself: burn CPU, fill
 * memory, wait for a disk, hold what a process may have only so much of.  Each is this very
 * program, started again as `--work NAME NUMBER FAULT`, so that nothing of the holder's
 * memory, locks or descriptors is in it; they share a page, and nothing else.
 *
 * Every member is killed by whichever comes first: its cgroup (child_group.h), the end of
 * its parent, or the closing of the leash (leash.h).  It has ordinary scheduling and an OOM
 * score above everybody's: of all that is killed for want of memory, it is the first.
 */
#include "clock.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct crew_head;
struct child_group;

#define CREW_MAX 1024

/* In a member. */
struct member {
	unsigned number; /* 0 … */
	const char *fault;
	void *page; /* what all members and the holder share */
	struct crew_head *head;
};

/* One row for each kind of work, in the file that does it. */
struct crew_work {
	const char *name; /* "burn" */
	const char *comm; /* "stormd-burner", as ps shows it */
	size_t page_size; /* bytes shared; zero when it begins */
	uint64_t caps;    /* what it keeps of the holder's: CAP_BIT(…) */
	/* Get ready, call crew_ready, then work until killed.  What it returns is an error:
	 * before it was ready the holder is told, later it is on stderr, too. */
	int (*run)(struct member *m, struct err *e);
};

#define CREW_LIST(X) \
 X(burn)             \
 X(fill_disk)        \
 X(fill_memory)      \
 X(hold_inodes)      \
 X(keep)             \
 X(load_disk)        \
 X(trace)            \
 X(try)              \
 X(try_files)        \
 X(try_threads)

#define CREW_DECLARE(name) extern const struct crew_work work_##name;
CREW_LIST(CREW_DECLARE)
#undef CREW_DECLARE

/* In the holder. */
struct crew {
	const struct crew_work *work;
	struct crew_head *head;
	void *page;
	size_t page_size;
	size_t count;
	int page_fd, leash_in;
	int leash;  /* for UNDO_DESCRIPTOR: closing it ends every member */
	pid_t *pid; /* of each; 0: not started, or reaped */
};

/* In prepare: pipe and page, and no process yet.  page_size 0: what the work says. */
int crew_init(struct crew *c, const struct crew_work *work, size_t count,
    size_t page_size, struct err *e);
/* In stage: start all of them and wait until each is ready.  They are in their cgroup, with
 * its CPUs and its limits, before their work begins.  A member's own words are in `e`. */
int crew_start(struct crew *c, const char *fault, const struct child_group *g,
    usec_t patience, struct err *e);
/* One that ended by itself since: its number and how (as of waitpid), else -1. */
int crew_lost(struct crew *c, int *ret_status);
/* Kill those that are left and wait for their end. */
void crew_reap(struct crew *c);

/* In a member: what it does from now on has an effect only when it is told to. */
void crew_ready(struct member *m);
/* main() of `stormd-fault --work NAME NUMBER FAULT`. */
int crew_main(int argc, char **argv);

#endif
