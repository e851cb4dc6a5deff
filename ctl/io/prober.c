/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prober's loop and life: libcurl's loop, and one timer for everything that has a
 * moment: the next request, the next request that becomes overdue, libcurl's own
 * time-outs.  What becomes of a request is in transfer.c, what one is in its type's row;
 * what a bad sample leads to is run's business.
 */
#include "err.h"
#include "http.h"
#include "prober_state.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEVER (USEC_INFINITY - LOST_MIN) /* to be added to */

static void
arm_timer(struct prober *p)
{
	usec_t at = USEC_INFINITY;

	for (size_t i = 0; i < p->count; i++) {
		const struct probe *b = &p->probes[i];
		usec_t send = transfers_due(b), judge = transfers_next(b);

		at = send < at ? send : at;
		at = judge < at ? judge : at;
	}
	curl_loop_arm(&p->loop, at);
	at = p->loop.curl_at < at ? p->loop.curl_at : at;
	p->awaited = at < NEVER ? at : NEVER;
}

/* Nobody called us when the timer was due: whatever came meanwhile was not seen. */
static void
count_lost(struct prober *p)
{
	if (p->seen >= p->awaited + LOST_MIN)
		p->lost += p->seen - p->awaited;
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
	/* What has come by now is seen before anything is called overdue. */
	p->seen = clock_boottime();
	count_lost(p);
	for (size_t i = 0; i < p->count; i++)
		transfers_skip_due(&p->probes[i], p->seen);
	int r = curl_loop_serve(&p->loop, e);
	if (r == 0)
		r = curl_loop_serve_timer(&p->loop, e);
	http_collect(&p->loop);
	for (size_t i = 0; i < p->count && r == 0; i++) {
		transfers_judge_overdue(&p->probes[i], p->seen);
		r = transfers_release(&p->probes[i], e);
		if (r == 0)
			r = transfers_send_due(&p->probes[i], clock_boottime(), e);
	}
	/* A new request asks for a call at once: its bytes leave in this very turn. */
	if (r == 0)
		r = curl_loop_serve_timer(&p->loop, e);
	http_collect(&p->loop);
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

static size_t
in_flight_max(const struct probe_def *d)
{
	uint64_t during_timeout =
	    d->rate_mhz * (probe_timeout(d) / USEC_PER_MSEC) / (1000 * 1000);
	uint64_t n = IN_FLIGHT_BASE + during_timeout;

	if (d->max_in_flight > 0)
		return d->max_in_flight;
	return n < IN_FLIGHT_MAX ? n : IN_FLIGHT_MAX;
}

static int
probe_init(struct probe *b, struct err *e)
{
	b->type = probe_type_row(b->def->type);
	b->in_flight_max = in_flight_max(b->def);
	if (b->type == NULL)
		return err_set(e, -EOPNOTSUPP,
		    "probe '%s': this stormctl has no probes of type %s", b->def->name,
		    probe_type_name(b->def->type));
	int r = b->type->open != NULL ? b->type->open(b, e) : 0;
	if (r < 0)
		return r;
	b->is_open = true;
	b->connects_slowly =
	    b->type->connects_slowly != NULL && b->type->connects_slowly(b);
	return 0;
}

static void
on_watched(void *ctx, uint32_t key, uint32_t events)
{
	struct prober *p = ctx;
	struct transfer *t;

	if (key == JQ_KEY) {
		jq_worker_run(p->jq);
		return;
	}
	t = p->transfers[key];
	/* Else it ended a moment ago, by what came before this event. */
	if (t->watched >= 0)
		t->probe->type->ready(t, events);
}

static void
on_served(void *ctx)
{
	struct prober *p = ctx;

	http_collect(&p->loop);
}

static int
prober_init(struct prober *p, const struct probe_def *probes, struct err *e)
{
	size_t in_flight = 0;
	int r;

	p->loop.on_ready = on_watched;
	p->loop.on_served = on_served;
	p->loop.ctx = p;
	for (size_t i = 0; i < p->count; i++) {
		struct probe *b = &p->probes[i];

		TAILQ_INIT(&b->idle);
		TAILQ_INIT(&b->waiting);
		TAILQ_INIT(&b->answered);
		TAILQ_INIT(&b->overdue);
		b->prober = p;
		b->index = i;
		b->def = &probes[i];
	}
	r = curl_loop_open(&p->loop, e);
	if (r < 0)
		return err_wrap(e, "prober");
	for (size_t i = 0; i < p->count && r == 0; i++) {
		r = probe_init(&p->probes[i], e);
		in_flight += p->probes[i].in_flight_max;
	}
	if (r == 0)
		r = transfers_open_jq(p, e);
	if (r == 0 && curl_multi_setopt(p->loop.multi, CURLMOPT_MAXCONNECTS,
			  (long)in_flight) != CURLM_OK)
		r = err_set(e, -EINVAL, "libcurl does not start (%s)", curl_version());
	return r;
}

int
prober_open(struct prober **ret, const struct prober_options *o, struct err *e)
{
	struct prober *p = xcalloc(1, sizeof(*p));

	p->mark = USEC_INFINITY;
	p->awaited = NEVER;
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
		struct probe *b = &p->probes[i];

		transfers_free(b);
		if (b->is_open && b->type->release != NULL)
			b->type->release(b);
	}
	jq_worker_free(p->jq);
	curl_loop_release(&p->loop);
	free(p->transfers);
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

static bool
is_any_before(const struct transfers *list, usec_t mark)
{
	const struct transfer *t;

	TAILQ_FOREACH(t, list, link)
		if (t->intended < mark)
			return true;
	return false;
}

bool
prober_awaits(const struct prober *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_any_before(&p->probes[i].waiting, p->mark) ||
		    is_any_before(&p->probes[i].answered, p->mark))
			return true;
	return false;
}

void
prober_hist(struct prober *p, size_t probe, bool marked, struct hist *into)
{
	struct hist *h = &p->probes[probe].hist[marked];

	hist_merge(into, h);
	memset(h, 0, sizeof(*h));
}

void
prober_timing(struct prober *p, size_t probe, bool marked, struct timing_hists *into)
{
	struct timing_hists *h = &p->probes[probe].timing[marked];

	into->fresh += h->fresh;
	hist_merge(&into->dns, &h->dns);
	hist_merge(&into->connect, &h->connect);
	hist_merge(&into->tls, &h->tls);
	hist_merge(&into->first_byte, &h->first_byte);
	hist_merge(&into->total, &h->total);
	memset(h, 0, sizeof(*h));
}
