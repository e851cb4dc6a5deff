/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEP_H
#define KEEP_H
/*
 * Keepers: children of a holder that have sockets bound to ports, told which through a page
 * they share with it.  They are processes since one may not have as many descriptors as a
 * host has ports, and since several are quicker at giving them all back.  The leash
 * (leash.h) ends them all at once, and the ports are free.
 */
#include "crew.h"
#include "parse.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct keep_page;

enum {
	KEEP_MAX = 65536, /* ports at addresses */
	KEEP_ADDRESSES_MAX = 8,
	KEEPERS_MAX = 80,
};

struct keep {
	struct keep_page *page;
	struct crew crew; /* closing its leash ends every keeper */
	size_t keepers;
	size_t room; /* places there are, for one port at one address each */
};

struct keep_plan {
	uint8_t protocol;
	bool listens; /* TCP: in LISTEN, though nobody accepts */
	const struct net *addresses;
	size_t
	    addresses_count; /* none: every local one, of both families in one socket */
	size_t room;
};

/* -EMFILE when this process's limit of descriptors would ask for too many keepers. */
int keep_init(struct keep *k, const struct keep_plan *plan, struct err *e);
/* What a place is for; an address by its number, before keep_start if it is not the first. */
void keep_put(struct keep *k, size_t place, uint16_t port, unsigned address);
/* Start the keepers; each makes its sockets and binds none.  */
int keep_start(
    struct keep *k, const char *fault, const struct child_group *g, struct err *e);
/* Bind what was put since the last time; back when all of it was tried. */
int keep_turn(struct keep *k, struct err *e);

/* What became of a place: 0 nothing was put there, 1 it is held, or a negative errno: put
 * another port there. */
int keep_state(const struct keep *k, size_t place);
uint16_t keep_port(const struct keep *k, size_t place);
size_t keep_held(const struct keep *k);
bool keep_lost(struct keep *k); /* has a keeper ended by itself? */
void keep_reap(struct keep *k); /* kills those that are left, waits for their end */

#endif
