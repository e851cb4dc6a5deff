/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H
#define HTTP_H
/*
 * The HTTP side of the front.  One connection carries one request at a time: read whole,
 * asked of stormd, suspended, answered when MSG_ANSWER of its seq has come.
 */
#include "msg.h"

struct http;

/* Listen on an inherited socket; questions go out on `chan`.  Lives until the process
 * ends. */
int http_open(struct http **ret, int listen_fd, int chan, struct err *e);
int http_fd(const struct http *h); /* readable: call http_run */
int http_timeout_ms(const struct http *h);
int http_run(struct http *h, struct err *e);
/* A message from stormd; 0, or -EBADMSG for one that is none of the front's. */
int http_answer(struct http *h, const union msg *m, struct err *e);

#endif
