/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot connection.  All of its requests are bytes made when it is opened, so that an
 * abort is one send() and cannot fail for want of memory; answers are read as they come.
 * HTTP answers in the order of the questions, which is how we know whose answer it is.
 */
#include "api.h"
#include "cleanup.h"
#include "client_state.h"
#include "err.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

#define SEND_PATIENCE_MS 1000
#define TRY_TIMEOUT_MS   5000

static const struct {
	const char *method, *suffix;
} hot_asks[HOT_ASKS] = {
	[HOT_SHOW] = { "GET", "" },
	[HOT_RENEW] = { "POST", "/renew" },
	[HOT_SELFTEST] = { "POST", "/selftest" },
	[HOT_UNDO] = { "POST", "/undo" },
	[HOT_BREACH] = { "POST", "/undo?cause=breach" },
};

void
client_hot_close(struct client *c)
{
	curl_easy_cleanup(c->hot.curl);
	http_reader_release(&c->hot.reader);
	memset(&c->hot, 0, sizeof(c->hot));
	c->hot.fd = -1;
}

int
client_hot_fd(const struct client *c)
{
	return c->hot.fd;
}

static int
gone(struct err *e, const char *why)
{
	return err_set(e, -ECONNRESET, "the connection to the agent is lost: %s", why);
}

static void
prepare(struct hot *h, const char *drill)
{
	for (size_t i = 0; i < HOT_ASKS; i++) {
		int len = snprintf(h->ask[i].bytes, HOT_BYTES_MAX,
		    "%s " API_PREFIX "/drills/%s%s HTTP/1.1\r\n"
		    "Host: agent\r\nContent-Length: 0\r\n\r\n",
		    hot_asks[i].method, drill, hot_asks[i].suffix);
		h->ask[i].len = len > 0 && len < HOT_BYTES_MAX ? (size_t)len : 0;
	}
}

static int
ask(struct hot *h, enum hot_ask what, struct err *e)
{
	const char *p = h->ask[what].bytes;
	size_t left = h->ask[what].len, n;
	struct pollfd room = { .fd = h->fd, .events = POLLOUT };
	CURLcode code;

	if (h->curl == NULL || left == 0)
		return gone(e, "it was never opened");
	if (h->pending_count == HOT_PENDING_MAX)
		return gone(e, "the agent answers nothing any more");
	while (left > 0) {
		code = curl_easy_send(h->curl, p, left, &n);
		/* A few bytes that do not fit: the other side has stopped reading. */
		if (code == CURLE_AGAIN && poll(&room, 1, SEND_PATIENCE_MS) > 0)
			continue;
		if (code != CURLE_OK)
			return gone(e, curl_easy_strerror(code));
		p += n;
		left -= n;
	}
	h->pending[h->pending_count++] = what;
	return 0;
}

/* All that is in the socket, into the reader. */
static int
receive(struct hot *h, struct err *e)
{
	char chunk[16384];
	CURLcode code;
	size_t n;
	int rc;

	for (;;) {
		code = curl_easy_recv(h->curl, chunk, sizeof(chunk), &n);
		if (code == CURLE_AGAIN)
			return 0;
		if (code != CURLE_OK)
			return gone(e, curl_easy_strerror(code));
		if (n == 0)
			return gone(e, "it was closed");
		rc = http_reader_add(&h->reader, chunk, n, e);
		if (rc < 0)
			return gone(e, "its answer is too long");
	}
}

/* One answer that is already in the reader: 1, 0 for none, or negative. */
static int
take_answer(struct hot *h, enum hot_ask *ret_ask, struct drill_view *ret, struct err *e)
{
	struct http_response r;
	json_t *j = NULL;
	int rc = http_reader_next(&h->reader, &r, e), read_rc;

	if (rc < 0)
		return gone(e, "what answered is not our agent");
	if (rc == 0)
		return 0;
	if (h->pending_count == 0)
		return gone(e, "it answers what was not asked");
	*ret_ask = h->pending[0];
	memmove(h->pending, h->pending + 1, --h->pending_count * sizeof(h->pending[0]));
	rc = client_judge(r.status, r.body, r.body_len, &j, e);
	read_rc = j != NULL ? drill_view_read(j, ret, rc < 0 ? NULL : e) : 0;
	json_decref(j);
	if (rc == 0)
		rc = read_rc;
	if (rc == -ECONNRESET && e != NULL)
		e->code = rc = -EIO; /* the agent's own error, not our connection's */
	return rc < 0 ? rc : 1;
}

int
client_hot_read(
    struct client *c, bool *ret_was_undo, struct drill_view *ret, struct err *e)
{
	enum hot_ask what = HOT_SHOW;
	int rc, received;

	memset(ret, 0, sizeof(*ret));
	*ret_was_undo = false;
	if (c->hot.curl == NULL)
		return gone(e, "it was never opened");
	rc = take_answer(&c->hot, &what, ret, e);
	if (rc == 0) {
		/* What came before the end of the connection is still an answer. */
		received = receive(&c->hot, e);
		rc = take_answer(&c->hot, &what, ret, received < 0 ? NULL : e);
		if (rc == 0)
			rc = received;
	}
	*ret_was_undo = what == HOT_UNDO || what == HOT_BREACH;
	return rc;
}

/* Ask and wait for this very answer; those to earlier questions are passed over. */
static int
ask_and_wait(struct client *c, enum hot_ask what, struct err *e)
{
	usec_t end = clock_boottime() + TRY_TIMEOUT_MS * USEC_PER_MSEC, now;
	struct pollfd p = { .fd = c->hot.fd, .events = POLLIN };
	struct drill_view v;
	bool was_undo;
	int rc = ask(&c->hot, what, e);

	if (rc < 0)
		return rc;
	for (;;) {
		rc = client_hot_read(c, &was_undo, &v, e);
		drill_view_release(&v);
		if (rc == -ECONNRESET || c->hot.pending_count == 0)
			return rc < 0 ? rc : 0;
		if (rc != 0)
			continue;
		now = clock_boottime();
		if (now >= end)
			return err_set(e, -ETIMEDOUT,
			    "the agent did not answer within %d s",
			    TRY_TIMEOUT_MS / 1000);
		(void)poll(&p, 1, (int)((end - now) / USEC_PER_MSEC) + 1);
	}
}

int
client_hot_open(struct client *c, const char *drill, struct err *e)
{
	struct hot *h = &c->hot;
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLcode code;
	int rc;

	client_hot_close(c);
	h->curl = client_curl_new(c);
	(void)curl_easy_setopt(h->curl, CURLOPT_CONNECT_ONLY, 1L);
	code = curl_easy_perform(h->curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(h->curl, CURLINFO_ACTIVESOCKET, &fd);
	if (code != CURLE_OK || fd == CURL_SOCKET_BAD) {
		client_hot_close(c);
		return gone(e, curl_easy_strerror(code));
	}
	h->fd = fd;
	prepare(h, drill);
	rc = ask_and_wait(c, HOT_SHOW, e);
	if (rc < 0)
		client_hot_close(c);
	return rc;
}

int
client_hot_renew(struct client *c, struct err *e)
{
	return ask(&c->hot, HOT_RENEW, e);
}

int
client_hot_undo(struct client *c, bool breach, struct err *e)
{
	return ask(&c->hot, breach ? HOT_BREACH : HOT_UNDO, e);
}

int
client_selftest(struct client *c, const char *drill, usec_t *ret, struct err *e)
{
	usec_t begin = clock_boottime();
	int rc;

	(void)drill; /* the hot connection's: its bytes are made already */
	rc = ask_and_wait(c, HOT_SELFTEST, e);
	if (rc == 0)
		*ret = clock_boottime() - begin;
	return rc;
}
