/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASK_H
#define ASK_H
/* One HTTP request as messages to stormd: the routes of api.h. */
#include "auth.h"
#include <stddef.h>
#include <stdint.h>

struct err;

struct ask {
	const char *method, *path;     /* without the query */
	const char *wait, *cause, *at; /* of the query, or NULL */
	const char *body;
	size_t body_len;
	struct peer peer;
	uint32_t seq; /* of the answer that will come */
};

/* Check it and send it: 0, or the reason it cannot be asked.  -EPIPE: stormd is gone. */
int ask_send(int chan, const struct ask *a, struct err *e);

#endif
