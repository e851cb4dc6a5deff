/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H
#define HTTP_H
/*
 * The HTTP side of the front.  One connection carries one request at a time: read whole,
 * asked of stormd, suspended, answered when MSG_ANSWER of its seq has come.
 */
#include "msg.h"
#include <poll.h>
#include <stddef.h>

struct http;

struct http_sockets {
	int local, tls; /* listening, inherited; tls -1: none */
	int chan;       /* where questions go */
};

/* Lives until the process ends. */
int http_open(struct http **ret, const struct http_sockets *s, struct err *e);
/* What to wait for, and how long: how many were stored. */
#define HTTP_FDS 128
size_t http_fds(const struct http *h, struct pollfd ret[static HTTP_FDS]);
int http_timeout_ms(const struct http *h);
/* After poll() has looked at these. */
int http_run(struct http *h, const struct pollfd *fds, size_t count, struct err *e);
/* A message from stormd; 0, or -EBADMSG for one that is none of the front's. */
int http_answer(struct http *h, const union msg *m, struct err *e);
/* A piece of the pki; what stormd is to know of it is answered here. */
int http_pki(struct http *h, const struct msg_pki *m, struct err *e);

#endif
