/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXHAUST_H
#define EXHAUST_H
/*
 * Leaving a host without ephemeral ports: which of them are to be held so that no more than
 * some are free, now and as others give theirs back.
 */
#include "keep.h"
#include "local_ports.h"
#include "sock_diag.h"

struct exhaust {
	uint8_t protocol;
	size_t leave; /* ports that stay free */
	struct port_range range;
	struct port_set reserved; /* never given to anybody by itself */
	struct nl *diag;
	struct port_set used; /* at the last look; by anybody, us too */
	size_t others, free;  /* at the last look */
};

/* Reads only; -EADDRNOTAVAIL when there are no more free than are to be left. */
int exhaust_init(struct exhaust *x, uint8_t protocol, size_t leave, struct err *e);
/* The most that will ever have to be held. */
size_t exhaust_room(const struct exhaust *x);
/* Have what is free beyond `leave` held, too.  What others were quicker to take counts as
 * used. */
int exhaust_fill(struct exhaust *x, struct keep *k, struct err *e);

#endif
