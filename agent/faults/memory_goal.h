/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_GOAL_H
#define MEMORY_GOAL_H
/*
 * How much memory a fill is to hold: the goal from what was asked for, and from one moment
 * to the next how much of it may be held now.  Pure arithmetic; no file is read here.
 */
#include "clock.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_PAGE UINT64_C(4096)
#define MEMORY_LEAST \
 (UINT64_C(1) << 20) /* less is no fill: the kernel's counts are coarser */

enum memory_way {
	MEMORY_SIZE,          /* amount in bytes */
	MEMORY_LEAVE,         /* amount in bytes */
	MEMORY_PERCENT_TOTAL, /* amount in thousandths of a percent */
	MEMORY_PERCENT_AVAILABLE,
	MEMORY_PERCENT_LIMIT,
};

struct memory_ask {
	enum memory_way way;
	uint64_t amount;
};

/* What there is, all in bytes; UINT64_MAX for a limit that is none. */
struct memory_state {
	uint64_t total, available; /* of the host */
	uint64_t limit, below;     /* of the group, and what is available below it */
};

uint64_t memory_keep_free(uint64_t total); /* unless it was said */
/* What is available where the fill is: on the host, and below the limit. */
uint64_t memory_available(const struct memory_state *s);
/* Bytes to hold, whole pages; 0: what was asked for is so already. */
uint64_t memory_goal(const struct memory_ask *a, const struct memory_state *s);
/* The most that the host could give and have `keep_free` left. */
uint64_t memory_room(const struct memory_state *s, uint64_t keep_free);

/* How fast it grows, from both that can be said: bytes a second, 0 for at once. */
uint64_t memory_rate(uint64_t goal, uint64_t rate, usec_t ramp);
/* The i-th of `count` shares of `bytes`, which add up to all of it, in whole pages. */
uint64_t memory_share(uint64_t bytes, size_t i, size_t count);

enum memory_brake {
	MEMORY_FREE_TO_GROW,
	MEMORY_BY_FLOOR,    /* others need what it has, or would take */
	MEMORY_BY_PRESSURE, /* processes wait for memory more than they may */
};

struct memory_governor {
	uint64_t goal, keep_free, rate; /* rate 0: at once */
	uint32_t pressure_max;          /* thousandths of a percent; 0: whatever it is */
	usec_t began;
	/* its own; zero when it begins, but for the ceiling: the goal */
	uint64_t ceiling;
	usec_t judged; /* when pressure last had a say */
	enum memory_brake brake;
};

struct memory_now {
	uint64_t held, available;
	uint32_t pressure;
	usec_t now;
};

/* How much may be held now. */
uint64_t memory_govern(struct memory_governor *g, const struct memory_now *n);

#endif
