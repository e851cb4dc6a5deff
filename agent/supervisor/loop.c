/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll and one timerfd on CLOCK_BOOTTIME (epoll's own timeout is in milliseconds and
 * stands still in suspend).  Events of one wait are handled in the order the kernel gives;
 * a dropped source is recognised by its fd of -1, which is why sources are never freed
 * while the loop turns.
 */
#include "loop.h"
#include "err.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_MAX 32
#define SLOW_TURN  (10 * USEC_PER_MSEC)

static void
on_timer(void *ctx)
{
	struct loop *l = ctx;
	uint64_t count;

	/* only the waking counts: what is due is looked up after every turn */
	(void)!read(l->timer, &count, sizeof(count));
}

int
loop_begin(struct loop *l, struct err *e)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll < 0 || l->timer < 0)
		return err_errno(e, "open the event loop");
	l->timer_source = (struct source){ .fd = -1, .ready = on_timer, .ctx = l };
	return loop_add(l, &l->timer_source, l->timer, e);
}

int
loop_add(struct loop *l, struct source *s, int fd, struct err *e)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		return err_errno(e, "watch a descriptor");
	s->fd = fd;
	return 0;
}

void
loop_drop(struct loop *l, struct source *s)
{
	if (s->fd < 0)
		return;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL); /* ENOENT is as good */
	s->fd = -1;
}

static int
set_timer(const struct loop *l, usec_t next, struct err *e)
{
	struct itimerspec t = { 0 };

	/* all zero would disarm: a moment in the past fires at once */
	if (next != USEC_INFINITY) {
		next = next > 0 ? next : 1;
		t.it_value.tv_sec = (time_t)(next / USEC_PER_SEC);
		t.it_value.tv_nsec = (long)(next % USEC_PER_SEC * NSEC_PER_USEC);
	}
	if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &t, NULL) != 0)
		return err_errno(e, "set the loop's timer");
	return 0;
}

int
loop_serve(struct loop *l, usec_t next, struct err *e)
{
	struct epoll_event events[EVENTS_MAX];
	usec_t began;
	int n;

	if (set_timer(l, next, e) != 0)
		return e->code;
	n = epoll_wait(l->epoll, events, EVENTS_MAX, -1);
	if (n < 0 && errno != EINTR)
		return err_errno(e, "wait for events");
	began = clock_boottime();
	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;

		if (s->fd >= 0)
			s->ready(s->ctx);
	}
	loop_account(l, began);
	return 0;
}

void
loop_account(struct loop *l, usec_t began)
{
	if (clock_boottime() - began > SLOW_TURN)
		l->slow_turns++;
}
