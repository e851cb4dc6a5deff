/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMELINE_H
#define TIMELINE_H
/*
 * When each fault of a fired drill begins and ends.  Pure: no clock of its own.  A fault
 * whose end has come before it could begin is never applied.
 */
#include "clock.h"
#include "spec.h"
#include <stdbool.h>

struct span {
	usec_t at, until; /* CLOCK_BOOTTIME; 0: not fired */
	bool is_oneshot;  /* happens at `at`; its holder ends it */
	bool is_applied;  /* told so */
	bool is_over;     /* told to disarm, or gone by itself */
};

enum turn { TURN_WAIT, TURN_APPLY, TURN_DISARM };

/* The span of a fault in a drill fired at `fired`. */
struct span timeline_span(const struct spec *s, usec_t fired);
enum turn timeline_due(const struct span *s, usec_t now);
usec_t timeline_next(const struct span *s); /* USEC_INFINITY: nothing to come */
/* Do two faults of a drill overlap in time? */
bool timeline_overlap(const struct spec *a, const struct spec *b);

#endif
