/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strangers.  A handshake costs us a millisecond of elliptic curves and a stranger nothing,
 * so they are let in at a bounded rate and few may be in one at a time; when one more comes,
 * the oldest of whoever has the most is dropped: a flood drowns its own.  Who they are is said in the handshake, by
 * our own verification (libmicrohttpd merely asks for a certificate), and before it is over
 * no byte of theirs reaches a handler.
 *
 * This server of libmicrohttpd's is led by fd_sets, made from poll(): by epoll it would go
 * round and round for as long as anybody halts in the middle of a handshake, because it
 * forgets to note that there was nothing more to read.
 */
#include "remote.h"
#include "err.h"
#include "log.h"
#include "tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ACCEPTS_A_TURN 4
#define QUIET          USEC_PER_SEC
/* So many a second and so many at once: a flood costs us a quarter of one CPU, not all. */
#define ACCEPT_EVERY   (5 * USEC_PER_MSEC)
#define ACCEPT_BURST   64

static bool
is_stranger(const struct conn *c)
{
	return c->remote != NULL && !c->is_known && !c->is_hung_up;
}

static const struct sockaddr *
address_of(const struct conn *c)
{
	return MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
	    ->client_addr;
}

static bool
is_same_host(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		   &((const struct sockaddr_in6 *)b)->sin6_addr,
		   sizeof(struct in6_addr)) == 0;
}

/* Strangers of the same host as this one. */
static unsigned
count_like(const struct remote *r, const struct conn *like)
{
	unsigned n = 0;

	for (const struct conn *c = r->conns->first; c != NULL; c = c->next)
		n += is_stranger(c) && is_same_host(address_of(c), address_of(like));
	return n;
}

/* The list is newest first: the last one of equals is the oldest. */
static void
make_room(struct remote *r)
{
	unsigned strangers = 0, most = 0;
	struct conn *drop = NULL;

	for (struct conn *c = r->conns->first; c != NULL; c = c->next) {
		unsigned like = is_stranger(c) ? count_like(r, c) : 0;

		if (like == 0)
			continue;
		strangers++;
		if (like >= most) {
			most = like;
			drop = c;
		}
	}
	if (strangers > HANDSHAKES_MAX)
		conn_hang_up(drop);
}

static bool
may_accept(const struct remote *r)
{
	return r->accepted_until < clock_boottime() + ACCEPT_BURST * ACCEPT_EVERY;
}

static void
count_accepted(struct remote *r)
{
	usec_t now = clock_boottime();

	r->accepted_until =
	    (r->accepted_until > now ? r->accepted_until : now) + ACCEPT_EVERY;
}

static void
accept_some(struct remote *r)
{
	for (int i = 0; i < ACCEPTS_A_TURN && may_accept(r); i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(r->listen_fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return; /* nobody there, or gone again */
		count_accepted(r);
		/* a failure closes it, and there is nobody to tell */
		if (MHD_add_connection(r->daemon, fd, (struct sockaddr *)&from, len) ==
		    MHD_YES)
			make_room(r);
	}
}

size_t
remote_fds(const struct remote *r, struct pollfd ret[static REMOTE_FDS])
{
	fd_set in, out, except;
	size_t count = 0;
	int max = -1;

	if (r->creds == NULL)
		return 0; /* nobody is accepted yet */
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	/* fails only for descriptors that a limit of ours does not let be */
	(void)MHD_get_fdset2(r->daemon, &in, &out, &except, &max, FD_SETSIZE);
	/* poll passes over a negative one; soon enough we look again */
	ret[count++] = (struct pollfd){ may_accept(r) ? r->listen_fd : -1, POLLIN, 0 };
	for (int fd = 0; fd <= max && count < REMOTE_FDS; fd++) {
		short events = (short)((FD_ISSET(fd, &in) ? POLLIN : 0) |
				       (FD_ISSET(fd, &out) ? POLLOUT : 0));

		if (events != 0)
			ret[count++] = (struct pollfd){ fd, events, 0 };
	}
	return count;
}

int
remote_timeout_ms(const struct remote *r, int ms)
{
	return r->creds == NULL || may_accept(r) ? ms :
						   (int)(ACCEPT_EVERY / USEC_PER_MSEC);
}

int
remote_run(struct remote *r, const struct pollfd *fds, size_t count, struct err *e)
{
	fd_set in, out, except;

	if (count == 0)
		return 0;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	/* an end or an error is for whoever waits, in either direction, to find */
	for (size_t i = 1; i < count; i++) {
		if (fds[i].revents == 0)
			continue;
		if ((fds[i].events & POLLIN) != 0)
			FD_SET(fds[i].fd, &in);
		if ((fds[i].events & POLLOUT) != 0)
			FD_SET(fds[i].fd, &out);
	}
	if (MHD_run_from_select(r->daemon, &in, &out, &except) != MHD_YES)
		return err_set(e, -EIO, "the HTTPS server failed");
	if (fds[0].revents != 0)
		accept_some(r);
	return 0;
}

static const char *
describe(const struct conn *c, char *buf, size_t size)
{
	const struct sockaddr *a = address_of(c);
	const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;
	const void *four = &((const struct sockaddr_in *)a)->sin_addr;
	bool is_four = a->sa_family == AF_INET;

	if (!is_four && IN6_IS_ADDR_V4MAPPED(six)) { /* of a socket for both families */
		four = six->s6_addr + 12;
		is_four = true;
	}
	return inet_ntop(is_four ? AF_INET : AF_INET6, is_four ? four : (const void *)six,
		   buf, (socklen_t)size) != NULL ?
		   buf :
		   "?";
}

/* A stranger must not be able to fill the log. */
static void
log_refusal(struct remote *r, const struct conn *c, const struct err *why)
{
	char from[INET6_ADDRSTRLEN], more[48] = "";
	usec_t now = clock_boottime();

	if (now < r->quiet_until) {
		r->unlogged++;
		return;
	}
	if (r->unlogged > 0)
		(void)snprintf(more, sizeof(more), " (and %u more before)", r->unlogged);
	log_notice("refused the certificate of %s: %s%s", describe(c, from, sizeof(from)),
	    why->msg, more);
	r->quiet_until = now + QUIET;
	r->unlogged = 0;
}

/* Say why, and throw away what they have asked already: to close on bytes that nobody read
 * is a reset, which often overtakes the reason. */
static void
turn_away(struct conn *c, const struct err *why)
{
	char bytes[4096];

	log_refusal(c->remote, c, why);
	tls_refuse(c->session, why);
	for (int i = 0; i < 16; i++) {
		if (recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			return;
	}
}

/* In the handshake: they have shown a certificate and that they hold its key. */
static int
on_certificate(gnutls_session_t session)
{
	struct conn *c = gnutls_session_get_ptr(session);
	struct remote *r = c->remote;
	struct err e = { 0 };
	struct peer p;

	if (tls_identify(r->creds, session, &p, &e) == 0 &&
	    !peer_may_enter(&p, conns_known(r->conns, true)))
		(void)err_refused(&e, "too many connections for '%s'", p.name);
	if (e.code != 0) {
		turn_away(c, &e);
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	c->peer = p;
	c->is_known = true;
	c->deadline = clock_boottime() + SEND_DEADLINE;
	return 0;
}

void
remote_begin(struct remote *r, struct conn *c)
{
	struct err e = { 0 };

	c->remote = r;
	c->session = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)
			 ->tls_session;
	c->creds = tls_creds_ref(r->creds);
	gnutls_session_set_ptr(c->session, c);
	gnutls_session_set_verify_function(c->session, on_certificate);
	if (tls_session_setup(c->creds, c->session, &e) != 0) {
		log_error("TLS: %s", e.msg);
		conn_hang_up(c);
	}
}

/* What was believed once may be no longer. */
static void
look_again(struct remote *r)
{
	for (struct conn *c = r->conns->first; c != NULL; c = c->next) {
		struct err e = { 0 };
		struct peer p;

		if (c->remote == NULL || !c->is_known || c->is_hung_up ||
		    tls_identify(r->creds, c->session, &p, &e) == 0)
			continue;
		log_notice("hanging up on '%s', the certificate is not good any more: %s",
		    c->peer.name, e.msg);
		conn_hang_up(c);
	}
}

int
remote_pki(struct remote *r, const struct msg_pki *m, struct err *e)
{
	struct tls_creds *made = NULL;
	int rc;

	if (r->daemon == NULL)
		return err_set(e, -EBADMSG, "a pki without a TCP socket");
	rc = tls_files_add(&r->files, m, e);
	if (rc <= 0)
		return rc;
	rc = tls_creds_make(&made, &r->files, e);
	tls_files_wipe(&r->files);
	if (rc != 0)
		return rc;
	tls_creds_unref(r->creds);
	r->creds = made;
	look_again(r);
	return 1;
}
