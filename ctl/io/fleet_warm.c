/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warm connection.  Its requests are bytes made when it is opened, so that an abort
 * cannot fail for want of memory; what does not fit into the socket at once goes out when
 * there is room.  HTTP answers in the order of the questions, which is how we know whose
 * answer it is.  What broke is asked again on the next connection, an undo first; when a
 * host is given up is fleet_lost.c's business.
 */
#include "api.h"
#include "err.h"
#include "fleet_state.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

#define RETRY_BASE    (20 * USEC_PER_MSEC)
#define RETRY_MAX     (500 * USEC_PER_MSEC)
#define CHUNK         16384 /* a TLS record: nothing is left behind in the library */
#define CHUNKS_A_TURN 4     /* the next host is waiting */

static const struct {
	const char *method, *suffix;
} asks[FLEET_WARM_ASKS] = {
	[FLEET_SHOW] = { "GET", "" },
	[FLEET_RENEW] = { "POST", "/renew" },
	[FLEET_SELFTEST] = { "POST", "/selftest" },
	[FLEET_FIRE] = { "POST", "/fire" },
	[FLEET_UNDO] = { "POST", "/undo" },
	[FLEET_BREACH] = { "POST", "/undo?cause=breach" },
};

static void
prepare(struct warm *w, enum fleet_ask what, const char *query)
{
	int len = snprintf(w->bytes[what].text, WARM_BYTES_MAX,
	    "%s " API_PREFIX "/drills/%s%s%s HTTP/1.1\r\n"
	    "Host: agent\r\nContent-Length: 0\r\n\r\n",
	    asks[what].method, w->drill, asks[what].suffix, query);

	/* The drill is a UUID: it fits. */
	w->bytes[what].len = (size_t)len;
}

static bool
is_undo(enum fleet_ask what)
{
	return what == FLEET_UNDO || what == FLEET_BREACH;
}

/* --- its end -------------------------------------------------------------------------- */

static void
hang_up(struct warm *w)
{
	struct fleet *f = w->host->fleet;

	if (w->fd >= 0)
		(void)curl_loop_watch(&f->loop, w->fd, 0, 0);
	w->fd = -1;
	if (w->easy != NULL) {
		(void)curl_multi_remove_handle(f->loop.multi, w->easy);
		curl_easy_cleanup(w->easy);
	}
	w->easy = NULL;
	http_reader_release(&w->reader);
	w->sent = w->offset = 0;
	w->part_since = 0;
	w->exchange.is_heard = false;
	w->life++;
}

/* What goes out first on the next connection: undo, then each other question once. */
static void
requeue(struct warm *w)
{
	struct warm_ask old[WARM_QUEUE_MAX];
	size_t count = w->count;
	bool has_undo = false, has_renew = false;

	memcpy(old, w->queue, sizeof(old));
	w->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (!is_undo(old[i].what))
			continue;
		w->queue[w->count++] = (struct warm_ask){ .what = old[i].what };
		has_undo = true;
	}
	for (size_t i = 0; i < count; i++) {
		bool is_renew = old[i].what == FLEET_RENEW;

		if (is_undo(old[i].what) || (is_renew && (has_undo || has_renew)))
			continue;
		has_renew |= is_renew;
		w->queue[w->count++] = (struct warm_ask){ .what = old[i].what };
	}
}

/* Before the first answer some ends leave no sense in trying again. */
static bool
is_hopeless(const struct warm *w, enum link_failure how)
{
	return !w->is_proven && (how == LINK_TRUST || how == LINK_SLOW ||
				    how == LINK_NONSENSE || w->host->socket != NULL);
}

/* Calls nothing back: what follows from it is for the next turn. */
void
warm_break(struct warm *w, enum link_failure how)
{
	hang_up(w);
	requeue(w);
	w->state = WARM_WAITING;
	/* A connection that has served is made anew at once. */
	w->next_try = clock_boottime() +
		      (w->failures > 0 || !w->is_proven ?
			      backoff_jitter(RETRY_BASE, RETRY_MAX, w->failures + 1) :
			      0);
	w->failures = is_hopeless(w, how) ? PLAIN_TRIES : w->failures + 1;
	fleet_wake(w->host->fleet, 0);
}

/* Libcurl's verdict on a connection that was open. */
static void
break_by(struct warm *w, CURLcode code)
{
	warm_break(w, link_judge(w->host, w->easy, code, &w->why));
}

void
warm_close(struct fleet_host *h)
{
	struct warm *w = &h->warm;

	hang_up(w);
	w->state = WARM_OFF;
	w->count = 0;
}

/* --- connecting ----------------------------------------------------------------------- */

static void
connect_failed(struct warm *w, CURLcode code)
{
	enum link_failure how = link_judge(w->host, w->easy, code, &w->why);

	link_count(w->host, how, &w->why);
	warm_break(w, how);
}

static void
flush(struct warm *w)
{
	CURLcode code;
	size_t n;

	while (w->state == WARM_OPEN && w->sent < w->count) {
		struct warm_ask *a = &w->queue[w->sent];

		/* Before it leaves: by this the other's clock is measured. */
		if (w->offset == 0)
			a->asked = clock_boottime();
		code = curl_easy_send(w->easy, w->bytes[a->what].text + w->offset,
		    w->bytes[a->what].len - w->offset, &n);
		if (code == CURLE_AGAIN) {
			(void)curl_loop_watch(&w->host->fleet->loop, w->fd,
			    (uint32_t)w->host->index, EPOLLIN | EPOLLOUT);
			return;
		}
		if (code != CURLE_OK) {
			break_by(w, code);
			return;
		}
		w->offset += n;
		if (w->offset < w->bytes[a->what].len)
			continue;
		w->offset = 0;
		if (w->sent++ == 0)
			fleet_wake(w->host->fleet, warm_look_at(w));
	}
}

static void
on_connected(struct exchange *x, CURLcode code)
{
	struct warm *w = (struct warm *)x;
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (code == CURLE_OK)
		code = curl_easy_getinfo(w->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (code == CURLE_OK && fd == CURL_SOCKET_BAD)
		code = CURLE_COULDNT_CONNECT;
	if (code != CURLE_OK) {
		connect_failed(w, code);
		return;
	}
	w->fd = fd;
	w->state = WARM_OPEN;
	(void)curl_loop_watch(
	    &w->host->fleet->loop, fd, (uint32_t)w->host->index, EPOLLIN);
	flush(w);
}

void
warm_connect(struct warm *w)
{
	struct fleet_host *h = w->host;

	w->exchange.on_done = on_connected;
	w->easy = link_new(h, &w->exchange);
	(void)curl_easy_setopt(w->easy, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(w->easy, CURLOPT_BUFFERSIZE, 1024L);
	if (curl_multi_add_handle(h->fleet->loop.multi, w->easy) != CURLM_OK)
		abort(); /* it is new and whole: only memory can be missing */
	w->state = WARM_CONNECTING;
}

void
warm_open(struct fleet_host *h, const char *drill)
{
	struct warm *w = &h->warm;

	warm_close(h);
	w->host = h;
	(void)snprintf(w->drill, sizeof(w->drill), "%s", drill);
	for (size_t i = 0; i < FLEET_WARM_ASKS; i++)
		prepare(w, (enum fleet_ask)i, "");
	w->is_proven = false;
	w->failures = 0;
	w->queue[0] = (struct warm_ask){ .what = FLEET_SHOW };
	w->count = 1;
	w->state = WARM_WAITING;
	w->next_try = 0;
	fleet_wake(h->fleet, 0);
}

/* --- asking --------------------------------------------------------------------------- */

static size_t
pending(const struct warm *w, enum fleet_ask what)
{
	size_t n = 0;

	for (size_t i = 0; i < w->count; i++)
		n += w->queue[i].what == what;
	return n;
}

int
warm_ask(struct warm *w, enum fleet_ask what, struct err *e)
{
	size_t at = w->count;

	if (w->state == WARM_OFF)
		return err_set(e, -ENOTCONN, "there is no connection to the agent at %s",
		    w->host->where);
	/* RENEWS_MAX and one of each other leave room in the queue. */
	if (pending(w, what) >= (what == FLEET_RENEW ? RENEWS_MAX : 1))
		return 0;
	if (is_undo(what))
		at = w->offset > 0 ? w->sent + 1 : w->sent;
	memmove(w->queue + at + 1, w->queue + at, (w->count - at) * sizeof(w->queue[0]));
	w->queue[at] = (struct warm_ask){ .what = what };
	w->count++;
	flush(w);
	return 0;
}

int
warm_fire(struct warm *w, usec_t at, struct err *e)
{
	const struct fleet_host *h = w->host;
	char query[32] = "";

	if (w->state != WARM_OFF && pending(w, FLEET_FIRE) > 0)
		return 0;
	if (at != 0 && h->socket == NULL && !h->clock.is_known)
		return err_set(e, -EPROTO,
		    "the agent at %s does not say what its clock is", h->where);
	if (at != 0)
		(void)snprintf(
		    query, sizeof(query), "?at=%" PRId64, (int64_t)at + h->clock.offset);
	prepare(w, FLEET_FIRE, query);
	return warm_ask(w, FLEET_FIRE, e);
}

/* --- answers -------------------------------------------------------------------------- */

static int
nonsense(struct warm *w, const char *why)
{
	return err_set(
	    &w->why, -EPROTO, "what answers at %s is no agent: %s", w->host->where, why);
}

/* All that is there, within a turn's bounds. */
static CURLcode
receive(struct warm *w)
{
	char chunk[CHUNK];
	CURLcode code;
	size_t n;

	for (int i = 0; i < CHUNKS_A_TURN; i++) {
		code = curl_easy_recv(w->easy, chunk, sizeof(chunk), &n);
		if (code == CURLE_AGAIN)
			return CURLE_OK;
		if (code != CURLE_OK || n == 0)
			return code != CURLE_OK ? code : CURLE_GOT_NOTHING;
		if (http_reader_add(&w->reader, chunk, n, NULL) < 0)
			return CURLE_WRITE_ERROR;
	}
	return CURLE_OK;
}

/* Hand out one answer that is there whole: 1, 0 for none, or negative. */
static int
take_answer(struct warm *w)
{
	struct http_response r;
	struct raw_answer a = { .drill = w->drill };
	int rc = http_reader_next(&w->reader, &r, NULL);
	unsigned life = w->life;

	if (rc < 0)
		return nonsense(w, "it does not speak our HTTP");
	if (w->sent == 0 && w->reader.used > 0)
		return nonsense(w, "it answers what was not asked");
	if (rc == 0)
		return 0;
	if (r.body_len > DRILL_BODY_MAX)
		return nonsense(w, "it says more than any answer of ours");
	a.what = w->queue[0].what;
	a.asked = w->queue[0].asked;
	a.answered = clock_boottime();
	a.status = r.status;
	a.body = r.body;
	a.len = r.body_len;
	w->count--;
	w->sent--;
	memmove(w->queue, w->queue + 1, w->count * sizeof(w->queue[0]));
	if (!w->exchange.is_heard)
		link_forget_certificates(w->easy);
	w->is_proven = w->exchange.is_heard = true;
	w->failures = 0;
	breaker_succeeded(&w->host->breaker);
	bool is_ours = answer_deliver(w->host, &a);
	if (w->life != life)
		return 0; /* the callback has closed it */
	return is_ours ? 1 : nonsense(w, "that was no answer to our question");
}

static void
read_answers(struct warm *w)
{
	unsigned life = w->life;
	/* What came before the end of the connection is still an answer. */
	CURLcode received = receive(w);
	int rc;

	do
		rc = take_answer(w);
	while (rc > 0);
	if (w->life != life)
		return;
	if (rc < 0)
		warm_break(w, LINK_NONSENSE);
	else if (received != CURLE_OK)
		break_by(w, received);
	else if (w->reader.used == w->reader.taken)
		w->part_since = 0;
	else if (w->part_since == 0)
		w->part_since = clock_boottime();
}

void
warm_ready(struct warm *w, uint32_t events)
{
	if (w->state != WARM_OPEN)
		return;
	if (events & EPOLLOUT) {
		(void)curl_loop_watch(
		    &w->host->fleet->loop, w->fd, (uint32_t)w->host->index, EPOLLIN);
		flush(w);
	}
	if (w->state == WARM_OPEN)
		read_answers(w);
}
