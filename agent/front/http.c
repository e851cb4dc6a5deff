/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and requests, on libmicrohttpd with our own loop and no thread.
 *
 * A body is read whole before anything is answered, too large ones included: an early
 * answer costs the client a reset connection.  libmicrohttpd's own timeout is inactivity,
 * which a slow sender never reaches; so each connection carries one deadline: five seconds
 * to send a request, two minutes between requests (the longest lease is one).  When it
 * passes, the socket is shut down and libmicrohttpd does the rest.
 */
#include "http.h"
#include "answer.h"
#include "ask.h"
#include "clock.h"
#include "err.h"
#include "log.h"
#include "spec_json.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_DEADLINE  (5 * USEC_PER_SEC)
#define IDLE_DEADLINE  (120 * USEC_PER_SEC)
#define SLOW_LOOK_MS   250
#define DISCARD_MAX    (4 * BODY_SIZE_MAX) /* of a body that is too large anyway */
#define REQUEST_MEMORY (24 * 1024)         /* request line and headers */

enum step {
	STEP_READ,   /* the request is coming in */
	STEP_WAIT,   /* asked of stormd, suspended */
	STEP_ANSWER, /* body and status are there */
	STEP_ANSWERED
};

struct conn {
	struct conn *next, **link;
	struct MHD_Connection *mhd;
	int fd;
	struct peer peer;
	usec_t deadline;
	enum step step;
	bool has_begun; /* libmicrohttpd has announced the request */
	uint32_t seq;
	char *body;
	size_t body_len, body_room, body_seen;
	struct answer answer;
	json_t *reply;
	unsigned status;
};

struct http {
	struct MHD_Daemon *daemon;
	int chan;
	struct conn *conns;
	unsigned count;
	uint32_t last_seq;
	struct err broken; /* the channel's end, for http_run to report */
};

static void
clear_request(struct conn *c)
{
	free(c->body);
	c->body = NULL;
	c->body_len = c->body_room = c->body_seen = 0;
	answer_release(&c->answer);
	json_decref(c->reply);
	c->reply = NULL;
	c->step = STEP_READ;
	c->has_begun = false;
	c->seq = 0;
}

static void
conn_begin(struct http *h, struct MHD_Connection *mhd, void **ret)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *c = xcalloc(1, sizeof(*c));

	c->mhd = mhd;
	c->fd = info->connect_fd;
	c->deadline = clock_boottime() + SEND_DEADLINE;
	if (peer_of(c->fd, &c->peer) < 0 || !peer_may_enter(&c->peer, h->count))
		(void)shutdown(c->fd, SHUT_RDWR);
	c->next = h->conns;
	c->link = &h->conns;
	if (c->next != NULL)
		c->next->link = &c->next;
	h->conns = c;
	h->count++;
	*ret = c;
}

static void
conn_end(struct http *h, struct conn *c)
{
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	h->count--;
	clear_request(c);
	free(c);
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		conn_begin(cls, mhd, context);
	else if (*context != NULL)
		conn_end(cls, *context);
}

static struct conn *
conn_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
	    ->socket_context;
}

/* The request line is in: what is returned is the request's state from here on. */
static void *
on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct conn *c = conn_of(mhd);

	(void)cls;
	(void)uri;
	clear_request(c);
	c->deadline = clock_boottime() + SEND_DEADLINE;
	return c;
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **state,
    enum MHD_RequestTerminationCode code)
{
	struct conn *c = *state;

	(void)cls;
	(void)mhd;
	(void)code;
	if (c == NULL)
		return;
	clear_request(c);
	c->deadline = clock_boottime() + IDLE_DEADLINE;
}

static void
take_body(struct conn *c, const char *data, size_t size)
{
	c->body_seen += size;
	if (c->body_seen > DISCARD_MAX)
		(void)shutdown(c->fd, SHUT_RDWR);
	if (c->body_seen > BODY_SIZE_MAX)
		return;
	if (c->body_len + size > c->body_room) {
		c->body_room = 2 * (c->body_len + size);
		c->body = xrealloc(c->body, c->body_room);
	}
	memcpy(c->body + c->body_len, data, size);
	c->body_len += size;
}

static void
reply_with(struct conn *c, json_t *body, unsigned status)
{
	c->reply = body;
	c->status = status;
	c->step = STEP_ANSWER;
}

/* The request is whole: ask stormd, or say at once why not. */
static void
ask_stormd(struct http *h, struct conn *c, const char *url, const char *method)
{
	struct ask a = {
		.method = method,
		.path = url,
		.wait =
		    MHD_lookup_connection_value(c->mhd, MHD_GET_ARGUMENT_KIND, "wait"),
		.cause =
		    MHD_lookup_connection_value(c->mhd, MHD_GET_ARGUMENT_KIND, "cause"),
		.body = c->body != NULL ? c->body : "",
		.body_len = c->body_len,
		.peer = c->peer,
		.seq = ++h->last_seq,
	};
	struct err e = { 0 };
	int rc;

	c->deadline = USEC_INFINITY;
	if (c->body_seen > BODY_SIZE_MAX) {
		rc = err_set(&e, -E2BIG, "the request is larger than %d KiB",
		    BODY_SIZE_MAX / 1024);
		e.outcome = OUTCOME_INVALID;
	} else {
		rc = ask_send(h->chan, &a, &e);
	}
	if (rc == 0) {
		c->seq = a.seq;
		c->step = STEP_WAIT;
		return;
	}
	if (rc == -EPIPE)
		h->broken = e;
	log_debug("%s %s by uid %u: %s", method, url, (unsigned)c->peer.uid, e.msg);
	reply_with(c, err_to_json(&e), answer_status(&e));
}

static enum MHD_Result
send_reply(struct conn *c)
{
	char *text = json_dumps(c->reply, JSON_COMPACT);
	struct MHD_Response *r;
	enum MHD_Result queued;

	if (text == NULL)
		return MHD_NO;
	r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (r == NULL)
		return MHD_NO;
	(void)MHD_add_response_header(
	    r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	queued = MHD_queue_response(c->mhd, c->status, r);
	MHD_destroy_response(r);
	c->step = STEP_ANSWERED;
	return queued;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	struct conn *c = *state;

	(void)version;
	if (c == NULL)
		return MHD_NO;
	if (!c->has_begun) {
		c->has_begun = true;
		return MHD_YES;
	}
	if (*size > 0) {
		take_body(c, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (c->step == STEP_READ)
		ask_stormd(cls, c, url, method);
	if (c->step == STEP_WAIT)
		MHD_suspend_connection(mhd);
	return c->step == STEP_ANSWER ? send_reply(c) : MHD_YES;
}

int
http_open(struct http **ret, int listen_fd, int chan, struct err *e)
{
	struct http *h = xcalloc(1, sizeof(*h));

	/* A connection that is gone before it was accepted must not hold us up. */
	if (fcntl(listen_fd, F_SETFL, O_NONBLOCK) < 0) {
		free(h);
		return err_errno(e, "the listening socket");
	}
	h->chan = chan;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
	    NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, listen_fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, h, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h,
	    MHD_OPTION_END);
	if (h->daemon == NULL) {
		free(h);
		return err_set(e, -EIO, "start the HTTP server");
	}
	*ret = h;
	return 0;
}

int
http_fd(const struct http *h)
{
	return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int
http_timeout_ms(const struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES && ms < SLOW_LOOK_MS)
		return (int)ms;
	return h->conns != NULL ? SLOW_LOOK_MS : -1;
}

int
http_run(struct http *h, struct err *e)
{
	usec_t now = clock_boottime();

	for (struct conn *c = h->conns; c != NULL; c = c->next) {
		if (now < c->deadline)
			continue;
		log_debug("uid %u was too slow, hanging up", (unsigned)c->peer.uid);
		(void)shutdown(c->fd, SHUT_RDWR);
		c->deadline = USEC_INFINITY;
	}
	if (MHD_run(h->daemon) != MHD_YES)
		return err_set(e, -EIO, "the HTTP server failed");
	if (h->broken.code != 0) {
		*e = h->broken;
		return e->code;
	}
	return 0;
}

int
http_answer(struct http *h, const union msg *m, struct err *e)
{
	struct conn *c = h->conns;
	int rc;

	while (c != NULL && (c->step != STEP_WAIT || c->seq != m->head.seq))
		c = c->next;
	if (c == NULL)
		return 0; /* its connection is gone */
	rc = answer_add(&c->answer, m, e);
	if (rc <= 0)
		return rc;
	reply_with(c, answer_body(&c->answer, &m->answer), answer_status(&m->answer.err));
	MHD_resume_connection(c->mhd);
	return 0;
}
