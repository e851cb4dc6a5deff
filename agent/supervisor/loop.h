/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOOP_H
#define LOOP_H
/*
 * stormd's one wait: descriptors and the next moment at which something is due.  A source
 * is embedded in what it belongs to and may be dropped at any time, also by another
 * source's handler of the same turn.
 */
#include "clock.h"
#include <stdbool.h>

struct err;

struct source {
	int fd; /* -1: not in the loop */
	void (*ready)(void *ctx);
	void *ctx;
};

struct loop {
	int epoll, timer;
	struct source timer_source;
	uint64_t slow_turns; /* over 10 ms */
};

int loop_begin(struct loop *l, struct err *e);
/* Watch fd for reading (and its end); the descriptor stays the caller's. */
int loop_add(struct loop *l, struct source *s, int fd, struct err *e);
void loop_drop(struct loop *l, struct source *s); /* fine when it is not in */
/* Wait until a source is ready or `next` (CLOCK_BOOTTIME) has come, and call the handlers
 * of what is ready. */
int loop_serve(struct loop *l, usec_t next, struct err *e);
/* Count a turn that began then and ends now. */
void loop_account(struct loop *l, usec_t began);

#endif
