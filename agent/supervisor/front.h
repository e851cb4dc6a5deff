/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRONT_H
#define FRONT_H
/*
 * The front: the process that speaks HTTP and JSON for us, and its socket.  stormd binds
 * and keeps the socket, so that a new front serves whoever is still waiting on it.
 */
#include "loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drill;
struct err;
struct super;

/* MSG_ARM has come, its faults are coming: nothing else may come in between. */
struct arming {
	struct drill *drill;  /* being filled; NULL when the faults are only counted */
	struct drill *repeat; /* the drill this request is a repetition of */
	uint32_t seq;
	size_t left;
	usec_t received;
};

struct front {
	struct super *super;
	struct source channel, death;
	int listen_fd;
	bool is_broken;
	const char *why;
	usec_t started, restart_at; /* 0: not planned */
	struct arming arming;
};

int front_open(struct front *f, struct super *s, struct err *e); /* binds and listens */
/* It broke the protocol or is gone: looked after at the end of the turn. */
void front_broken(struct front *f, const char *why);
void front_turn(struct front *f, usec_t now);
usec_t front_next(const struct front *f);
void front_close(struct front *f); /* for good */

#endif
