/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONN_H
#define CONN_H
/* Connections, of either socket: who, how long still, and how far its request is. */
#include "answer.h"
#include "auth.h"
#include "clock.h"
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdbool.h>

#define SEND_DEADLINE   (5 * USEC_PER_SEC)  /* to say who it is, to send a request */
#define ANSWER_DEADLINE (20 * USEC_PER_SEC) /* to take an answer */
#define IDLE_DEADLINE \
 (120 * USEC_PER_SEC) /* between requests; the longest lease is 1 m */

enum step {
	STEP_READ,   /* the request is coming in */
	STEP_WAIT,   /* asked of stormd, suspended */
	STEP_ANSWER, /* body and status are there */
	STEP_ANSWERED
};

struct remote;
struct tls_creds;

struct conn {
	struct conn *next, **link;
	struct MHD_Connection *mhd;
	int fd;
	struct peer peer;
	bool is_known; /* peer is who it is; what is not known asks nothing */
	bool is_hung_up;
	usec_t began, deadline;
	/* over TCP */
	struct remote *remote; /* NULL: by the Unix socket */
	gnutls_session_t session;
	struct tls_creds *creds;
	/* its request */
	enum step step;
	bool has_begun; /* libmicrohttpd has announced it */
	uint32_t seq;
	char *body;
	size_t body_len, body_room, body_seen;
	struct answer answer;
	json_t *reply;
	unsigned status;
};

struct conns {
	struct conn *first;
};

struct conn *conn_new(struct conns *all, struct MHD_Connection *mhd);
void conn_free(struct conn *c);
/* Ready for the next request. */
void conn_clear_request(struct conn *c);
/* No byte more, either way; libmicrohttpd sees it and does the rest. */
void conn_hang_up(struct conn *c);
/* How many known peers there are, over TCP or by the Unix socket. */
unsigned conns_known(const struct conns *all, bool is_remote);
/* Hang up on those whose time is over, for what they are to do or for who they are. */
void conns_turn(struct conns *all, usec_t now);

#endif
