/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_H
#define AUTH_H
/* Who is at the other end of a connection, as the kernel or a certificate says. */
#include "clock.h"
#include "msg.h"
#include <stdbool.h>
#include <sys/types.h>

struct peer {
	uid_t uid; /* UID_REMOTE by certificate */
	pid_t pid; /* 0: unknown */
	enum role role;
	char name[NAME_MAX_LEN]; /* of the certificate, or "" */
	usec_t until;            /* clock_wall() by which it is good; 0: for ever */
};

/* Of a Unix socket: 0, or -ENOTCONN when the kernel cannot say. */
int peer_of(int fd, struct peer *ret);
/* "uid 1000", "'alice'": for the log; returns buf. */
const char *peer_describe(const struct peer *p, char *buf, size_t size);

/*
 * How many are served, by the Unix socket and by TCP apart, so that neither can keep the
 * other's stop button busy.  The last places are root's, and operators'.
 */
#define LOCAL_MAX      64
#define LOCAL_USERS    48
#define REMOTE_MAX     48
#define REMOTE_VIEWER  32
#define HANDSHAKES_MAX 16 /* beside REMOTE_MAX: those who have not said who they are */
/* Is there a place for one more, beside so many of its kind? */
bool peer_may_enter(const struct peer *p, unsigned connections);

#endif
