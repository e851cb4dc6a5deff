/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_READER_H
#define HTTP_READER_H
/*
 * HTTP/1.1 responses out of a stream of bytes: as many of the protocol as our front speaks
 * and nothing else.  Pure: bytes in, answers out.
 */
#include <stddef.h>

struct err;

#define HTTP_HEAD_MAX (16 * 1024)
#define HTTP_BODY_MAX (2 * 1024 * 1024) /* eight drills with all their operations */

struct http_reader {
	char *buf;
	size_t used, room;
	size_t taken; /* bytes of the answer that was handed out last */
};

struct http_response {
	unsigned status;
	const char *body; /* valid until the next call with this reader */
	size_t body_len;
};

void http_reader_release(struct http_reader *r);
/* -EPROTO when there is more than any answer of ours can have. */
int http_reader_add(struct http_reader *r, const void *data, size_t len, struct err *e);
/* 1 with the next complete answer, 0 when more bytes must come, -EPROTO for what is no
 * HTTP of ours: the connection is of no further use. */
int http_reader_next(struct http_reader *r, struct http_response *ret, struct err *e);

#endif
