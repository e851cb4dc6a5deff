/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain requests: one connection each, so that none waits for another and none is left
 * over.  A request ends in exactly one answer, always from a turn of the loop.  It is tried
 * again only while no answer has begun: a refused or reset connection within the request's
 * time.  A connect that timed out is not: the kernel has tried twice in it by then.
 */
#include "api.h"
#include "err.h"
#include "fleet_state.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_BASE (50 * USEC_PER_MSEC)
#define RETRY_MAX  USEC_PER_SEC

void
plain_free(struct plain *p)
{
	struct fleet *f = p->host->fleet;

	if (p->easy != NULL) {
		(void)curl_multi_remove_handle(f->loop.multi, p->easy);
		curl_easy_cleanup(p->easy);
	}
	TAILQ_REMOVE(&f->plains, p, link);
	free(p->path);
	free(p->upload);
	free(p->body);
	free(p);
}

/* --- one try -------------------------------------------------------------------------- */

static size_t
on_head(char *data, size_t size, size_t count, void *ctx)
{
	struct plain *p = ctx;

	(void)data;
	p->head_len += size * count;
	return p->head_len <= HTTP_HEAD_MAX ? size * count : 0;
}

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct plain *p = ctx;
	size_t len = size * count;

	size_t max = p->drill[0] != '\0' ? DRILL_BODY_MAX : HTTP_BODY_MAX;

	if (len > max - p->body_len)
		return 0; /* libcurl fails the transfer */
	if (p->body_len + len > p->body_room) {
		p->body_room = 2 * (p->body_len + len);
		p->body = xrealloc(p->body, p->body_room);
	}
	memcpy(p->body + p->body_len, data, len);
	p->body_len += len;
	return len;
}

static bool
is_post(const struct plain *p)
{
	return p->what == FLEET_ARM || p->what == FLEET_HALT || p->what == FLEET_RESUME;
}

static void
start(struct plain *p, usec_t now)
{
	struct fleet_host *h = p->host;
	char *url = xasprintf("%s%s", h->url, p->path);

	p->easy = link_new(h, &p->exchange);
	p->tries++;
	p->started = now;
	p->body_len = p->head_len = 0;
	(void)curl_easy_setopt(p->easy, CURLOPT_URL, url);
	free(url);
	(void)curl_easy_setopt(p->easy, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(p->easy, CURLOPT_HEADERFUNCTION, on_head);
	(void)curl_easy_setopt(p->easy, CURLOPT_HEADERDATA, p);
	(void)curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
	if (is_post(p)) {
		const char *upload = p->upload != NULL ? p->upload : "";
		(void)curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, upload);
		(void)curl_easy_setopt(
		    p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(upload));
	}
	if (curl_multi_add_handle(h->fleet->loop.multi, p->easy) != CURLM_OK)
		abort(); /* it is new and whole: only memory can be missing */
}

static void
stop(struct plain *p)
{
	(void)curl_multi_remove_handle(p->host->fleet->loop.multi, p->easy);
	curl_easy_cleanup(p->easy);
	p->easy = NULL;
}

static usec_t
time_of(CURL *easy, CURLINFO which)
{
	curl_off_t t = 0;

	(void)curl_easy_getinfo(easy, which, &t);
	return t > 0 ? (usec_t)t : 0;
}

/* --- its end -------------------------------------------------------------------------- */

static void
fail(struct plain *p)
{
	struct err why = p->err;
	struct fleet_host *h = p->host;
	enum fleet_ask what = p->what;

	plain_free(p);
	answer_fail(h, what, &why);
}

static void
succeed(struct plain *p)
{
	struct fleet_host *h = p->host;
	struct raw_answer r = {
		.what = p->what,
		.drill = p->drill,
		.body = p->body != NULL ? p->body : "",
		.len = p->body_len,
		.asked = p->started + time_of(p->easy, CURLINFO_PRETRANSFER_TIME_T),
		.answered = clock_boottime(),
	};
	long status = 0;

	(void)curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	r.status = (unsigned)status;
	breaker_succeeded(&h->breaker);
	stop(p);
	(void)answer_deliver(h, &r);
	plain_free(p);
}

/* This request is not tried again: its error says how often it was. */
static void
wrap_attempts(struct plain *p)
{
	if (p->tries > 1)
		(void)snprintf(p->err.msg + strlen(p->err.msg),
		    sizeof(p->err.msg) - strlen(p->err.msg), " (%u attempts)", p->tries);
}

static void
on_done(struct exchange *x, CURLcode code)
{
	struct plain *p = (struct plain *)x;
	struct fleet_host *h = p->host;
	usec_t now = clock_boottime(), again;
	enum link_failure failure;
	bool has_begun;

	if (code == CURLE_OK) {
		succeed(p);
		return;
	}
	failure = link_judge(h, p->easy, code, &p->err);
	has_begun = time_of(p->easy, CURLINFO_STARTTRANSFER_TIME_T) > 0;
	link_count(h, failure, &p->err);
	stop(p);
	again = now + backoff_jitter(RETRY_BASE, RETRY_MAX, p->tries);
	if (p->tries < PLAIN_TRIES && again < p->deadline && !has_begun &&
	    h->breaker.open_until == 0 &&
	    (failure == LINK_BROKEN || (failure == LINK_REFUSED && h->socket == NULL))) {
		p->err.code = 0;
		p->start_at = again;
		fleet_wake(h->fleet, 0); /* this turn may be past its plain requests */
		return;
	}
	wrap_attempts(p);
	fail(p);
}

/* --- turns ---------------------------------------------------------------------------- */

static void
start_or_spare(struct plain *p, usec_t now)
{
	struct fleet_host *h = p->host;

	if (breaker_allows(&h->breaker, now)) {
		start(p, now);
		return;
	}
	(void)err_set(
	    &p->err, -EAGAIN, "%s (%u attempts)", h->why.msg, h->breaker.failures);
}

/* When a running request has taken too long: its own time, or that of an answer that has
 * begun.  Somebody who sends one byte a second never stops making progress. */
static usec_t
overdue_at(struct plain *p, bool *ret_has_begun)
{
	usec_t begun = time_of(p->easy, CURLINFO_STARTTRANSFER_TIME_T), whole;

	whole = begun > 0 ? p->started + begun + WHOLE_WITHIN : USEC_INFINITY;
	*ret_has_begun = whole < p->deadline;
	return *ret_has_begun ? whole : p->deadline;
}

/* The moment of its next turn, or 0: it has come to its end. */
static usec_t
turn_of(struct plain *p, usec_t now)
{
	bool has_begun;
	usec_t at;
	char in[32];

	if (p->err.code == 0 && p->easy == NULL && now >= p->start_at)
		start_or_spare(p, now);
	if (p->err.code != 0)
		return 0;
	if (p->easy == NULL)
		return p->start_at;
	at = overdue_at(p, &has_begun);
	if (now < at)
		return at;
	if (has_begun)
		(void)err_set(&p->err, -ETIMEDOUT,
		    "the agent at %s answers too slowly: not done after %s",
		    p->host->where, format_usec(WHOLE_WITHIN, in, sizeof(in)));
	else
		(void)err_set(&p->err, -ETIMEDOUT,
		    "the agent at %s did not answer within %s", p->host->where,
		    format_usec(p->host->fleet->o.answer_timeout, in, sizeof(in)));
	return 0;
}

usec_t
plains_turn(struct fleet *f)
{
	usec_t now = clock_boottime(), next_at = USEC_INFINITY, at;
	struct plain *p, *next;

	for (p = TAILQ_FIRST(&f->plains); p != NULL; p = next) {
		at = turn_of(p, now);
		/* A callback adds requests, at the end, and takes none away. */
		next = TAILQ_NEXT(p, link);
		if (at == 0)
			fail(p);
		else if (at < next_at)
			next_at = at;
	}
	return next_at;
}

void
plains_give_up(struct fleet_host *h, const struct err *why)
{
	struct plain *p;

	TAILQ_FOREACH(p, &h->fleet->plains, link) {
		if (p->host == h && p->err.code == 0)
			p->err = *why;
	}
	fleet_wake(h->fleet, 0);
}

static char *
path_of(enum fleet_ask what, const char *drill)
{
	switch (what) {
	case FLEET_ARM:
		return xstrdup(API_PREFIX "/drills");
	case FLEET_LOOK:
		return xasprintf(API_PREFIX "/drills/%s", drill);
	case FLEET_WAIT:
		return xasprintf(API_PREFIX "/drills/%s?wait=clean", drill);
	case FLEET_DOCTOR:
		return xstrdup(API_PREFIX "/doctor");
	case FLEET_HALT:
		return xstrdup(API_PREFIX "/halt");
	case FLEET_RESUME:
		return xstrdup(API_PREFIX "/resume");
	default:
		return xstrdup(API_PREFIX "/status");
	}
}

void
plain_ask(struct fleet_host *h, enum fleet_ask what, const char *drill, char *upload)
{
	struct plain *p = xcalloc(1, sizeof(*p));
	usec_t now = clock_boottime();

	p->exchange.on_done = on_done;
	p->host = h;
	p->what = what;
	p->path = path_of(what, drill);
	p->upload = upload;
	p->start_at = now;
	p->deadline =
	    what == FLEET_WAIT ? USEC_INFINITY : now + h->fleet->o.answer_timeout;
	(void)snprintf(p->drill, sizeof(p->drill), "%s", drill);
	TAILQ_INSERT_TAIL(&h->fleet->plains, p, link);
	fleet_wake(h->fleet, 0);
}
