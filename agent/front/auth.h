/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_H
#define AUTH_H
/* Who is at the other end of a connection, as the kernel says. */
#include <stdbool.h>
#include <sys/types.h>

struct peer {
	uid_t uid;
	pid_t pid;
};

/* 0, or -ENOTCONN when the kernel cannot say. */
int peer_of(int fd, struct peer *ret);

/* The last places are root's: nobody may keep the stop button busy. */
#define CONNECTIONS_MAX   64
#define CONNECTIONS_USERS 48
bool peer_may_enter(const struct peer *p, unsigned connections);

#endif
