/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prober's loop and life: libcurl's loop, and one timer for everything that has a
 * moment: the next request, the next request that becomes overdue, libcurl's own
 * time-outs.  What a request is and what becomes of it is in transfer.c; what a bad sample
 * leads to is run's business.
 */
#include "err.h"
#include "prober_state.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
arm_timer(struct prober *p)
{
	usec_t at = USEC_INFINITY;

	for (size_t i = 0; i < p->count; i++) {
		const struct probe *b = &p->probes[i];
		const struct transfer *t = TAILQ_FIRST(&b->waiting);
		usec_t next = schedule_next(&b->schedule);

		at = next < at ? next : at;
		if (t != NULL && t->intended + b->def->good.within < at)
			at = t->intended + b->def->good.within;
	}
	curl_loop_arm(&p->loop, at);
}

static void
stop_first(struct prober *p, size_t count)
{
	usec_t now = clock_boottime();

	for (size_t i = 0; i < count; i++) {
		schedule_stop(&p->probes[i].schedule);
		transfers_forget(&p->probes[i], now);
	}
}

static void
stop_now(struct prober *p)
{
	stop_first(p, p->count);
	p->stop_asked = false;
}

static int
turn(struct prober *p, struct err *e)
{
	int r = curl_loop_serve(&p->loop, e);

	if (r == 0)
		r = curl_loop_serve_timer(&p->loop, e);
	transfers_collect(p);
	for (size_t i = 0; i < p->count && r == 0; i++) {
		transfers_judge_overdue(&p->probes[i], clock_boottime());
		r = transfers_release(&p->probes[i], e);
		if (r == 0)
			r = transfers_send_due(&p->probes[i], clock_boottime(), e);
	}
	/* A new request asks for a call at once: its bytes leave in this very turn. */
	if (r == 0)
		r = curl_loop_serve_timer(&p->loop, e);
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
	    d->rate_mhz * (probe_timeout(d) / USEC_PER_MSEC) / (1000 * 1000);

	b->prober = p;
	b->index = index;
	b->def = d;
	b->in_flight_max = IN_FLIGHT_BASE + during_timeout < IN_FLIGHT_MAX ?
			       IN_FLIGHT_BASE + during_timeout :
			       IN_FLIGHT_MAX;
	return http_open(&b->http, d, e);
}

static int
prober_init(struct prober *p, const struct probe_def *probes, struct err *e)
{
	for (size_t i = 0; i < p->count; i++) {
		TAILQ_INIT(&p->probes[i].idle);
		TAILQ_INIT(&p->probes[i].waiting);
		TAILQ_INIT(&p->probes[i].overdue);
	}
	int r = curl_loop_open(&p->loop, e);
	if (r < 0)
		return err_wrap(e, "prober");
	if (curl_multi_setopt(p->loop.multi, CURLMOPT_MAXCONNECTS, (long)IN_FLIGHT_MAX) !=
	    CURLM_OK)
		return err_set(e, -EINVAL, "libcurl does not start (%s)", curl_version());
	for (size_t i = 0; i < p->count; i++) {
		r = probe_init(&p->probes[i], p, i, &probes[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

int
prober_open(struct prober **ret, const struct prober_options *o, struct err *e)
{
	struct prober *p = xcalloc(1, sizeof(*p));

	p->mark = USEC_INFINITY;
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
	if (p->loop.multi != NULL)
		stop_now(p);
	for (size_t i = 0; i < p->count; i++) {
		transfers_free(&p->probes[i]);
		http_free(p->probes[i].http);
	}
	curl_loop_release(&p->loop);
	free(p->probes);
	free(p);
}

int
prober_fd(const struct prober *p)
{
	return p->loop.epoll;
}

void
prober_start(struct prober *p, usec_t from)
{
	for (size_t i = 0; i < p->count; i++)
		if (schedule_next(&p->probes[i].schedule) == USEC_INFINITY)
			schedule_start(&p->probes[i].schedule, p->probes[i].def->rate_mhz,
			    from, i, p->count);
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
prober_pause(struct prober *p, size_t count)
{
	stop_first(p, count);
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
