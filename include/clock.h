/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLOCK_H
#define CLOCK_H
/*
 * One time type.  Every deadline, lease and stamp of the agent is CLOCK_BOOTTIME in
 * microseconds: suspend must not extend a fault, and a clock fault must not touch it.
 * The controller uses the same clock; wall time appears only in reports.
 */
#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC  ((usec_t)1000000)
#define NSEC_PER_USEC ((uint64_t)1000)
#define USEC_INFINITY ((usec_t)INT64_MAX)

usec_t clock_boottime(void);
usec_t clock_wall(void); /* CLOCK_REALTIME since the epoch */
/* "2026-11-22T02:13:05.123Z" of a wall time; buf of at least 32 bytes; returns buf. */
const char *clock_iso8601(usec_t wall, char *buf, unsigned long size);
/* "1.5s", "100ms", "250us": the shortest exact form; returns buf. */
const char *format_usec(usec_t t, char *buf, unsigned long size);
void sleep_usec(usec_t t); /* to its end, through signals */

/* The boot id, 36 characters and NUL; 0 or negative errno. */
#define BOOT_ID_LEN 37
struct err;
int clock_boot_id(char ret_id[static BOOT_ID_LEN], struct err *e);

#endif
