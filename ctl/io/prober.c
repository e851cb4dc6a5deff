/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prober's loop and life: one epoll descriptor that carries libcurl's sockets and one
 * timer for everything that has a moment: the next request, the next request that becomes
 * overdue, libcurl's own time-outs.  What a request is and what becomes of it is in
 * transfer.c; what a bad sample leads to is run's business.
 */
#include "cleanup.h"
#include "err.h"
#include "prober_state.h"
#include "xalloc.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#define EVENTS_AT_ONCE 64

/* --- libcurl's two wishes: descriptors and a timer ------------------------------------ */

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct prober *p = ctx;
	struct epoll_event ev = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* It may be closed already; then epoll has forgotten it by itself. */
		(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what != CURL_POLL_OUT)
		ev.events |= EPOLLIN;
	if (what != CURL_POLL_IN)
		ev.events |= EPOLLOUT;
	if (known == NULL)
		(void)curl_multi_assign(p->multi, fd, p);
	if (epoll_ctl(p->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) ==
	    0)
		return 0;
	/* A descriptor number that was closed and opened again behind a kept connection. */
	int other = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	return epoll_ctl(p->epoll, other, fd, &ev) == 0 ? 0 : -1;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct prober *p = ctx;

	(void)multi;
	p->curl_at = timeout_ms < 0 ?
			 USEC_INFINITY :
			 clock_boottime() + (usec_t)timeout_ms * USEC_PER_MSEC;
	return 0;
}

static int
act(struct prober *p, curl_socket_t fd, int mask, struct err *e)
{
	int still;
	CURLMcode rc = curl_multi_socket_action(p->multi, fd, mask, &still);

	if (rc != CURLM_OK)
		return err_set(e, -EIO, "libcurl: %s", curl_multi_strerror(rc));
	return 0;
}

/* --- one turn ------------------------------------------------------------------------- */

static int
serve_sockets(struct prober *p, struct err *e)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n = epoll_wait(p->epoll, ev, EVENTS_AT_ONCE, 0);

	for (int i = 0; i < n; i++) {
		int mask = 0;

		if (ev[i].data.fd == p->timer) {
			uint64_t times;

			(void)!read(
			    p->timer, &times, sizeof(times)); /* only to quiet it */
			p->armed = USEC_INFINITY;
			continue;
		}
		if (ev[i].events & EPOLLIN)
			mask |= CURL_CSELECT_IN;
		if (ev[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (ev[i].events & (EPOLLERR | EPOLLHUP))
			mask |= CURL_CSELECT_ERR;
		int r = act(p, ev[i].data.fd, mask, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
serve_curl_timer(struct prober *p, struct err *e)
{
	if (p->curl_at > clock_boottime())
		return 0;
	p->curl_at = USEC_INFINITY;
	return act(p, CURL_SOCKET_TIMEOUT, 0, e);
}

static void
arm_timer(struct prober *p)
{
	usec_t at = p->curl_at;

	for (size_t i = 0; i < p->count; i++) {
		const struct probe *b = &p->probes[i];
		const struct transfer *t = TAILQ_FIRST(&b->waiting);
		usec_t next = schedule_next(&b->schedule);

		at = next < at ? next : at;
		if (t != NULL && t->intended + b->def->good.within < at)
			at = t->intended + b->def->good.within;
	}
	if (at == p->armed)
		return;
	struct itimerspec ts = { 0 };
	if (at != USEC_INFINITY) {
		at = at > 0 ? at : 1; /* 0 would disarm */
		ts.it_value.tv_sec = (time_t)(at / USEC_PER_SEC);
		ts.it_value.tv_nsec = (long)(at % USEC_PER_SEC * NSEC_PER_USEC);
	}
	if (timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &ts, NULL) == 0)
		p->armed = at;
}

static void
stop_now(struct prober *p)
{
	usec_t now = clock_boottime();

	for (size_t i = 0; i < p->count; i++) {
		schedule_stop(&p->probes[i].schedule);
		transfers_forget(&p->probes[i], now);
	}
	p->stop_asked = false;
}

static int
turn(struct prober *p, struct err *e)
{
	int r = serve_sockets(p, e);

	if (r == 0)
		r = serve_curl_timer(p, e);
	transfers_collect(p);
	for (size_t i = 0; i < p->count && r == 0; i++) {
		transfers_judge_overdue(&p->probes[i], clock_boottime());
		r = transfers_release(&p->probes[i], e);
		if (r == 0)
			r = transfers_send_due(&p->probes[i], clock_boottime(), e);
	}
	/* A new request asks for a call at once: its bytes leave in this very turn. */
	if (r == 0)
		r = serve_curl_timer(p, e);
	transfers_collect(p);
	return r;
}

int
prober_run(struct prober *p, struct err *e)
{
	p->is_running = true;
	int r = turn(p, e);
	p->is_running = false;
	if (p->stop_asked)
		stop_now(p);
	arm_timer(p);
	return r;
}

/* --- life ----------------------------------------------------------------------------- */

static int
probe_init(struct probe *b, struct prober *p, size_t index, const struct probe_def *d,
    struct err *e)
{
	uint64_t during_timeout =
	    d->rate_mhz * (d->http.timeout / USEC_PER_MSEC) / (1000 * 1000);

	b->prober = p;
	b->index = index;
	b->def = d;
	b->in_flight_max = IN_FLIGHT_BASE + during_timeout < IN_FLIGHT_MAX ?
			       IN_FLIGHT_BASE + during_timeout :
			       IN_FLIGHT_MAX;
	return http_open(&b->http, d, e);
}

static int
multi_init(struct prober *p)
{
	int bad = 0;

	p->multi = curl_multi_init();
	if (p->multi == NULL)
		abort();
	bad |= (int)curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	bad |= (int)curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	bad |= (int)curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	bad |= (int)curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
	bad |=
	    (int)curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	bad |=
	    (int)curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)IN_FLIGHT_MAX);
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

static int
prober_init(struct prober *p, const struct probe_def *probes, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN };

	for (size_t i = 0; i < p->count; i++) {
		TAILQ_INIT(&p->probes[i].idle);
		TAILQ_INIT(&p->probes[i].waiting);
		TAILQ_INIT(&p->probes[i].overdue);
	}
	raise_descriptor_limit();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || multi_init(p) != 0)
		return err_set(e, -EINVAL, "libcurl does not start (%s)", curl_version());
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	ev.data.fd = p->timer;
	if (p->epoll < 0 || p->timer < 0 ||
	    epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->timer, &ev) < 0)
		return err_errno(e, "prober: epoll and timer");
	for (size_t i = 0; i < p->count; i++) {
		int r = probe_init(&p->probes[i], p, i, &probes[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

int
prober_open(struct prober **ret, const struct prober_options *o, struct err *e)
{
	struct prober *p = xcalloc(1, sizeof(*p));

	p->epoll = p->timer = -1;
	p->curl_at = p->armed = p->mark = USEC_INFINITY;
	p->on_sample = o->on_sample;
	p->ctx = o->ctx;
	p->count = o->count;
	p->probes = xcalloc(o->count, sizeof(*p->probes));
	int r = prober_init(p, o->probes, e);
	if (r < 0) {
		prober_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void
prober_free(struct prober *p)
{
	if (p == NULL)
		return;
	if (p->multi != NULL)
		stop_now(p);
	for (size_t i = 0; i < p->count; i++) {
		transfers_free(&p->probes[i]);
		http_free(p->probes[i].http);
	}
	if (p->multi != NULL)
		(void)curl_multi_cleanup(p->multi);
	cleanup_close(&p->epoll);
	cleanup_close(&p->timer);
	free(p->probes);
	free(p);
}

int
prober_fd(const struct prober *p)
{
	return p->epoll;
}

void
prober_start(struct prober *p, usec_t from)
{
	for (size_t i = 0; i < p->count; i++)
		schedule_start(&p->probes[i].schedule, p->probes[i].def->rate_mhz, from,
		    i, p->count);
	arm_timer(p);
}

void
prober_stop(struct prober *p)
{
	if (p->is_running) {
		p->stop_asked = true;
		return;
	}
	stop_now(p);
	arm_timer(p);
}

void
prober_mark(struct prober *p, usec_t from)
{
	p->mark = from;
}

void
prober_hist(struct prober *p, size_t probe, bool marked, struct hist *into)
{
	struct hist *h = &p->probes[probe].hist[marked];

	hist_merge(into, h);
	memset(h, 0, sizeof(*h));
}
