/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUARD_H
#define GUARD_H
/*
 * The guardian's keeper: starts it, starts it again when it dies, and keeps the page it
 * watches (pulse.h) true.
 */
#include "loop.h"
#include "pulse.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct super;

struct guard {
	struct super *super;
	struct source death;
	struct pulse *pulse;
	int pulse_fd, self_fd, barrier_read, barrier_write;
	usec_t started, restart_at, alone_since; /* 0: not */
};

/* Make page and pipe, and start the first guardian: without one there is no agent. */
int guard_open(struct guard *g, struct super *s, struct err *e);
void guard_turn(struct guard *g, usec_t now);
usec_t guard_next(const struct guard *g);
/* The loop turns; this many faults are live; the earliest must be undone by `deadline`. */
void guard_tick(struct guard *g, usec_t now, uint32_t live, usec_t deadline);
bool guard_is_there(const struct guard *g);
/* In the middle of a turn: what follows may take so long and is no hang (0: it is done).  A
 * deadline counts all the same. */
void guard_allow(struct guard *g, usec_t more);
/* We leave in order: nothing for it to do. */
void guard_done(struct guard *g);

#endif
