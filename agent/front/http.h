/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H
#define HTTP_H
/*
 * The HTTP side of the front.  One connection carries one request at a time: read whole,
 * asked of stormd, suspended, answered when MSG_ANSWER of its seq has come.
 */
#include "msg.h"

struct http;

struct http_sockets {
	int local, tls; /* listening, inherited; tls -1: none */
	int chan;       /* where questions go */
};

/* Lives until the process ends. */
int http_open(struct http **ret, const struct http_sockets *s, struct err *e);
/* When one of these is readable call http_run; -1 for those that are not there now. */
#define HTTP_FDS 3
void http_fds(const struct http *h, int ret[static HTTP_FDS]);
int http_timeout_ms(const struct http *h);
int http_run(struct http *h, struct err *e);
/* A message from stormd; 0, or -EBADMSG for one that is none of the front's. */
int http_answer(struct http *h, const union msg *m, struct err *e);
/* A piece of the pki; what stormd is to know of it is answered here. */
int http_pki(struct http *h, const struct msg_pki *m, struct err *e);

#endif
