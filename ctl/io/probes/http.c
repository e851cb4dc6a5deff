/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe type "http": one easy handle for each transfer, in the prober's multi handle
 * while it is under way.  libcurl keeps connections there, for whichever transfer comes
 * next.  How a request is made is in http_request.c, what an answer means in answer.c.
 */
#include "http.h"
#include "curl_loop.h"
#include "err.h"
#include "http_shape.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define DNS_KEPT_S 60L /* libcurl's own default */

/* What a transfer keeps. */
struct http_request {
	struct curl_request curl; /* first: libcurl hands it back */
	CURL *easy;
	struct transfer *transfer;
	struct http_answer answer;
	bool is_fresh; /* as the handle is set */
	bool is_again; /* this one was sent before, see finish */
};

static struct http_request *
request_of(struct transfer *t)
{
	return *transfer_keep(t);
}

/* --- life ----------------------------------------------------------------------------- */

static int
open_probe(struct probe *b, struct err *e)
{
	struct http *h;
	int r = http_open(&h, probe_definition(b), e);

	if (r == 0)
		*probe_keep(b) = h;
	return r;
}

void
http_release(struct probe *b)
{
	http_free(*probe_keep(b));
	*probe_keep(b) = NULL;
}

static void
request_free(struct http_request *q)
{
	curl_easy_cleanup(q->easy);
	free(q->answer.body);
	free(q);
}

static void finish(struct curl_request *r, CURLcode rc);

int
http_make(struct transfer *t, struct err *e)
{
	struct http_request *q = xcalloc(1, sizeof(*q));

	q->curl.ended = finish;
	q->transfer = t;
	q->easy = curl_easy_init();
	if (q->easy == NULL)
		abort();
	int r = http_attach(*probe_keep(transfer_probe(t)), q->easy, &q->answer, e);
	if (r == 0 && curl_easy_setopt(q->easy, CURLOPT_PRIVATE, &q->curl) != CURLE_OK)
		r = err_set(e, -EINVAL, "libcurl refuses private data");
	if (r < 0) {
		request_free(q);
		return r;
	}
	*transfer_keep(t) = q;
	return 0;
}

void
http_unmake(struct transfer *t)
{
	request_free(request_of(t));
}

/* Tens of milliseconds of our own time: all that the system has. */
static bool
reads_authorities(const struct http_probe *p)
{
	return strncasecmp(p->url, "https:", 6) == 0 && p->ca == NULL && !p->insecure;
}

bool
http_connects_slowly(struct probe *b)
{
	const struct http_probe *p = &probe_definition(b)->http;

	return reads_authorities(p) || http_has_name(*probe_keep(b));
}

bool
http_is_connecting(struct transfer *t)
{
	const struct http_request *q = request_of(t);

	if (reads_authorities(&probe_definition(transfer_probe(t))->http))
		return !http_is_connected(q->easy);
	return http_is_looking_up(&q->answer);
}

/* --- a request ------------------------------------------------------------------------ */

/* Neither one of the connections that are kept, nor to be kept itself; and as whoever comes
 * for the first time makes it: the name looked up, the handshake whole. */
static int
set_fresh(struct http_request *q, bool is_fresh)
{
	int bad = 0;

	if (is_fresh == q->is_fresh)
		return 0;
	q->is_fresh = is_fresh;
	bad |= (int)curl_easy_setopt(q->easy, CURLOPT_FRESH_CONNECT, (long)is_fresh);
	bad |= (int)curl_easy_setopt(q->easy, CURLOPT_FORBID_REUSE, (long)is_fresh);
	bad |= (int)curl_easy_setopt(
	    q->easy, CURLOPT_DNS_CACHE_TIMEOUT, is_fresh ? 0L : DNS_KEPT_S);
	bad |=
	    (int)curl_easy_setopt(q->easy, CURLOPT_SSL_SESSIONID_CACHE, (long)!is_fresh);
	return bad;
}

int
http_start(struct transfer *t, struct err *e)
{
	struct http_request *q = request_of(t);

	q->is_again = false;
	if (set_fresh(q, transfer_is_fresh(t)) != 0)
		return err_set(e, -EINVAL, "libcurl makes no fresh connections (%s)",
		    curl_version());
	CURLMcode rc =
	    curl_multi_add_handle(probe_loop(transfer_probe(t))->multi, q->easy);
	if (rc != CURLM_OK)
		return err_set(e, -EIO, "libcurl: %s", curl_multi_strerror(rc));
	return 0;
}

void
http_stop(struct transfer *t)
{
	struct http_request *q = request_of(t);

	/* It can only fail for a handle that is not in there. */
	(void)curl_multi_remove_handle(probe_loop(transfer_probe(t))->multi, q->easy);
	http_answer_clear(&q->answer);
}

enum sample_class
http_overdue(struct transfer *t, char *why, size_t size)
{
	return http_unanswered(
	    request_of(t)->easy, probe_definition(transfer_probe(t)), why, size);
}

/* --- its end -------------------------------------------------------------------------- */

uint32_t
http_took(CURL *easy, CURLINFO from, CURLINFO to)
{
	curl_off_t begin = 0, end = 0;

	if (from != CURLINFO_NONE && curl_easy_getinfo(easy, from, &begin) != CURLE_OK)
		return 0;
	if (curl_easy_getinfo(easy, to, &end) != CURLE_OK || end <= begin)
		return 0;
	return end - begin < UINT32_MAX ? (uint32_t)(end - begin) : UINT32_MAX;
}

static struct sample_timing
timing_of(CURL *easy)
{
	long connections = 0, redirects = 0;
	struct sample_timing g = {
		.first_byte = http_took(
		    easy, CURLINFO_PRETRANSFER_TIME_T, CURLINFO_STARTTRANSFER_TIME_T),
		.total = http_took(easy, CURLINFO_NONE, CURLINFO_TOTAL_TIME_T),
	};

	/* On a kept connection libcurl stamps what it passes over. */
	if (curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections) != CURLE_OK ||
	    connections == 0) {
		if (curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects) ==
			CURLE_OK &&
		    redirects == 0)
			g.setup =
			    http_took(easy, CURLINFO_NONE, CURLINFO_PRETRANSFER_TIME_T);
		g.total -= g.setup < g.total ? g.setup : 0;
		return g;
	}
	g.dns = http_took(easy, CURLINFO_NONE, CURLINFO_NAMELOOKUP_TIME_T);
	g.connect = http_took(easy, CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T);
	g.tls = http_took(easy, CURLINFO_CONNECT_TIME_T, CURLINFO_APPCONNECT_TIME_T);
	return g;
}

/* A kept connection that the server had closed when the request came: it answered nothing,
 * and nobody who talks HTTP takes that for an answer.  libcurl asks again by itself, but
 * only five times in the life of a handle. */
static bool
died_unanswered(const struct http_request *q, CURLcode rc)
{
	long connections = 1;

	if (rc != CURLE_SEND_ERROR && rc != CURLE_RECV_ERROR && rc != CURLE_GOT_NOTHING)
		return false;
	if (q->answer.head > 0 || q->answer.received > 0 || q->is_again)
		return false;
	return curl_easy_getinfo(q->easy, CURLINFO_NUM_CONNECTS, &connections) ==
		   CURLE_OK &&
	       connections == 0;
}

static bool
ask_again(struct http_request *q)
{
	CURLM *multi = probe_loop(transfer_probe(q->transfer))->multi;

	http_stop(q->transfer);
	q->is_again = true;
	return set_fresh(q, true) == 0 &&
	       curl_multi_add_handle(multi, q->easy) == CURLM_OK;
}

/* More than a tenth of the time to connect, which libcurl counts.  A few milliseconds are
 * lost in any second of a busy machine, and must not excuse an outage. */
static bool
has_lost_much(const struct http_request *q)
{
	const struct http_probe *p = &probe_definition(transfer_probe(q->transfer))->http;

	return transfer_lost(q->transfer) > p->connect_timeout / 10;
}

static void
finish(struct curl_request *r, CURLcode rc)
{
	struct http_request *q = (struct http_request *)r;

	if (died_unanswered(q, rc) && ask_again(q))
		return;
	char why[sizeof(((struct sample *)0)->why)] = "";
	enum sample_class class =
	    http_classify(q->easy, rc, &q->answer, why, sizeof(why));
	struct sample_timing timing;

	if (rc == CURLE_OPERATION_TIMEDOUT && has_lost_much(q))
		class = SAMPLE_SKIPPED; /* it may have been our time that ran out */
	if (rc == CURLE_OK)
		timing = timing_of(q->easy);
	if (class == SAMPLE_OK &&
	    probe_definition(transfer_probe(q->transfer))->good.jq != NULL) {
		const struct body body = { q->answer.body, q->answer.kept,
			q->answer.received };

		transfer_ask_jq(q->transfer, &body, &timing);
		return;
	}
	transfer_ended(q->transfer, class, why, rc == CURLE_OK ? &timing : NULL);
}

void
http_collect(struct curl_loop *l)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(l->multi, &left)) != NULL) {
		CURLcode rc = m->data.result;
		char *owner = NULL;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle,
						  CURLINFO_PRIVATE, &owner) != CURLE_OK)
			continue;
		struct curl_request *q = (struct curl_request *)(void *)owner;
		q->ended(q, rc);
	}
}

const struct probe_type_row probe_type_http = {
	.open = open_probe,
	.release = http_release,
	.make = http_make,
	.unmake = http_unmake,
	.start = http_start,
	.stop = http_stop,
	.overdue = http_overdue,
	.connects_slowly = http_connects_slowly,
	.is_connecting = http_is_connecting,
};
