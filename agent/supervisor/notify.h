/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NOTIFY_H
#define NOTIFY_H
/* sd_notify(3) by hand: one datagram.  Without systemd every call does nothing. */
#include "clock.h"

struct notify {
	int fd;
	usec_t every; /* WATCHDOG=1 this often; 0: no watchdog */
	usec_t next;
};

void notify_open(struct notify *n); /* reads NOTIFY_SOCKET and WATCHDOG_USEC */
void notify_say(struct notify *n, const char *state); /* "READY=1" */
void notify_turn(struct notify *n, usec_t now);
usec_t notify_next(const struct notify *n);

#endif
