/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEDULE_H
#define SCHEDULE_H
/*
 * When a probe's requests are due: absolute moments, computed from the start each time, so
 * that neither rounding nor a late turn of the loop ever shifts the ones that follow.
 */
#include "clock.h"
#include <stddef.h>
#include <stdint.h>

struct schedule {
	usec_t from; /* the first moment */
	uint64_t rate_mhz;
	uint64_t next; /* which one is due next, from 0 */
};

/* The index-th of count probes: first moments are spread over its interval, so that the
 * bursts of several probes do not coincide. */
void schedule_start(
    struct schedule *s, uint64_t rate_mhz, usec_t from, size_t index, size_t count);
void schedule_stop(struct schedule *s);
/* The next moment; USEC_INFINITY when stopped. */
usec_t schedule_next(const struct schedule *s);
/* The same, and go on to the one after it. */
usec_t schedule_take(struct schedule *s);

#endif
