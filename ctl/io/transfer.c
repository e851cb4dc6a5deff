/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: a pool of reused easy handles per probe, and the turning of every request into
 * exactly one sample.  Knows neither HTTP (http.h) nor epoll (prober.c).
 */
#include "err.h"
#include "prober_state.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *
sample_class_name(enum sample_class c)
{
	static const char *const names[SAMPLE_CLASSES] = {
		[SAMPLE_OK] = "ok",
		[SAMPLE_SLOW] = "slow",
		[SAMPLE_STATUS] = "status",
		[SAMPLE_BODY] = "body",
		[SAMPLE_CONNECT] = "connect",
		[SAMPLE_DNS] = "dns",
		[SAMPLE_TLS] = "tls",
		[SAMPLE_TIMEOUT] = "timeout",
		[SAMPLE_SKIPPED] = "skipped",
	};

	return c < SAMPLE_CLASSES ? names[c] : "?";
}

/* --- samples -------------------------------------------------------------------------- */

static void
emit(struct prober *p, struct sample *s)
{
	if (p->stop_asked)
		return;
	s->bad = s->class != SAMPLE_OK && s->class != SAMPLE_SKIPPED;
	p->on_sample(p->ctx, s);
}

static void
judge(struct transfer *t, enum sample_class class, const char *why, usec_t now,
    usec_t latency)
{
	struct probe *b = t->probe;
	struct sample s = {
		.probe = b->index,
		.class = class,
		.intended = t->intended,
		.known = now,
		.latency = latency,
		.late = t->sent - t->intended,
	};

	(void)snprintf(s.why, sizeof(s.why), "%s", why);
	t->judged = true;
	TAILQ_REMOVE(&b->waiting, t, link);
	TAILQ_INSERT_TAIL(&b->overdue, t, link);
	emit(b->prober, &s);
}

/* Back to the pool: out of libcurl's hands, its connection kept for the next. */
static void
rest(struct transfer *t)
{
	struct probe *b = t->probe;
	struct transfers *list = t->judged ? &b->overdue : &b->waiting;

	if (t->is_held)
		b->held--;
	else
		(void)curl_multi_remove_handle(b->prober->loop.multi, t->easy);
	t->is_held = false;
	TAILQ_REMOVE(list, t, link);
	TAILQ_INSERT_HEAD(&b->idle, t, link);
	b->in_flight--;
	http_answer_clear(&t->answer);
}

void
transfers_judge_overdue(struct probe *b, usec_t now)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(&b->waiting)) != NULL &&
	       t->intended + b->def->good.within <= now) {
		char why[HTTP_WHY_MAX] = "no connection was free in time";
		enum sample_class class = SAMPLE_CONNECT;

		if (!t->is_held)
			class = http_overdue(t->easy, b->def, why, sizeof(why));
		judge(t, class, why, now, b->def->good.within);
		if (t->is_held)
			rest(t);
	}
}

static void
skip(struct probe *b, usec_t intended, usec_t now, const char *why)
{
	struct sample s = {
		.probe = b->index,
		.class = SAMPLE_SKIPPED,
		.intended = intended,
		.known = now,
		.latency = now - intended,
		.late = now - intended,
	};

	(void)snprintf(s.why, sizeof(s.why), "%s", why);
	emit(b->prober, &s);
}

/* --- transfers ------------------------------------------------------------------------ */

static void
transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	curl_easy_cleanup(t->easy);
	free(t->answer.body);
	free(t);
}

static int
transfer_new(struct probe *b, struct transfer **ret, struct err *e)
{
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->probe = b;
	t->easy = curl_easy_init();
	if (t->easy == NULL)
		abort();
	int r = http_attach(b->http, t->easy, &t->answer, e);
	if (r == 0 && curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) != CURLE_OK)
		r = err_set(e, -EINVAL, "libcurl refuses private data");
	if (r < 0) {
		transfer_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

static bool
may_connect(const struct probe *b)
{
	const struct transfer *t;
	size_t connecting = 0;

	if (!http_connects_slowly(b->def))
		return true;
	TAILQ_FOREACH(t, &b->waiting, link)
	connecting += !t->is_held && !http_is_connected(t->easy);
	return connecting < CONNECTING_MAX;
}

static int
hand_over(struct transfer *t, struct err *e)
{
	CURLMcode rc = curl_multi_add_handle(t->probe->prober->loop.multi, t->easy);

	if (rc != CURLM_OK)
		return err_set(e, -EIO, "libcurl: %s", curl_multi_strerror(rc));
	return 0;
}

int
transfers_release(struct probe *b, struct err *e)
{
	struct transfer *t;
	int r = 0;

	if (b->held == 0)
		return 0;
	TAILQ_FOREACH(t, &b->waiting, link)
	{
		if (!t->is_held)
			continue;
		if (r < 0 || !may_connect(b))
			break;
		t->is_held = false;
		b->held--;
		r = hand_over(t, e);
	}
	return r;
}

static int
send_one(struct probe *b, usec_t intended, usec_t now, struct err *e)
{
	struct transfer *t = TAILQ_FIRST(&b->idle);

	if (t != NULL) {
		TAILQ_REMOVE(&b->idle, t, link);
	} else {
		int r = transfer_new(b, &t, e);
		if (r < 0)
			return r;
	}
	t->intended = intended;
	t->sent = now;
	t->judged = false;
	t->is_held = b->held > 0 || !may_connect(b);
	b->held += t->is_held;
	b->in_flight++;
	TAILQ_INSERT_TAIL(&b->waiting, t, link);
	return t->is_held ? 0 : hand_over(t, e);
}

int
transfers_send_due(struct probe *b, usec_t now, struct err *e)
{
	usec_t intended;

	while (
	    (intended = schedule_next(&b->schedule)) <= now && !b->prober->stop_asked) {
		schedule_advance(&b->schedule);
		if (now - intended > b->def->good.within / 2) {
			skip(b, intended, now, "our own prober was too late");
		} else if (b->in_flight >= b->in_flight_max) {
			char why[HTTP_WHY_MAX];

			(void)snprintf(
			    why, sizeof(why), "%zu requests in flight", b->in_flight);
			skip(b, intended, now, why);
		} else {
			int r = send_one(b, intended, now, e);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void
finish(struct transfer *t, CURLcode rc)
{
	struct probe *b = t->probe;
	usec_t now = clock_boottime(), latency = now - t->intended;

	/* A request that never came back counts with the time it was given; one that was
	 * refused at once says nothing about latency. */
	if (rc == CURLE_OK || rc == CURLE_OPERATION_TIMEDOUT)
		hist_add(&b->hist[t->intended >= b->prober->mark], latency);
	if (!t->judged) {
		char why[HTTP_WHY_MAX] = "";
		enum sample_class class =
		    http_classify(t->easy, rc, &t->answer, why, sizeof(why));

		if (class == SAMPLE_OK && latency > b->def->good.within) {
			char took[32], limit[32];

			class = SAMPLE_SLOW;
			(void)snprintf(why, sizeof(why), "answered after %s, limit %s",
			    format_usec(latency / 1000 * 1000, took, sizeof(took)),
			    format_usec(b->def->good.within, limit, sizeof(limit)));
		}
		judge(t, class, why, now, latency);
	}
	rest(t);
}

void
transfers_collect(struct prober *p)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(p->loop.multi, &left)) != NULL) {
		CURLcode rc = m->data.result;
		char *owner = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &owner) ==
		    CURLE_OK)
			finish((struct transfer *)(void *)owner, rc);
	}
}

void
transfers_forget(struct probe *b, usec_t now)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(&b->waiting)) != NULL)
		rest(t);
	while ((t = TAILQ_FIRST(&b->overdue)) != NULL) {
		/* at least that long */
		hist_add(&b->hist[t->intended >= b->prober->mark], now - t->intended);
		rest(t);
	}
}

void
transfers_free(struct probe *b)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(&b->idle)) != NULL) {
		TAILQ_REMOVE(&b->idle, t, link);
		transfer_free(t);
	}
}
