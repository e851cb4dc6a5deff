/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H
#define HTTP_H
/*
 * The HTTP side of a probe: how its request is made, and what its answer means.  Knows
 * nothing of schedules and deadlines; the prober knows nothing of HTTP.
 */
#include "probe.h"
#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define HTTP_BODY_KEPT (256 * 1024)       /* what a pattern may look at */
#define HTTP_BODY_READ (16 * 1024 * 1024) /* more is a bad answer, and is not read */
#define HTTP_WHY_MAX   sizeof(((struct sample *)0)->why)

/* One probe's request: what all its transfers share.  The definition outlives it. */
struct http;
int http_open(struct http **ret, const struct probe_def *d, struct err *e);
void http_free(struct http *h); /* NULL is fine */

/* A new connection costs tens of milliseconds of our own time: TLS with all the system's
 * authorities. */
bool http_connects_slowly(const struct probe_def *d);
/* Has this transfer a connection, its handshake over? */
bool http_is_connected(CURL *easy);

/* One transfer's answer while it arrives; lives as long as its easy handle. */
struct http_answer {
	const struct http *http;
	char *body; /* kept only when a pattern will look at it */
	size_t kept, room;
	uint64_t received;
	char detail[CURL_ERROR_SIZE];
};
/* Make a fresh easy handle send this probe's request, any number of times. */
int http_attach(const struct http *h, CURL *easy, struct http_answer *a, struct err *e);
/* Forget the last answer; a large body's memory is given back. */
void http_answer_clear(struct http_answer *a);

/* What a finished transfer means, slowness apart; `why` is for people, "" when ok. */
enum sample_class http_classify(
    CURL *easy, CURLcode rc, const struct http_answer *a, char *why, size_t size);
/* What an unfinished one means once it has been outstanding for `within`. */
enum sample_class http_overdue(
    CURL *easy, const struct probe_def *d, char *why, size_t size);

#endif
