/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe that connects by TCP; with `send` it then says that, and with a pattern it reads
 * until that matches.  Connecting is libcurl's: names are looked up beside the loop, and of
 * several addresses the one that answers is taken.  Every request has a connection of its
 * own, closed afterwards, and what has been sent is good enough where nothing is expected.
 */
#include "cleanup.h"
#include "curl_loop.h"
#include "err.h"
#include "http.h"
#include "pattern.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* The pattern is tried on all of it whenever more has come, in the loop. */
#define TEXT_KEPT 16384

/* What all requests of a probe share. */
struct tcp {
	const struct probe_def *def;
	struct probe_def way; /* as libcurl is to see it: an HTTP probe of that address */
	struct http *http;
	struct pattern *pattern;
};

struct tcp_request {
	struct curl_request curl; /* first: libcurl hands it back */
	struct transfer *transfer;
	struct tcp *tcp;
	CURL *easy;
	struct http_answer answer; /* libcurl's part in it: why there is no connection */
	int fd;                    /* connected; else -1 */
	usec_t began, connected, first_byte;
	size_t sent, kept;
	char *text; /* TEXT_KEPT bytes; NULL when nothing is expected */
};

static struct tcp_request *
request_of(struct transfer *t)
{
	return *transfer_keep(t);
}

/* --- a probe -------------------------------------------------------------------------- */

static char *
url_of(const struct tcp_probe *p)
{
	bool is_v6 = strchr(p->host, ':') != NULL;

	return xasprintf(
	    "http://%s%s%s:%u/", is_v6 ? "[" : "", p->host, is_v6 ? "]" : "", p->port);
}

static void
tcp_free(struct tcp *c)
{
	http_free(c->http);
	pattern_free(c->pattern);
	free(c->way.http.url);
	free(c);
}

static int
tcp_open(struct probe *b, struct err *e)
{
	struct tcp *c = xcalloc(1, sizeof(*c));
	const struct probe_def *d = probe_definition(b);
	int r = 0;

	c->def = d;
	(void)snprintf(c->way.name, sizeof(c->way.name), "%s", d->name);
	c->way.http.url = url_of(&d->tcp);
	c->way.http.timeout = d->tcp.timeout;
	c->way.good.within = d->good.within;
	if (d->good.body != NULL)
		r = pattern_compile(&c->pattern, d->good.body, e);
	if (r < 0)
		r = err_wrap(e, "probe '%s': body pattern", d->name);
	else
		r = http_open(&c->http, &c->way, e);
	if (r < 0)
		tcp_free(c);
	else
		*probe_keep(b) = c;
	return r;
}

static void
tcp_release(struct probe *b)
{
	tcp_free(*probe_keep(b));
}

/* --- a request ------------------------------------------------------------------------ */

static void tcp_connected(struct curl_request *q, CURLcode rc);

static void
request_free(struct tcp_request *q)
{
	curl_easy_cleanup(q->easy);
	free(q->text);
	free(q);
}

static int
tcp_make(struct transfer *t, struct err *e)
{
	struct tcp_request *q = xcalloc(1, sizeof(*q));
	int r;

	q->transfer = t;
	q->tcp = *probe_keep(transfer_probe(t));
	q->curl.ended = tcp_connected;
	q->fd = -1;
	if (q->tcp->pattern != NULL)
		q->text = xcalloc(1, TEXT_KEPT);
	q->easy = curl_easy_init();
	if (q->easy == NULL)
		abort();
	r = http_attach(q->tcp->http, q->easy, &q->answer, e);
	if (r == 0 &&
	    (curl_easy_setopt(q->easy, CURLOPT_PRIVATE, &q->curl) != CURLE_OK ||
		curl_easy_setopt(q->easy, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK))
		r = err_set(
		    e, -EINVAL, "libcurl cannot just connect (%s)", curl_version());
	if (r < 0)
		request_free(q);
	else
		*transfer_keep(t) = q;
	return r;
}

static void
tcp_unmake(struct transfer *t)
{
	request_free(request_of(t));
}

static int
tcp_start(struct transfer *t, struct err *e)
{
	struct tcp_request *q = request_of(t);
	CURLMcode rc;

	q->sent = q->kept = 0;
	q->connected = q->first_byte = 0;
	q->began = clock_boottime();
	rc = curl_multi_add_handle(probe_loop(transfer_probe(t))->multi, q->easy);
	if (rc != CURLM_OK)
		return err_set(e, -EIO, "libcurl: %s", curl_multi_strerror(rc));
	return 0;
}

static void
tcp_stop(struct transfer *t)
{
	struct tcp_request *q = request_of(t);

	if (q->fd >= 0)
		(void)transfer_watch(t, q->fd, 0);
	q->fd = -1;
	/* Closes the connection; fails only for a handle that is not in there. */
	(void)curl_multi_remove_handle(probe_loop(transfer_probe(t))->multi, q->easy);
	http_answer_clear(&q->answer);
}

static enum sample_class
tcp_overdue(struct transfer *t, char *why, size_t size)
{
	struct tcp_request *q = request_of(t);
	const struct probe_def *d = q->tcp->def;
	char span[32];

	if (q->fd < 0)
		return http_unanswered(q->easy, &q->tcp->way, why, size);
	(void)format_usec(d->good.within, span, sizeof(span));
	if (q->kept > 0)
		(void)snprintf(
		    why, size, "no match within %s (%zu bytes)", span, q->kept);
	else
		(void)snprintf(why, size, "no answer within %s", span);
	return d->good.within < d->tcp.timeout ? SAMPLE_SLOW : SAMPLE_TIMEOUT;
}

static bool
tcp_connects_slowly(struct probe *b)
{
	const struct tcp *c = *probe_keep(b);

	return http_has_name(c->http);
}

static bool
tcp_is_connecting(struct transfer *t)
{
	return http_is_looking_up(&request_of(t)->answer);
}

/* --- its end -------------------------------------------------------------------------- */

static void
end(struct tcp_request *q, enum sample_class class, const char *why)
{
	struct sample_timing g = {
		.dns = http_took(q->easy, CURLINFO_NONE, CURLINFO_NAMELOOKUP_TIME_T),
		.connect = http_took(
		    q->easy, CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T),
		.total = (uint32_t)(clock_boottime() - q->began),
	};

	if (q->first_byte != 0)
		g.first_byte = (uint32_t)(q->first_byte - q->connected);
	transfer_ended(q->transfer, class, why, &g);
}

/* The connection broke: errno says how. */
static void
end_broken(struct tcp_request *q)
{
	const char *words = strerrordesc_np(errno);
	char why[64];

	(void)snprintf(why, sizeof(why), "%s", words != NULL ? words : "unknown error");
	if (why[0] >= 'A' && why[0] <= 'Z')
		why[0] = (char)(why[0] - 'A' + 'a');
	transfer_ended(q->transfer, SAMPLE_CONNECT, why, NULL);
}

static void
end_closed(struct tcp_request *q)
{
	char why[64];

	if (q->kept == 0) {
		transfer_ended(q->transfer, SAMPLE_CONNECT,
		    "connection closed without an answer", NULL);
		return;
	}
	(void)snprintf(why, sizeof(why), "answer does not match (%zu bytes)", q->kept);
	end(q, SAMPLE_BODY, why);
}

/* --- talking -------------------------------------------------------------------------- */

/* False when it has ended. */
static bool
speak(struct tcp_request *q)
{
	const char *words = q->tcp->def->tcp.send;
	size_t len = words != NULL ? strlen(words) : 0;

	while (q->sent < len) {
		ssize_t n = send(
		    q->fd, words + q->sent, len - q->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			end_broken(q);
			return false;
		}
		q->sent += (size_t)n;
	}
	if (q->text == NULL) {
		end(q, SAMPLE_OK, "");
		return false;
	}
	return true;
}

/* What there is so far; false when it has ended. */
static bool
look(struct tcp_request *q)
{
	switch (pattern_find(q->tcp->pattern, q->text, q->kept)) {
	case FOUND:
		end(q, SAMPLE_OK, "");
		return false;
	case FOUND_TOO_HARD:
		end(q, SAMPLE_BODY, "body pattern gave up: too much backtracking");
		return false;
	case FOUND_NOT:
		break;
	}
	if (q->kept < TEXT_KEPT)
		return true;
	end(q, SAMPLE_BODY, "no match in the first 16 KiB");
	return false;
}

static void
hear(struct tcp_request *q)
{
	size_t before = q->kept;
	bool is_closed = false;

	while (q->kept < TEXT_KEPT && !is_closed) {
		ssize_t n =
		    recv(q->fd, q->text + q->kept, TEXT_KEPT - q->kept, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && q->kept == before) {
			end_broken(q);
			return;
		}
		is_closed = n <= 0;
		q->kept += n > 0 ? (size_t)n : 0;
	}
	if (q->kept > before) {
		if (before == 0)
			q->first_byte = clock_boottime();
		if (!look(q))
			return;
	}
	if (is_closed)
		end_closed(q);
}

static bool
has_said_all(const struct tcp_request *q)
{
	const char *words = q->tcp->def->tcp.send;

	return words == NULL || words[q->sent] == '\0';
}

static void
tcp_ready(struct transfer *t, uint32_t events)
{
	struct tcp_request *q = request_of(t);
	bool had_said_all = has_said_all(q);

	if (!had_said_all && !speak(q))
		return;
	if (!had_said_all && has_said_all(q))
		(void)transfer_watch(t, q->fd, EPOLLIN); /* it is watched already */
	if (q->text != NULL && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
		hear(q);
}

static void
tcp_connected(struct curl_request *r, CURLcode rc)
{
	struct tcp_request *q = (struct tcp_request *)r;
	char why[sizeof(((struct sample *)0)->why)] = "";
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (rc != CURLE_OK) {
		enum sample_class class =
		    http_classify(q->easy, rc, &q->answer, why, sizeof(why));
		transfer_ended(q->transfer, class, why, NULL);
		return;
	}
	if (curl_easy_getinfo(q->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
	    fd == CURL_SOCKET_BAD) {
		transfer_ended(q->transfer, SAMPLE_CONNECT, "connection lost", NULL);
		return;
	}
	q->fd = fd;
	q->connected = clock_boottime();
	if (!speak(q))
		return;
	if (transfer_watch(
		q->transfer, fd, has_said_all(q) ? EPOLLIN : EPOLLIN | EPOLLOUT) < 0)
		end_broken(q);
}

const struct probe_type_row probe_type_tcp = {
	.open = tcp_open,
	.release = tcp_release,
	.make = tcp_make,
	.unmake = tcp_unmake,
	.start = tcp_start,
	.stop = tcp_stop,
	.overdue = tcp_overdue,
	.connects_slowly = tcp_connects_slowly,
	.is_connecting = tcp_is_connecting,
	.ready = tcp_ready,
};
