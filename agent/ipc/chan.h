/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHAN_H
#define CHAN_H
/* A channel: one end of a SOCK_SEQPACKET pair that carries union msg. */
#include "msg.h"

/* Descriptors of every child of stormd, by number (spawn.h passes them in this order). */
enum {
	CHAN_FD = 3, /* front, holder: the channel to stormd */
	BARRIER_FD =
	    4, /* holder: write end of the guardian's pipe; tools inherit it as 3 */
	LISTEN_FD = 4, /* front: the listening Unix socket */
	TLS_FD = 5,    /* front, with --tls: the listening TCP socket */
};

int chan_pair(int ret_fds[static 2], struct err *e); /* both non-blocking, CLOEXEC */
/* Send one message; head.type decides the size.  -EAGAIN when the peer's buffer is full:
 * senders that must not block treat that as a dead peer. */
int chan_send(int fd, const void *msg, struct err *e);
/* 1 with a message of the exact size of its type, 0 when there is none now, -EPIPE at the
 * end, -EBADMSG for a malformed one: end its sender. */
int chan_recv(int fd, union msg *ret, struct err *e);

/* NUL-terminated within its array?  For every string of a received message. */
#define IS_TERMINATED(field) (memchr((field), '\0', sizeof(field)) != NULL)

#endif
