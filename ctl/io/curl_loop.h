/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CURL_LOOP_H
#define CURL_LOOP_H
/*
 * libcurl's multi interface behind one epoll descriptor, which nests in another loop's.
 * Its owner adds descriptors and moments of its own; what a transfer means is the owner's
 * business alone.
 */
#include "clock.h"
#include <curl/curl.h>
#include <stdint.h>

struct err;

struct curl_loop {
	int epoll, timer;
	CURLM *multi;
	usec_t curl_at; /* when libcurl wants to be called; USEC_INFINITY: never */
	usec_t armed;   /* what the timer is set to */
	/* A descriptor added by curl_loop_watch is ready; may be NULL when there is none. */
	void (*on_ready)(void *ctx, uint32_t key, uint32_t events);
	/* libcurl has served a descriptor: some of its transfers may be over; may be NULL. */
	void (*on_served)(void *ctx);
	/* While one of either is served: when it was found ready.  Else 0. */
	usec_t ready_at;
	void *ctx;
};

/* on_ready, on_served and ctx are set by the caller before, the rest here; released even after a
 * failure. */
int curl_loop_open(struct curl_loop *l, struct err *e);
void curl_loop_release(struct curl_loop *l);

/* Events of a descriptor of the owner's (EPOLLIN, EPOLLOUT); 0 forgets it. */
int curl_loop_watch(struct curl_loop *l, int fd, uint32_t key, uint32_t events);

/* Serve the descriptors that are ready, without waiting. */
int curl_loop_serve(struct curl_loop *l, struct err *e);
/* Call libcurl if its moment has come. */
int curl_loop_serve_timer(struct curl_loop *l, struct err *e);
/* Be readable at `at` or at libcurl's own moment, whichever comes first. */
void curl_loop_arm(struct curl_loop *l, usec_t at);

#endif
