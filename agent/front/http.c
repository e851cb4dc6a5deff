/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests, on two servers of libmicrohttpd with our own loop and no thread: one for the
 * Unix socket, one for TCP, so that whatever strangers do on the one takes no place on the
 * other.  A body is read whole before anything is answered, too large ones included: an
 * early answer costs the client a reset connection.
 */
#include "http.h"
#include "ask.h"
#include "chan.h"
#include "clock.h"
#include "conn.h"
#include "err.h"
#include "log.h"
#include "remote.h"
#include "spec_json.h"
#include "tls.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_LOOK_MS   250
#define DISCARD_MAX    (4 * BODY_SIZE_MAX) /* of a body that is too large anyway */
#define REQUEST_MEMORY (24 * 1024)         /* request line and headers */

struct http {
	struct MHD_Daemon *local;
	struct remote remote;
	int chan;
	struct conns conns;
	uint32_t last_seq;
	struct err broken; /* the channel's end, for http_run to report */
};

static void
conn_begin(struct http *h, struct MHD_Connection *mhd, void **ret)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_DAEMON);
	struct conn *c = conn_new(&h->conns, mhd);

	*ret = c;
	if (info->daemon == h->remote.daemon) {
		remote_begin(&h->remote, c);
		return;
	}
	if (peer_of(c->fd, &c->peer) < 0 ||
	    !peer_may_enter(&c->peer, conns_known(&h->conns, false)))
		conn_hang_up(c);
	else
		c->is_known = true;
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		conn_begin(cls, mhd, context);
	else if (*context != NULL)
		conn_free(*context);
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
	conn_clear_request(c);
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
	conn_clear_request(c);
	c->deadline = clock_boottime() + IDLE_DEADLINE;
}

static void
take_body(struct conn *c, const char *data, size_t size)
{
	c->body_seen += size;
	if (c->body_seen > DISCARD_MAX)
		conn_hang_up(c);
	if (c->body_seen > BODY_SIZE_MAX)
		return;
	if (c->body_len + size > c->body_room) {
		c->body_room = 2 * (c->body_len + size);
		c->body = xrealloc(c->body, c->body_room);
	}
	memcpy(c->body + c->body_len, data, size);
	c->body_len += size;
}

static const char *
argument(const struct conn *c, const char *name)
{
	return MHD_lookup_connection_value(c->mhd, MHD_GET_ARGUMENT_KIND, name);
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
		.wait = argument(c, "wait"),
		.cause = argument(c, "cause"),
		.at = argument(c, "at"),
		.body = c->body != NULL ? c->body : "",
		.body_len = c->body_len,
		.peer = c->peer,
		.seq = ++h->last_seq,
	};
	struct err e = { 0 };
	char who[NAME_MAX_LEN + 8];
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
	log_debug("%s %s by %s: %s", method, url,
	    peer_describe(&c->peer, who, sizeof(who)), e.msg);
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
	c->deadline = clock_boottime() + ANSWER_DEADLINE;
	return queued;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	struct conn *c = *state;

	(void)version;
	if (c == NULL || !c->is_known || c->is_hung_up)
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

/* What both servers are told alike. */
#define COMMON_OPTIONS(h)                                                         \
 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,                      \
     MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_NOTIFY_COMPLETED, \
     on_completed, h, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h

/* Every session is given credentials of ours; libmicrohttpd insists on a source of its
 * own. */
static int
no_certificate(gnutls_session_t session, const gnutls_datum_t *issuers, int count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **ret,
    unsigned *ret_count, gnutls_privkey_t *ret_key)
{
	(void)session, (void)issuers, (void)count, (void)algorithms;
	(void)algorithm_count, (void)ret, (void)ret_count, (void)ret_key;
	return -1;
}

static int
start_servers(struct http *h, const struct http_sockets *s, struct err *e)
{
	h->local = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
	    NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, s->local,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)LOCAL_MAX, COMMON_OPTIONS(h),
	    MHD_OPTION_END);
	if (h->local == NULL)
		return err_set(e, -EIO, "start the HTTP server");
	if (s->tls < 0)
		return 0;
	/* twice the handshakes: those that were hung up on are still being put away */
	h->remote.daemon = MHD_start_daemon(
	    MHD_USE_TLS | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
	    NULL, on_request, h, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)(REMOTE_MAX + 2 * HANDSHAKES_MAX), MHD_OPTION_HTTPS_PRIORITIES,
	    TLS_PRIORITIES, MHD_OPTION_HTTPS_CERT_CALLBACK, no_certificate,
	    COMMON_OPTIONS(h), MHD_OPTION_END);
	if (h->remote.daemon == NULL)
		return err_set(e, -EIO, "start the HTTPS server");
	return 0;
}

int
http_open(struct http **ret, const struct http_sockets *s, struct err *e)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->chan = s->chan;
	h->remote.conns = &h->conns;
	h->remote.listen_fd = s->tls;
	/* A connection that is gone before it was accepted must not hold us up. */
	if (fcntl(s->local, F_SETFL, O_NONBLOCK) < 0 ||
	    (s->tls >= 0 && fcntl(s->tls, F_SETFL, O_NONBLOCK) < 0))
		(void)err_errno(e, "the listening socket");
	else if (start_servers(h, s, e) == 0)
		*ret = h;
	if (*ret == NULL)
		free(h);
	return *ret != NULL ? 0 : e->code;
}

_Static_assert(1 + REMOTE_FDS <= HTTP_FDS, "all are waited for");

size_t
http_fds(const struct http *h, struct pollfd ret[static HTTP_FDS])
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(h->local, MHD_DAEMON_INFO_EPOLL_FD);

	ret[0] = (struct pollfd){ info->epoll_fd, POLLIN, 0 };
	return 1 + remote_fds(&h->remote, ret + 1);
}

static int
earlier_timeout(struct MHD_Daemon *d, int ms)
{
	MHD_UNSIGNED_LONG_LONG mine;

	return d != NULL && MHD_get_timeout(d, &mine) == MHD_YES && mine < (unsigned)ms ?
		   (int)mine :
		   ms;
}

int
http_timeout_ms(const struct http *h)
{
	int ms =
	    remote_timeout_ms(&h->remote, h->conns.first != NULL ? SLOW_LOOK_MS : -1);

	return earlier_timeout(h->local, earlier_timeout(h->remote.daemon, ms));
}

int
http_run(struct http *h, const struct pollfd *fds, size_t count, struct err *e)
{
	conns_turn(&h->conns, clock_boottime());
	if (MHD_run(h->local) != MHD_YES)
		return err_set(e, -EIO, "the HTTP server failed");
	if (remote_run(&h->remote, fds + 1, count - 1, e) != 0)
		return e->code;
	if (h->broken.code != 0) {
		*e = h->broken;
		return e->code;
	}
	return 0;
}

int
http_pki(struct http *h, const struct msg_pki *m, struct err *e)
{
	struct msg_answer a = { .head = { .type = MSG_ANSWER, .seq = m->head.seq } };
	int rc = remote_pki(&h->remote, m, &a.err);

	if (rc == -EBADMSG)
		*e = a.err;
	else if (rc != 0)
		rc = chan_send(h->chan, &a, e);
	return rc;
}

int
http_answer(struct http *h, const union msg *m, struct err *e)
{
	struct conn *c = h->conns.first;
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
