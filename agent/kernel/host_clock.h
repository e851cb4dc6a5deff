/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H
/*
 * The host's wall clock and how fast it runs.  Setting it changes CLOCK_REALTIME alone; its
 * rate (tick and freq) is also that of CLOCK_MONOTONIC and CLOCK_BOOTTIME, and only
 * CLOCK_MONOTONIC_RAW shows what it has come to.
 */
#include <stdbool.h>
#include <stdint.h>

struct err;

struct clock_rate {
	int64_t tick; /* µs per tick of USER_HZ: 10000 is right, 9000 to 11000 possible */
	int64_t freq; /* of 2^-16 ppm, at most 500 ppm */
};
#define CLOCK_TICK_MIN  9000
#define CLOCK_TICK_MAX  11000
#define CLOCK_FREQ_MAX  (500 << 16)
#define CLOCK_RATE_NONE ((struct clock_rate){ .tick = 10000 })

struct host_clock {
	int64_t offset; /* CLOCK_REALTIME - CLOCK_BOOTTIME, ns: changed by setting only */
	int64_t raw;    /* CLOCK_MONOTONIC_RAW, ns */
	int64_t lead;   /* CLOCK_MONOTONIC - raw, ns: changed by the rate only */
	struct clock_rate rate;
	int64_t status; /* STA_… */
	int64_t maxerror, esterror;
};

/* Reads only; anybody may. */
int host_clock_read(struct host_clock *ret, struct err *e);
/* Set CLOCK_REALTIME by this much, at one instant.  As any setting of the clock it marks it
 * unsynchronised, so that the kernel keeps the hardware clock as it is. */
int host_clock_shift(int64_t ns, struct err *e);
int host_clock_set_rate(const struct clock_rate *r, struct err *e);
/* The kernel no longer takes the clock for synchronised, and no longer sets the hardware
 * clock by it. */
int host_clock_unsync(struct err *e);
/* It is synchronised again, with these errors (µs). */
int host_clock_sync(int64_t maxerror, int64_t esterror, struct err *e);

/* A rate in thousandths of a ppm off the right one, and the rate nearest to that;
 * -ERANGE when the kernel has none. */
int64_t clock_rate_ppb(const struct clock_rate *r);
int clock_rate_of(int64_t ppb, struct clock_rate *ret);

#endif
