/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REMOTE_H
#define REMOTE_H
/*
 * Connections over TCP until they are known: accepted by us, so that there is a bound on
 * those in their handshake, and handed to a TLS server of libmicrohttpd's.
 */
#include "conn.h"
#include "tls_files.h"

struct remote {
	struct MHD_Daemon *daemon; /* NULL: TCP is not served */
	struct conns *conns;
	int listen_fd;
	struct tls_creds *creds; /* NULL: not yet, nothing is accepted */
	struct tls_files files;  /* on their way */
	usec_t quiet_until;      /* refusals are logged once a second */
	unsigned unlogged;
};

/* To be read when readable; -1 while there is nothing to be accepted with. */
int remote_listen_fd(const struct remote *r);
void remote_accept(struct remote *r);
/* libmicrohttpd has taken it over, and is about to begin the handshake. */
void remote_begin(struct remote *r, struct conn *c);
/* A piece of the pki: 0 to go on, 1 when it is in use, or why it is not; -EBADMSG for what
 * stormd would not send. */
int remote_pki(struct remote *r, const struct msg_pki *m, struct err *e);

#endif
