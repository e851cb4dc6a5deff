/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCKS_H
#define LOCKS_H
/*
 * Resources of the host, held by one drill at a time, whichever instance runs it: a file
 * each in host-dir/locks, under flock, whose text says who has it.  The kernel lets go of
 * all of them with the process.
 */
#include "bounds.h"
#include "clock.h"
#include <stddef.h>

struct err;

struct held {
	int fd;
	char name[32];
};

struct locks {
	int dir;
	size_t count;
	struct held *held;
};

/* What the next one reads: "drill 'x' of alice (uid 1000)", and until when. */
struct lock_owner {
	char text[WHO_MAX + 96];
	usec_t until; /* CLOCK_BOOTTIME; 0: not known */
};

/* Also removes what agents left that were killed. */
int locks_open(int *ret_dir, const char *host_dir, struct err *e);
void locks_init(struct locks *l, int dir);
/* 0 also when these locks hold it already; -EBUSY (refused) naming the owner. */
int locks_take(
    struct locks *l, const char *name, const struct lock_owner *owner, struct err *e);
void locks_release(struct locks *l); /* all of them */

#endif
