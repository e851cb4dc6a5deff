/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line for each filter, behind one descriptor: an epoll of their sockets and deaths, and
 * a timer for their deadlines.  Answers are handed out at the end of a turn, when nothing
 * that an asker does can be in our way.
 */
#include "jq_worker.h"
#include "cleanup.h"
#include "err.h"
#include "jq_line.h"
#include "process.h"
#include "xalloc.h"
#include <errno.h>
#include <linux/limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define OPEN_LIMIT     (20 * USEC_PER_SEC)
#define TIMER_KEY      UINT64_MAX
#define EVENTS_AT_ONCE 32

struct jq_worker {
	int epoll, timer;
	usec_t armed; /* what the timer is set to */
	char path[PATH_MAX];
	size_t count;
	struct jq_line *lines;
	struct jq_asked_list done;
};

/* --- the loop ------------------------------------------------------------------------- */

static void
answer_all(struct jq_worker *w)
{
	struct jq_asked *q;

	while ((q = TAILQ_FIRST(&w->done)) != NULL) {
		TAILQ_REMOVE(&w->done, q, link);
		if (q->answer != NULL)
			q->answer(q->asker, q->result, q->why);
		jq_asked_free(q);
	}
}

static void
arm(struct jq_worker *w)
{
	struct itimerspec ts = { 0 };
	usec_t at = TAILQ_EMPTY(&w->done) ? USEC_INFINITY : 1;

	for (size_t i = 0; i < w->count; i++) {
		usec_t next = jq_line_next(&w->lines[i]);
		at = next < at ? next : at;
	}
	if (at == w->armed)
		return;
	if (at != USEC_INFINITY) {
		ts.it_value.tv_sec = (time_t)(at / USEC_PER_SEC);
		ts.it_value.tv_nsec = (long)(at % USEC_PER_SEC * NSEC_PER_USEC);
	}
	if (timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &ts, NULL) == 0)
		w->armed = at;
}

static void
serve(struct jq_worker *w, const struct epoll_event *ev)
{
	struct jq_line *l = &w->lines[ev->data.u64 / 2 % w->count];
	uint64_t times;

	if (ev->data.u64 == TIMER_KEY) {
		(void)!read(w->timer, &times, sizeof(times)); /* only to quiet it */
		w->armed = USEC_INFINITY;
	} else if (ev->data.u64 % 2 == 1) {
		jq_line_on_death(l, clock_boottime());
	} else {
		jq_line_serve(l, ev->events);
	}
}

static void
turn(struct jq_worker *w)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n = epoll_wait(w->epoll, ev, EVENTS_AT_ONCE, 0);
	usec_t now;

	for (int i = 0; i < n; i++)
		serve(w, &ev[i]);
	now = clock_boottime();
	for (size_t i = 0; i < w->count; i++)
		jq_line_go_on(&w->lines[i], now);
}

void
jq_worker_run(struct jq_worker *w)
{
	turn(w);
	answer_all(w);
	arm(w);
}

int
jq_worker_fd(const struct jq_worker *w)
{
	return w->epoll;
}

void
jq_worker_ask(struct jq_worker *w, const struct jq_question *asked)
{
	jq_line_ask(&w->lines[asked->filter], asked);
	arm(w);
}

void
jq_worker_forget(struct jq_worker *w, const void *asker)
{
	struct jq_asked *q;

	TAILQ_FOREACH(q, &w->done, link)
		if (q->asker == asker)
			q->answer = NULL;
	for (size_t i = 0; i < w->count; i++)
		jq_line_forget(&w->lines[i], asker);
}

/* --- life ----------------------------------------------------------------------------- */

static int
open_loop(struct jq_worker *w, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = TIMER_KEY };

	w->armed = USEC_INFINITY;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->epoll < 0 || w->timer < 0 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->timer, &ev) < 0)
		return err_errno(e, "make epoll and timer for stormctl-jq");
	return program_path("stormctl-jq", w->path, sizeof(w->path), e);
}

static int
start_all(struct jq_worker *w, const char *const *filters, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < w->count; i++) {
		struct jq_line *l = &w->lines[i];

		l->path = w->path;
		l->done = &w->done;
		l->epoll = w->epoll;
		l->key = 2 * i;
		l->filter = xstrdup(filters[i]);
		jq_line_init(l);
	}
	for (size_t i = 0; i < w->count && r == 0; i++) {
		if (strlen(filters[i]) > JQ_FILTER_MAX)
			return err_invalid(
			    e, "a jq filter is longer than %d KiB", JQ_FILTER_MAX / 1024);
		r = jq_line_start(&w->lines[i], e);
	}
	return r;
}

/* 1 when all are ready, 0 when that is not known yet. */
static int
are_all_ready(const struct jq_worker *w, struct err *e)
{
	size_t ready = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct jq_line *l = &w->lines[i];

		if (l->trouble[0] != '\0')
			return err_invalid(
			    e, "jq filter '%.60s': %s", l->filter, l->trouble);
		ready += l->state == LINE_READY;
	}
	return ready == w->count;
}

static int
wait_for_all(struct jq_worker *w, struct err *e)
{
	const usec_t until = clock_boottime() + OPEN_LIMIT;
	struct pollfd ready = { .fd = w->epoll, .events = POLLIN };
	int r;

	while ((r = are_all_ready(w, e)) == 0) {
		usec_t now = clock_boottime();

		if (now >= until)
			return err_set(e, -ETIMEDOUT,
			    "stormctl-jq has not compiled its filter after %d s",
			    (int)(OPEN_LIMIT / USEC_PER_SEC));
		(void)poll(&ready, 1, (int)((until - now) / USEC_PER_MSEC) + 1);
		turn(w);
	}
	arm(w);
	return r < 0 ? r : 0;
}

int
jq_worker_open(
    struct jq_worker **ret, const char *const *filters, size_t count, struct err *e)
{
	struct jq_worker *w = xcalloc(1, sizeof(*w));
	int r;

	w->count = count;
	w->lines = xcalloc(count, sizeof(*w->lines));
	TAILQ_INIT(&w->done);
	r = open_loop(w, e);
	if (r == 0)
		r = start_all(w, filters, e);
	else
		w->count = 0;
	if (r == 0)
		r = wait_for_all(w, e);
	if (r < 0) {
		jq_worker_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void
jq_worker_free(struct jq_worker *w)
{
	struct jq_asked *q;

	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++)
		jq_line_release(&w->lines[i]);
	while ((q = TAILQ_FIRST(&w->done)) != NULL) {
		TAILQ_REMOVE(&w->done, q, link);
		jq_asked_free(q);
	}
	cleanup_close(&w->epoll);
	cleanup_close(&w->timer);
	free(w->lines);
	free(w);
}

int
jq_check(const char *filter, struct err *e)
{
	struct jq_worker *w = NULL;
	int r = jq_worker_open(&w, &filter, 1, e);

	jq_worker_free(w);
	return r;
}
