/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H
#define HTTP_H
/*
 * Probes that ask by HTTP: what the type "http" is made of, for other types that ask the
 * same way and only read the answer otherwise.  Knows nothing of schedules and of what is
 * overdue; the prober knows nothing of HTTP but that libcurl must be asked what has ended.
 */
#include "probe_type.h"
#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

struct curl_loop;
struct err;

#define HTTP_BODY_KEPT (256 * 1024)       /* what a pattern may look at */
#define HTTP_BODY_READ (16 * 1024 * 1024) /* more is a bad answer, and is not read */
#define HTTP_HEAD_READ (128 * 1024)       /* the same, of all its headers */

/* What all requests of a probe share.  The definition outlives it. */
struct http;
int http_open(struct http **ret, const struct probe_def *d, struct err *e);
void http_free(struct http *h); /* NULL is fine */

/* What CURLOPT_PRIVATE of every handle in the prober's multi handle points to. */
struct curl_request {
	void (*ended)(struct curl_request *q, CURLcode rc);
};

/* One request's answer while it arrives; lives as long as its easy handle. */
struct http_answer {
	struct http *http;
	CURL *easy;
	bool is_looking_up; /* a name, itself: it was in nobody's memory */
	bool is_refused;    /* too many do so already */
	char *body;         /* kept only when somebody will look at it */
	size_t kept, room;
	uint64_t received;
	size_t head; /* bytes of headers, of interim answers and redirects, too */
	char detail[CURL_ERROR_SIZE];
};
/* Make a fresh easy handle send this probe's request, any number of times. */
int http_attach(struct http *h, CURL *easy, struct http_answer *a, struct err *e);
/* Forget the last answer; a large body's memory is given back. */
void http_answer_clear(struct http_answer *a);

/* Is the answer's request waiting for an address that nobody knows yet? */
bool http_is_looking_up(const struct http_answer *a);
/* Has the probe's address a name? */
bool http_has_name(const struct http *h);
/* Has it a connection, its handshake over? */
bool http_is_connected(CURL *easy);
/* What a finished request means, slowness apart; `why` is for people, "" when ok. */
enum sample_class http_classify(
    CURL *easy, CURLcode rc, const struct http_answer *a, char *why, size_t size);
/* What an unfinished one means once it has been outstanding for `within`. */
enum sample_class http_unanswered(
    CURL *easy, const struct probe_def *d, char *why, size_t size);

/* The row's operations; probe_keep() is the struct http, made by http_open. */
void http_release(struct probe *b);
int http_make(struct transfer *t, struct err *e);
void http_unmake(struct transfer *t);
int http_start(struct transfer *t, struct err *e);
void http_stop(struct transfer *t);
enum sample_class http_overdue(struct transfer *t, char *why, size_t size);
bool http_connects_slowly(struct probe *b);
bool http_is_connecting(struct transfer *t);

/* From one of its moments to another in µs; CURLINFO_NONE: from its beginning. */
uint32_t http_took(CURL *easy, CURLINFO from, CURLINFO to);

/* Tell every request that libcurl has finished. */
void http_collect(struct curl_loop *l);

#endif
