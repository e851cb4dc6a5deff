/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRONT_H
#define FRONT_H
/*
 * The front: the process that speaks HTTP, JSON and TLS for us, and its sockets.  stormd
 * binds and keeps them, so that a new front serves whoever is still waiting on them.
 */
#include "hostpki.h"
#include "loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drill;
struct err;
struct listen_at;
struct options;
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
	int listen_fd, tls_fd; /* tls_fd 0: TCP is not served */
	struct hostpki pki;
	bool is_broken;
	const char *why;
	usec_t started, restart_at; /* 0: not planned */
	struct arming arming;
};

/* With --listen: read the pki, before anything else is done. */
int front_read_pki(struct front *f, const struct options *o, struct err *e);
int front_open(struct front *f, struct super *s, struct err *e); /* the Unix socket */
int front_open_tcp(struct front *f, const struct listen_at *l, struct err *e);
/* 1: it takes requests; 0: not yet; negative: it cannot, because of what is in the pki. */
int front_serves(const struct front *f, struct err *e);
/* Read the pki again and hand it to the front; what is wrong is said and not used. */
void front_reload(struct front *f);
/* It broke the protocol or is gone: looked after at the end of the turn. */
void front_broken(struct front *f, const char *why);
void front_turn(struct front *f, usec_t now);
usec_t front_next(const struct front *f);
void front_close(struct front *f); /* for good */

#endif
