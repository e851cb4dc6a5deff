/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl has two wishes: descriptors watched and one timer.  Both end in one epoll
 * descriptor here.  Events carry a key: libcurl's its descriptor, the owner's its own
 * number with a mark above it, so that neither is taken for the other.
 */
#include "curl_loop.h"
#include "cleanup.h"
#include "err.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#define EVENTS_AT_ONCE 64
#define ROUNDS_AT_ONCE 32
#define TIMER_FIRED    0
#define OWNERS_MARK    (UINT64_C(1) << 32)

static int
set_events(const struct curl_loop *l, int fd, struct epoll_event *ev, bool is_known)
{
	int first = is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, other;

	if (epoll_ctl(l->epoll, first, fd, ev) == 0)
		return 0;
	/* A descriptor number that was closed and opened again behind a kept connection. */
	other = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	return epoll_ctl(l->epoll, other, fd, ev) == 0 ? 0 : -1;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct curl_loop *l = ctx;
	struct epoll_event ev = { .data.u64 = (uint32_t)fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* It may be closed already; then epoll has forgotten it by itself. */
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what != CURL_POLL_OUT)
		ev.events |= EPOLLIN;
	if (what != CURL_POLL_IN)
		ev.events |= EPOLLOUT;
	if (known == NULL)
		(void)curl_multi_assign(l->multi, fd, l);
	return set_events(l, fd, &ev, known != NULL);
}

static int
on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct curl_loop *l = ctx;

	(void)multi;
	l->curl_at = timeout_ms < 0 ?
			 USEC_INFINITY :
			 clock_boottime() + (usec_t)timeout_ms * USEC_PER_MSEC;
	return 0;
}

int
curl_loop_watch(struct curl_loop *l, int fd, uint32_t key, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = OWNERS_MARK | key };

	if (events == 0)
		return epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	return set_events(l, fd, &ev, true);
}

static int
act(struct curl_loop *l, curl_socket_t fd, int mask, struct err *e)
{
	int still;
	CURLMcode rc = curl_multi_socket_action(l->multi, fd, mask, &still);

	if (rc != CURLM_OK)
		return err_set(e, -EIO, "libcurl: %s", curl_multi_strerror(rc));
	return 0;
}

static int
serve_one(struct curl_loop *l, const struct epoll_event *ev, struct err *e)
{
	int fd = (int)(uint32_t)ev->data.u64, mask = 0;

	if (ev->data.u64 & OWNERS_MARK) {
		l->on_ready(l->ctx, (uint32_t)ev->data.u64, ev->events);
		return 0;
	}
	if (fd == l->timer) {
		l->armed = TIMER_FIRED; /* not read: setting it quiets it */
		return 0;
	}
	if (ev->events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (ev->events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (ev->events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	int r = act(l, fd, mask, e);
	if (l->on_served != NULL)
		l->on_served(l->ctx);
	return r;
}

int
curl_loop_serve(struct curl_loop *l, struct err *e)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n, r = 0;

	/* All of them: who waits behind a full batch would look late.  But not for ever:
	 * some may be ready again at once. */
	for (int round = 0; round < ROUNDS_AT_ONCE && r == 0; round++) {
		n = epoll_wait(l->epoll, ev, EVENTS_AT_ONCE, 0);
		for (int i = 0; i < n && r == 0; i++) {
			l->ready_at = clock_boottime();
			r = serve_one(l, &ev[i], e);
		}
		if (n < EVENTS_AT_ONCE)
			break;
	}
	l->ready_at = 0;
	return r;
}

int
curl_loop_serve_timer(struct curl_loop *l, struct err *e)
{
	if (l->curl_at > clock_boottime())
		return 0;
	l->curl_at = USEC_INFINITY;
	return act(l, CURL_SOCKET_TIMEOUT, 0, e);
}

void
curl_loop_arm(struct curl_loop *l, usec_t at)
{
	struct itimerspec ts = { 0 };

	at = l->curl_at < at ? l->curl_at : at;
	if (at == l->armed)
		return;
	if (at != USEC_INFINITY) {
		usec_t when = at > 0 ? at : 1; /* 0 would disarm */
		ts.it_value.tv_sec = (time_t)(when / USEC_PER_SEC);
		ts.it_value.tv_nsec = (long)(when % USEC_PER_SEC * NSEC_PER_USEC);
	}
	if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &ts, NULL) == 0)
		l->armed = at;
}

static int
multi_init(struct curl_loop *l)
{
	int bad = 0;

	l->multi = curl_multi_init();
	if (l->multi == NULL)
		abort(); /* out of memory */
	bad |= (int)curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	bad |= (int)curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	bad |= (int)curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	bad |= (int)curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	bad |=
	    (int)curl_multi_setopt(l->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return bad;
}

/* One descriptor per request in flight: the usual soft limit of 1024 is too low. */
static void
raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(
		    RLIMIT_NOFILE, &r); /* at worst requests fail, and say so */
	}
}

int
curl_loop_open(struct curl_loop *l, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN };

	l->epoll = l->timer = -1;
	l->multi = NULL;
	l->curl_at = l->armed = USEC_INFINITY;
	raise_descriptor_limit();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || multi_init(l) != 0)
		return err_set(e, -EINVAL, "libcurl does not start (%s)", curl_version());
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	ev.data.u64 = (uint32_t)l->timer;
	if (l->epoll < 0 || l->timer < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &ev) < 0)
		return err_errno(e, "make epoll and timer");
	return 0;
}

void
curl_loop_release(struct curl_loop *l)
{
	if (l->multi != NULL)
		(void)curl_multi_cleanup(l->multi);
	l->multi = NULL;
	cleanup_close(&l->epoll);
	cleanup_close(&l->timer);
	l->epoll = l->timer = -1;
}
