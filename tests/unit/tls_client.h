/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H
/*
 * A TLS client for the front of fake_stormd.h, and what hands that front its pki; with the
 * people who come to it.
 */
#include "api.h"
#include "certs.h"
#include "cleanup.h"
#include "clock.h"
#include "fake_stormd.h"
#include "fdio.h"
#include "test.h"

#define TLS_1_3     "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS_1_2     "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define PATIENCE_MS 60000

static struct cert ca, foreign_ca, host, alice, bob;

/* --- handing over the pki ---------------------------------------------------------------- */

static inline void
send_pki(const struct stage *s, uint8_t step, uint8_t part, const gnutls_datum_t *d)
{
	static struct msg_pki m;
	struct err e = { 0 };
	size_t at = 0;

	do {
		size_t left = d != NULL ? d->size - at : 0;

		m = (struct msg_pki){
			.head = { .type = MSG_PKI, .seq = 77 }, .step = step, .part = part
		};
		/* in small pieces, so that there are several */
		m.len = (uint16_t)(left < 100 ? left : 100);
		if (d != NULL)
			memcpy(m.bytes, d->data + at, m.len);
		assert_ok(chan_send(s->chan, &m, &e), e);
		at += m.len;
	} while (d != NULL && at < d->size);
}

/* What the front says of it; `crl` may be empty. */
static inline struct err
offer(const struct stage *s, const struct cert *by, const struct cert *own,
    const struct cert *key, gnutls_datum_t crl)
{
	unsigned before = atomic_load(&s->seen->pki_answers);
	gnutls_datum_t parts[PKI_PARTS] = { cert_pem(by), cert_pem(own), key_pem(key),
		crl };

	send_pki(s, PKI_BEGIN, 0, NULL);
	for (uint8_t i = 0; i < PKI_PARTS; i++) {
		if (parts[i].size > 0)
			send_pki(s, PKI_PIECE, i, &parts[i]);
		gnutls_free(parts[i].data);
	}
	send_pki(s, PKI_USE, 0, NULL);
	for (int i = 0; i < PATIENCE_MS; i++) {
		if (atomic_load(&s->seen->pki_answers) != before)
			return s->seen->pki;
		sleep_usec(USEC_PER_MSEC);
	}
	fail_msg("the front says nothing of its pki");
	return (struct err){ 0 };
}

static const gnutls_datum_t no_crl;

static inline void
serve_with(const struct stage *s, const struct cert *by, gnutls_datum_t crl)
{
	struct cert own;
	const struct wish wish = HOST_WISH;
	struct err e;

	own = cert_make(&wish, by);
	e = offer(s, by, &own, &own, crl);
	if (e.code != 0)
		fail_msg("%s", e.msg);
	cert_free(&own);
}

static inline int
open_served(void **state)
{
	int rc = stage_open_tls(state);

	if (rc == 0)
		serve_with(*state, &ca, no_crl);
	return rc;
}

/* --- a client ------------------------------------------------------------------------------ */

struct client {
	int fd;
	gnutls_session_t session;
	gnutls_certificate_credentials_t cred;
	int alert; /* that ended it, -1: none */
};

static inline int
dial(const struct stage *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static inline void
client_prepare(struct client *c, const struct stage *s, const struct cert *as,
    const char *priorities)
{
	*c = (struct client){ .fd = dial(s), .alert = -1 };
	MUST_TLS(gnutls_init(
	    &c->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT));
	MUST_TLS(gnutls_priority_set_direct(c->session, priorities, NULL));
	MUST_TLS(gnutls_certificate_allocate_credentials(&c->cred));
	if (as != NULL) {
		gnutls_x509_crt_t chain[] = { as->crt };

		MUST_TLS(gnutls_certificate_set_x509_key(c->cred, chain, 1, as->key));
	}
	MUST_TLS(gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->cred));
	gnutls_transport_set_int(c->session, c->fd);
	gnutls_handshake_set_timeout(c->session, PATIENCE_MS);
	gnutls_record_set_timeout(c->session, PATIENCE_MS);
}

static inline void
client_end(struct client *c)
{
	gnutls_deinit(c->session);
	gnutls_certificate_free_credentials(c->cred);
	(void)close(c->fd);
}

static inline int
client_shake(struct client *c)
{
	int rc;

	do
		rc = gnutls_handshake(c->session);
	while (rc < 0 && !gnutls_error_is_fatal(rc));
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		c->alert = gnutls_alert_get(c->session);
	return rc;
}

/* The status of the answer, 0 when there is none. */
static inline int
client_ask(struct client *c, const char *request, char *buf, size_t size)
{
	size_t used = 0, want = SIZE_MAX;
	ssize_t n = 1;

	buf[0] = '\0';
	/* who was hung up on cannot send, but may still be told why */
	(void)gnutls_record_send(c->session, request, strlen(request));
	while (n > 0 && used < want && used < size - 1) {
		const char *body, *length;

		n = gnutls_record_recv(c->session, buf + used, size - 1 - used);
		if (n == GNUTLS_E_FATAL_ALERT_RECEIVED)
			c->alert = gnutls_alert_get(c->session);
		if (n <= 0)
			return 0;
		used += (size_t)n;
		buf[used] = '\0';
		body = strstr(buf, "\r\n\r\n");
		length = strcasestr(buf, "\r\nContent-Length:");
		if (body != NULL && length != NULL)
			want = (size_t)(body + 4 - buf) + strtoul(length + 17, NULL, 10);
	}
	return n > 0 ? (int)strtol(buf + strlen("HTTP/1.1 "), NULL, 10) : 0;
}

static const char look[] = "GET /v1/drills/" KNOWN " HTTP/1.1\r\nHost: db1\r\n\r\n";

static inline void
client_open(struct client *c, const struct stage *s, const struct cert *as)
{
	client_prepare(c, s, as, TLS_1_3);
	MUST_TLS(client_shake(c));
}

static inline void
assert_served(struct client *c)
{
	char buf[8192];

	assert_int_equal(client_ask(c, look, buf, sizeof(buf)), 200);
}

/* On a connection of its own: 0 and the alert that came, or the status. */
static inline int
visit(
    const struct stage *s, const struct cert *as, const char *priorities, int *ret_alert)
{
	struct client c;
	char buf[8192];
	int status = 0;

	client_prepare(&c, s, as, priorities);
	if (client_shake(&c) == 0)
		status = client_ask(&c, look, buf, sizeof(buf));
	*ret_alert = c.alert;
	client_end(&c);
	return status;
}

/* Is it still open?  A connection that was ended is readable, and at its end. */
static inline bool
is_ended(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c[4096];
	ssize_t n;

	do {
		if (poll(&p, 1, wait_ms) != 1)
			return false;
		n = recv(fd, c, sizeof(c), MSG_DONTWAIT);
	} while (n > 0);
	return true;
}

static inline int
ask_unix(const struct stage *s)
{
	static const char line[] = "GET /v1/drills/" KNOWN " HTTP/1.1\r\nHost: a\r\n\r\n";
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096] = "";

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(write_all(fd, line, strlen(line)), 0);
	if (poll(&p, 1, PATIENCE_MS) != 1 || read(fd, buf, sizeof(buf) - 1) <= 0)
		return 0;
	return (int)strtol(buf + strlen("HTTP/1.1 "), NULL, 10);
}

static inline int
make_certs(void **state)
{
	const struct wish a = CA_WISH, h = HOST_WISH, o = OPERATOR_WISH, v = VIEWER_WISH;

	(void)state;
	ca = cert_make(&a, NULL);
	foreign_ca = cert_make(&a, NULL);
	host = cert_make(&h, &ca);
	alice = cert_make(&o, &ca);
	bob = cert_make(&v, &ca);
	return 0;
}

#endif
