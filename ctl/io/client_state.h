/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H
/* What client.c and client_hot.c share; nobody else includes it. */
#include "client.h"
#include "http_reader.h"
#include <curl/curl.h>

#define HOT_BYTES_MAX   256
#define HOT_PENDING_MAX 16

enum hot_ask { HOT_SHOW, HOT_RENEW, HOT_SELFTEST, HOT_UNDO, HOT_BREACH, HOT_ASKS };

struct hot {
	CURL *curl; /* NULL: not open */
	int fd;
	struct {
		char bytes[HOT_BYTES_MAX];
		size_t len;
	} ask[HOT_ASKS];
	struct http_reader reader;
	/* Questions without an answer yet, oldest first: answers come in this order. */
	enum hot_ask pending[HOT_PENDING_MAX];
	size_t pending_count;
};

struct client {
	char socket[PATH_LEN_MAX];
	CURL *curl;
	struct hot hot;
};

/* A handle for the agent's socket: no proxy, no redirects, HTTP only. */
CURL *client_curl_new(const struct client *c);
void client_hot_close(struct client *c);
/* What an answer says: 0, or its error.  *ret_json, unless NULL, is its body (a new
 * reference) whenever that was JSON, errors included; else NULL. */
int client_judge(
    unsigned status, const char *body, size_t len, json_t **ret_json, struct err *e);
/* A drill out of a body; leaves `ret` cleared when there is none in it. */
int drill_view_read(const json_t *j, struct drill_view *ret, struct err *e);

#endif
