/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BARE_CURL_H
#define BARE_CURL_H
/*
 * Two clients to be measured against, each with nothing around libcurl: the fastest one,
 * curl_multi_socket_action on epoll, and the one of every tutorial, curl_multi_perform and
 * a wait of whole milliseconds.  Neither looks at an answer or keeps a figure of it.
 */
#include <curl/curl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BARE_HANDLES 32

struct bare {
	CURLM *multi;
	CURL *idle[BARE_HANDLES];
	size_t idle_count;
	int epoll;
	int timer;        /* the schedule's; -1: as fast as it goes */
	int64_t every_ns; /* of a paced one */
	int64_t next_ns;
	int64_t curl_ns; /* when libcurl wants to be called; INT64_MAX: never */
	uint64_t answers;
};

static inline int64_t
bare_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline size_t
bare_on_body(char *data, size_t size, size_t count, void *ctx)
{
	(void)data, (void)ctx;
	return size * count;
}

static inline int
bare_on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct bare *b = ctx;
	struct epoll_event ev = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE)
		return epoll_ctl(b->epoll, EPOLL_CTL_DEL, fd, NULL), 0;
	ev.events = (what != CURL_POLL_OUT ? EPOLLIN : 0u) |
		    (what != CURL_POLL_IN ? EPOLLOUT : 0u);
	if (known == NULL) {
		(void)curl_multi_assign(b->multi, fd, b);
		return epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &ev), 0;
	}
	return epoll_ctl(b->epoll, EPOLL_CTL_MOD, fd, &ev), 0;
}

static inline int
bare_on_timer(CURLM *multi, long ms, void *ctx)
{
	struct bare *b = ctx;

	(void)multi;
	b->curl_ns = ms < 0 ? INT64_MAX : bare_now() + (int64_t)ms * 1000000;
	return 0;
}

/* rate 0: as many as it can, BARE_HANDLES at a time. */
static inline void
bare_open(struct bare *b, const char *url, double rate)
{
	struct epoll_event ev = { .events = EPOLLIN };

	*b = (struct bare){ .multi = curl_multi_init(), .timer = -1 };
	b->curl_ns = INT64_MAX;
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	(void)curl_multi_setopt(b->multi, CURLMOPT_SOCKETFUNCTION, bare_on_socket);
	(void)curl_multi_setopt(b->multi, CURLMOPT_SOCKETDATA, b);
	(void)curl_multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION, bare_on_timer);
	(void)curl_multi_setopt(b->multi, CURLMOPT_TIMERDATA, b);
	for (; b->idle_count < BARE_HANDLES; b->idle_count++) {
		CURL *c = curl_easy_init();

		(void)curl_easy_setopt(c, CURLOPT_URL, url);
		(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
		(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, bare_on_body);
		b->idle[b->idle_count] = c;
	}
	if (rate <= 0)
		return;
	b->every_ns = (int64_t)(1e9 / rate);
	b->next_ns = bare_now();
	b->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	ev.data.fd = b->timer;
	(void)epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->timer, &ev);
}

static inline void
bare_collect(struct bare *b)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(b->multi, &left)) != NULL) {
		CURL *c = m->easy_handle;

		b->answers += m->data.result == CURLE_OK;
		(void)curl_multi_remove_handle(b->multi, c);
		b->idle[b->idle_count++] = c;
	}
}

/* What is due; without a rate: what is idle. */
static inline void
bare_send(struct bare *b, int64_t now)
{
	while (b->idle_count > 0 && (b->every_ns == 0 || b->next_ns <= now)) {
		(void)curl_multi_add_handle(b->multi, b->idle[--b->idle_count]);
		b->next_ns += b->every_ns;
	}
}

static inline int
bare_wait_ms(const struct bare *b, int64_t now)
{
	if (b->curl_ns == INT64_MAX)
		return 100;
	return b->curl_ns <= now ? 0 : (int)((b->curl_ns - now) / 1000000 + 1);
}

static inline void
bare_serve(struct bare *b)
{
	struct epoll_event ev[64];
	int n = epoll_wait(b->epoll, ev, 64, bare_wait_ms(b, bare_now())), still;
	uint64_t times;

	for (int i = 0; i < n; i++) {
		int mask = (ev[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			   (ev[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);

		if (ev[i].data.fd == b->timer)
			(void)!read(b->timer, &times, sizeof(times));
		else
			(void)curl_multi_socket_action(
			    b->multi, ev[i].data.fd, mask, &still);
	}
}

/* One turn of the fast one. */
static inline void
bare_turn(struct bare *b)
{
	struct itimerspec at = { 0 };
	int still;

	bare_send(b, bare_now());
	if (b->curl_ns <= bare_now()) {
		b->curl_ns = INT64_MAX;
		(void)curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &still);
	}
	bare_collect(b);
	if (b->timer >= 0) {
		at.it_value.tv_sec = (time_t)(b->next_ns / 1000000000);
		at.it_value.tv_nsec = (long)(b->next_ns % 1000000000);
		(void)timerfd_settime(b->timer, TFD_TIMER_ABSTIME, &at, NULL);
	}
	bare_serve(b);
	bare_collect(b);
}

/* One turn of the naive one, which waits by the millisecond: in shorter steps than
 * requests are due, so that none is sent later than that. */
static inline void
naive_turn(struct bare *b)
{
	int still;

	bare_send(b, bare_now());
	(void)curl_multi_perform(b->multi, &still);
	bare_collect(b);
	(void)curl_multi_poll(b->multi, NULL, 0, 1, NULL);
}

static inline void
bare_close(struct bare *b)
{
	(void)curl_multi_cleanup(b->multi);
	(void)close(b->epoll);
	if (b->timer >= 0)
		(void)close(b->timer);
}

#endif
