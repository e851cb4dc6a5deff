/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REMOTE_H
#define REMOTE_H
/*
 * Connections over TCP until they are known: accepted by us, so that there is a bound on
 * those in their handshake, and handed to a TLS server of libmicrohttpd's.
 */
#include "conn.h"
#include "tls_files.h"
#include <poll.h>
#include <stddef.h>

struct remote {
	struct MHD_Daemon *daemon; /* NULL: TCP is not served */
	struct conns *conns;
	int listen_fd;
	struct tls_creds *creds; /* NULL: not yet, nothing is accepted */
	struct tls_files files;  /* on their way */
	usec_t accepted_until;   /* as many have been accepted as this time allows */
	usec_t quiet_until;      /* refusals are logged once a second */
	unsigned unlogged;
};

/* The listening socket, each connection's, and one of libmicrohttpd's own. */
#define REMOTE_FDS (REMOTE_MAX + 2 * HANDSHAKES_MAX + 2)
/* What to wait for: how many were stored. */
size_t remote_fds(const struct remote *r, struct pollfd ret[static REMOTE_FDS]);
/* How long at most: `ms`, -1 for ever, or less while nobody is accepted. */
int remote_timeout_ms(const struct remote *r, int ms);
/* Accept, read, answer: after poll() has looked at these. */
int remote_run(struct remote *r, const struct pollfd *fds, size_t count, struct err *e);
/* libmicrohttpd has taken it over, and is about to begin the handshake. */
void remote_begin(struct remote *r, struct conn *c);
/* A piece of the pki: 0 to go on, 1 when it is in use, or why it is not; -EBADMSG for what
 * stormd would not send. */
int remote_pki(struct remote *r, const struct msg_pki *m, struct err *e);

#endif
