/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FILL_PAGE_H
#define FILL_PAGE_H
/* What the holder of a disk.fill and its filler share; private to disk_fill.c, filler.c. */
#include "clock.h"
#include "err.h"
#include "place.h"
#include "taking.h"
#include <stdatomic.h>

#define FOLLOW_PERIOD (250 * USEC_PER_MSEC) /* documented in stormdrill-faults(7) */

enum fill_way { FILL_SIZE, FILL_LEAVE, FILL_PERCENT };
struct fill_goal {
	enum fill_way way;
	uint64_t amount; /* bytes, or thousandths of a percent */
};
/* FILL_SIZE: the bytes of the file, whole blocks. */
uint64_t fill_bytes(const struct fill_goal *g, const struct disk_space *s);
/* The blocks that are left when the goal is met. */
uint64_t fill_left(const struct fill_goal *g, const struct disk_space *s);

enum { FILL_WORKING, FILL_MET, FILL_FAILED };

struct fill_page {
	struct place place;
	char name[32];   /* of the file; "": it has none */
	bool keeps_name; /* to the end, else unlinked as soon as it is open */
	struct fill_goal goal;
	uint64_t rate; /* bytes per second; 0: at once */
	bool follows;
	uint64_t seed;
	enum taking_method method;  /* from then on what the filler found to work */
	_Atomic uint32_t is_going;  /* holder → filler, a futex */
	_Atomic uint32_t state;     /* filler → holder, a futex */
	_Atomic uint64_t held;      /* bytes */
	_Atomic uint64_t was, left; /* bytes available before, and now */
	_Atomic bool has_vanished;  /* the place is no longer where its path leads */
	struct err why;             /* of FILL_FAILED */
};

#endif
