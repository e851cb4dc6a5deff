/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd-front as it ships, over TCP: who is let in, who is not, and that of those who are
 * not no byte goes further; what a reload does to connections that are open; what a flood
 * of strangers does to those who are known.
 */
#include "api.h"
#include "certs.h"
#include "cleanup.h"
#include "clock.h"
#include "fake_stormd.h"
#include "fdio.h"
#include "parse.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>

#define TLS_1_3     "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS_1_2     "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define PATIENCE_MS 20000

static struct cert ca, foreign_ca, host, alice, bob;

/* --- handing over the pki ---------------------------------------------------------------- */

static void
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
static struct err
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

static void
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

static int
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

static int
dial(const struct stage *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
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

static void
client_end(struct client *c)
{
	gnutls_deinit(c->session);
	gnutls_certificate_free_credentials(c->cred);
	(void)close(c->fd);
}

static int
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
static int
client_ask(struct client *c, const char *request, char *buf, size_t size)
{
	size_t used = 0, want = SIZE_MAX;
	ssize_t n = gnutls_record_send(c->session, request, strlen(request));

	buf[0] = '\0';
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

static void
client_open(struct client *c, const struct stage *s, const struct cert *as)
{
	client_prepare(c, s, as, TLS_1_3);
	MUST_TLS(client_shake(c));
}

static void
assert_served(struct client *c)
{
	char buf[8192];

	assert_int_equal(client_ask(c, look, buf, sizeof(buf)), 200);
}

/* On a connection of its own: 0 and the alert that came, or the status. */
static int
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
static bool
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

/* --- who is let in --------------------------------------------------------------------------- */

static void
a_certificate_says_who_asks_and_as_what(void **state)
{
	static const struct {
		const struct cert *as;
		const char *name;
		enum role role;
	} cases[] = { { &alice, "alice", ROLE_OPERATOR }, { &bob, "bob", ROLE_VIEWER } };
	const struct stage *s = *state;
	char buf[8192];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client c;

		client_open(&c, s, cases[i].as);
		assert_int_equal(client_ask(&c, look, buf, sizeof(buf)), 200);
		assert_int_equal(s->seen->last.role, cases[i].role);
		assert_int_equal(s->seen->last.uid, UID_REMOTE);
		assert_string_equal(s->seen->last.name, cases[i].name);
		assert_non_null(strstr(buf, "\"remote\":true"));
		assert_null(strstr(buf, "\"uid\""));
		assert_served(&c); /* and again on the same connection */
		client_end(&c);
	}
}

static void
the_host_shows_its_certificate(void **state)
{
	struct client c;
	unsigned status = 0;
	gnutls_datum_t pem = cert_pem(&ca);

	client_prepare(&c, *state, &alice, TLS_1_3);
	MUST_TLS(
	    gnutls_certificate_set_x509_trust_mem(c.cred, &pem, GNUTLS_X509_FMT_PEM));
	MUST_TLS(client_shake(&c));
	MUST_TLS(gnutls_certificate_verify_peers3(c.session, "db1", &status));
	assert_int_equal(status, 0);
	MUST_TLS(gnutls_certificate_verify_peers3(c.session, "db2", &status));
	assert_int_not_equal(status, 0);
	gnutls_free(pem.data);
	client_end(&c);
}

static void
no_other_certificate_gets_a_byte_through(void **state)
{
	static const struct {
		const char *what;
		struct wish wish;
		const struct cert *by;
		int alert;
	} cases[] = {
		{ "by another CA", OPERATOR_WISH, &foreign_ca, GNUTLS_A_UNKNOWN_CA },
		{ "by itself", OPERATOR_WISH, NULL, GNUTLS_A_UNKNOWN_CA },
		{ "by an operator", OPERATOR_WISH, &alice, GNUTLS_A_UNKNOWN_CA },
		{ "a host's", HOST_WISH, &ca, GNUTLS_A_ACCESS_DENIED },
		{ "a host's that calls itself operator",
		    { .cn = "eve",
			.ou = "operator",
			.purpose = GNUTLS_KP_TLS_WWW_SERVER },
		    &ca, GNUTLS_A_ACCESS_DENIED },
		{ "for no purpose", { .cn = "eve", .ou = "operator" }, &ca,
		    GNUTLS_A_ACCESS_DENIED },
		{ "for any purpose",
		    { .cn = "eve", .ou = "operator", .purpose = GNUTLS_KP_ANY }, &ca,
		    GNUTLS_A_ACCESS_DENIED },
		{ "expired",
		    { .cn = "eve",
			.ou = "operator",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
			.from_days = -9,
			.to_days = -1 },
		    &ca, GNUTLS_A_CERTIFICATE_EXPIRED },
		{ "not valid yet",
		    { .cn = "eve",
			.ou = "operator",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
			.from_days = 1 },
		    &ca, GNUTLS_A_CERTIFICATE_EXPIRED },
		{ "without a role", { .cn = "eve", .purpose = GNUTLS_KP_TLS_WWW_CLIENT },
		    &ca, GNUTLS_A_ACCESS_DENIED },
		{ "with a role we do not know",
		    { .cn = "eve", .ou = "admin", .purpose = GNUTLS_KP_TLS_WWW_CLIENT },
		    &ca, GNUTLS_A_ACCESS_DENIED },
		{ "with a longer role",
		    { .cn = "eve",
			.ou = "operators",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT },
		    &ca, GNUTLS_A_ACCESS_DENIED },
		{ "with two roles",
		    { .cn = "eve",
			.ou = "viewer",
			.second_ou = "operator",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT },
		    &ca, GNUTLS_A_ACCESS_DENIED },
		{ "with a name that is none",
		    { .cn = "eve (uid 0)",
			.ou = "operator",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT },
		    &ca, GNUTLS_A_ACCESS_DENIED },
		{ "without a name",
		    { .ou = "operator", .purpose = GNUTLS_KP_TLS_WWW_CLIENT }, &ca,
		    GNUTLS_A_ACCESS_DENIED },
		{ "of a kind that costs us too much",
		    { .cn = "eve",
			.ou = "operator",
			.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
			.is_rsa = true },
		    &ca, -1 },
	};
	const struct stage *s = *state;
	int alert;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cert bad = cert_make(&cases[i].wish, cases[i].by);
		int status = visit(s, &bad, TLS_1_3, &alert);

		if (status != 0)
			fail_msg("%s: answered with %d", cases[i].what, status);
		if (cases[i].alert >= 0 && alert != cases[i].alert)
			fail_msg("%s: alert %d (%s)", cases[i].what, alert,
			    gnutls_alert_get_name((gnutls_alert_description_t)alert));
		cert_free(&bad);
	}
	assert_int_equal(atomic_load(&s->seen->requests), 0);
	assert_int_equal(visit(s, &alice, TLS_1_3, &alert), 200);
}

static void
without_a_certificate_there_is_no_answer(void **state)
{
	const struct stage *s = *state;
	int alert;

	assert_int_equal(visit(s, NULL, TLS_1_3, &alert), 0);
	assert_int_equal(visit(s, NULL, TLS_1_2, &alert), 0);
	assert_int_equal(visit(s, &alice, TLS_1_2, &alert), 0);
	assert_int_equal(atomic_load(&s->seen->requests), 0);
}

/* Plain HTTP, a banner, nonsense: whatever is said first, nobody hears it. */
static void
what_is_not_tls_is_hung_up_on(void **state)
{
	static const char *const words[] = { "GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/halt HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01\xff\xff\x01\xff\xff\xff" };
	const struct stage *s = *state;
	_cleanup_free_ char *junk = malloc(200001);
	int alert;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		int fd = dial(s);

		(void)write_all(fd, words[i], strlen(words[i]));
		assert_true(is_ended(fd, PATIENCE_MS));
		(void)close(fd);
	}
	memset(junk, 0x16, 200000);
	junk[200000] = '\0';
	for (int i = 0; i < 3; i++) {
		int fd = dial(s);

		(void)send(fd, junk, 200000, MSG_NOSIGNAL);
		assert_true(is_ended(fd, PATIENCE_MS));
		(void)close(fd);
	}
	assert_int_equal(atomic_load(&s->seen->requests), 0);
	assert_int_equal(visit(s, &alice, TLS_1_3, &alert), 200);
}

/* A resumed session would skip the verification, and with it the revocation list. */
static void
sessions_cannot_be_resumed(void **state)
{
	struct client c;

	client_open(&c, *state, &alice);
	assert_served(&c);
	assert_int_equal(
	    gnutls_session_get_flags(c.session) & GNUTLS_SFLAGS_SESSION_TICKET, 0);
	assert_int_equal(gnutls_session_is_resumed(c.session), 0);
	client_end(&c);
}

static void
a_body_too_large_is_consumed_then_refused(void **state)
{
	enum { PIECE = 8192 };
	char head[200], piece[PIECE], buf[8192];
	struct client c;
	int len = snprintf(head, sizeof(head),
	    "POST /v1/drills HTTP/1.1\r\nHost: db1\r\nContent-Length: %d\r\n\r\n",
	    BODY_SIZE_MAX + 1);

	memset(piece, ' ', sizeof(piece));
	client_open(&c, *state, &alice);
	assert_int_equal(gnutls_record_send(c.session, head, (size_t)len), len);
	for (size_t sent = 0; sent < BODY_SIZE_MAX; sent += PIECE)
		assert_int_equal(gnutls_record_send(c.session, piece, PIECE), PIECE);
	assert_int_equal(client_ask(&c, " ", buf, sizeof(buf)), 413);
	client_end(&c);
}

/* --- the slow and the many ---------------------------------------------------------------- */

static void
who_is_slow_is_hung_up_on(void **state)
{
	static const char part[] = "GET /v1/status HTTP/1.1\r\nHost:";
	const struct stage *s = *state;
	bool is_silent = false, is_halting = false, is_slow = false;
	int silent = dial(s), halting = dial(s);
	struct client slow;

	assert_int_equal(write_all(halting, "\x16\x03\x01\x02", 4), 0);
	client_open(&slow, s, &alice);
	assert_int_equal(
	    gnutls_record_send(slow.session, part, strlen(part)), strlen(part));
	for (int i = 0; i < 300 && !(is_silent && is_halting && is_slow); i++) {
		is_silent = is_silent || is_ended(silent, 0);
		is_halting = is_halting || send(halting, "\0", 1, MSG_NOSIGNAL) < 0;
		is_slow = is_slow || gnutls_record_send(slow.session, "x", 1) < 0;
		sleep_usec(100 * USEC_PER_MSEC);
	}
	assert_true(is_silent);
	assert_true(is_halting);
	assert_true(is_slow);
	(void)close(silent);
	(void)close(halting);
	client_end(&slow);
}

static int
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

/* CPU that the front has used, in clock ticks. */
static unsigned long
cpu_of_front(const struct stage *s)
{
	char path[64], text[1024], *field;
	unsigned long user, system;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", s->front);
	assert_true(read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	field = strrchr(text, ')');
	for (int i = 2; i < 14; i++) /* to the 14th: utime, stime */
		field = strchr(field + 1, ' ');
	user = strtoul(field, &field, 10);
	system = strtoul(field, NULL, 10);
	return user + system;
}

/* libmicrohttpd by itself would go round and round for them. */
static void
who_halts_in_the_middle_costs_nothing(void **state)
{
	enum { HALTING = 12 };
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	const struct stage *s = *state;
	unsigned long before, second = (unsigned long)sysconf(_SC_CLK_TCK);
	int fds[HALTING];

	for (int i = 0; i < HALTING; i++) {
		fds[i] = dial(s);
		assert_int_equal(write_all(fds[i], hello, sizeof(hello) - 1), 0);
	}
	assert_int_equal(ask_unix(s), 200);
	before = cpu_of_front(s);
	sleep_usec(2 * USEC_PER_SEC);
	assert_true(cpu_of_front(s) - before < second / 2);
	for (int i = 0; i < HALTING; i++)
		(void)close(fds[i]);
}
/* Half-made handshakes, more than there are places: the oldest go, and neither who is known
 * nor who comes anew nor the Unix socket is kept waiting. */
static void
a_flood_of_strangers_drowns_itself(void **state)
{
	enum { FLOOD = 120, HANDSHAKES = 16 };
	const struct stage *s = *state;
	int fds[FLOOD], open = 0, alert;
	struct client known;

	client_open(&known, s, &alice);
	assert_served(&known);
	for (int i = 0; i < FLOOD; i++) {
		fds[i] = dial(s);
		(void)send(fds[i], "\x16\x03\x01", 3, MSG_NOSIGNAL);
	}
	assert_served(&known);
	assert_int_equal(ask_unix(s), 200);
	assert_int_equal(visit(s, &bob, TLS_1_3, &alert), 200);
	for (int i = 0; i < FLOOD; i++)
		open += !is_ended(fds[i], 0);
	assert_true(open <= HANDSHAKES);
	assert_false(is_ended(fds[FLOOD - 1], 0)); /* the youngest are still there */
	for (int i = 0; i < FLOOD; i++)
		(void)close(fds[i]);
	client_end(&known);
}

/* Handshakes that are whole but for the end cost the most. */
static void
many_handshakes_at_once_do_not_end_the_front(void **state)
{
	const struct stage *s = *state;
	usec_t until = clock_boottime() + 2 * USEC_PER_SEC;
	const struct wish wish = OPERATOR_WISH;
	struct cert bad = cert_make(&wish, &foreign_ca);
	pid_t pids[3];
	int alert;

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		while (clock_boottime() < until)
			(void)visit(s, &bad, TLS_1_3, &alert);
		_exit(0);
	}
	while (clock_boottime() < until)
		assert_int_equal(ask_unix(s), 200);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	cert_free(&bad);
	assert_int_equal(visit(s, &alice, TLS_1_3, &alert), 200);
}

static void
viewers_cannot_keep_an_operator_out(void **state)
{
	enum { MANY = 40 };
	struct client c[MANY], last;
	const struct stage *s = *state;
	char buf[8192];
	int served = 0;

	for (int i = 0; i < MANY; i++) {
		client_open(&c[i], s, &bob);
		served += client_ask(&c[i], look, buf, sizeof(buf)) == 200;
	}
	assert_true(served > 0 && served < MANY);
	client_open(&last, s, &alice);
	assert_served(&last);
	client_end(&last);
	for (int i = 0; i < MANY; i++)
		client_end(&c[i]);
}

/* --- the pki ---------------------------------------------------------------------------------- */

static void
nothing_is_served_before_the_pki_is_there(void **state)
{
	const struct stage *s = *state;
	int fd = dial(s), alert;

	(void)write_all(fd, "\x16\x03\x01", 3);
	assert_int_equal(ask_unix(s), 200);
	assert_false(is_ended(fd, 200)); /* not even accepted */
	serve_with(s, &ca, no_crl);
	assert_int_equal(visit(s, &alice, TLS_1_3, &alert), 200);
	(void)close(fd);
}

static void
a_wrong_pki_is_refused_with_the_reason(void **state)
{
	const struct stage *s = *state;
	const struct wish rsa = { .cn = "db1",
		.dns = "db1",
		.purpose = GNUTLS_KP_TLS_WWW_SERVER,
		.is_rsa = true };
	const struct wish old = { .cn = "db1",
		.purpose = GNUTLS_KP_TLS_WWW_SERVER,
		.from_days = -9,
		.to_days = -1 };
	struct cert by_rsa = cert_make(&rsa, &ca), expired = cert_make(&old, &ca);
	gnutls_datum_t none = { (unsigned char *)strdup("nonsense"), 8 };
	const struct {
		struct err said;
		const char *part;
	} cases[] = {
		{ offer(s, &ca, &host, &alice, no_crl),
		    "key.pem is not the key of cert.pem" },
		{ offer(s, &foreign_ca, &host, &host, no_crl), "it is not by our CA" },
		{ offer(s, &ca, &alice, &alice, no_crl),
		    "cert.pem is no certificate of a host" },
		{ offer(s, &ca, &expired, &expired, no_crl), "it has expired" },
		{ offer(s, &ca, &by_rsa, &by_rsa, no_crl), "key.pem is of type RSA" },
		{ offer(s, &ca, &host, &host, none), "crl.pem holds no revocation list" },
		{ offer(s, &ca, &host, &host, crl_pem(&foreign_ca, NULL, 30)),
		    "crl.pem is not by the CA of ca.pem" },
	};
	int fd = dial(s);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].said.code == 0 ||
		    strstr(cases[i].said.msg, cases[i].part) == NULL)
			fail_msg("'%s', not '%s'", cases[i].said.msg, cases[i].part);
	}
	assert_int_equal(ask_unix(s), 200);
	assert_false(is_ended(fd, 200));
	(void)close(fd);
	cert_free(&by_rsa);
	cert_free(&expired);
}

static void
who_is_revoked_is_not_let_in(void **state)
{
	const struct stage *s = *state;
	int alert;

	/* out of date, and still it says who was revoked */
	serve_with(s, &ca, crl_pem(&ca, &bob, -1));
	assert_int_equal(visit(s, &bob, TLS_1_3, &alert), 0);
	assert_int_equal(alert, GNUTLS_A_CERTIFICATE_REVOKED);
	assert_int_equal(atomic_load(&s->seen->requests), 0);
	assert_int_equal(visit(s, &alice, TLS_1_3, &alert), 200);
}

static void
a_reload_ends_what_is_revoked_and_nothing_else(void **state)
{
	const struct stage *s = *state;
	struct client revoked, good;
	char buf[4096];

	client_open(&revoked, s, &bob);
	client_open(&good, s, &alice);
	assert_served(&revoked);
	assert_served(&good);
	serve_with(s, &ca, crl_pem(&ca, NULL, 30));
	assert_served(&revoked);
	serve_with(s, &ca, crl_pem(&ca, &bob, 30));
	assert_true(is_ended(revoked.fd, PATIENCE_MS));
	assert_int_equal(client_ask(&revoked, look, buf, sizeof(buf)), 0);
	assert_served(&good);
	client_end(&revoked);
	client_end(&good);
}

static void
a_reload_with_another_ca_ends_the_old_ones(void **state)
{
	const struct wish wish = OPERATOR_WISH;
	struct cert carol = cert_make(&wish, &foreign_ca);
	const struct stage *s = *state;
	struct client old;
	int alert;

	client_open(&old, s, &alice);
	assert_served(&old);
	serve_with(s, &foreign_ca, no_crl);
	assert_true(is_ended(old.fd, PATIENCE_MS));
	assert_int_equal(visit(s, &alice, TLS_1_3, &alert), 0);
	assert_int_equal(visit(s, &carol, TLS_1_3, &alert), 200);
	client_end(&old);
	cert_free(&carol);
}

static void
a_wrong_reload_changes_nothing(void **state)
{
	const struct stage *s = *state;
	struct client c;
	int alert;

	client_open(&c, s, &alice);
	assert_served(&c);
	assert_int_not_equal(offer(s, &ca, &host, &bob, no_crl).code, 0);
	assert_served(&c);
	assert_int_equal(visit(s, &bob, TLS_1_3, &alert), 200);
	client_end(&c);
}

/* The one who is in the middle of it is judged by the files of the end. */
static void
a_reload_in_the_middle_of_a_handshake_counts(void **state)
{
	const struct stage *s = *state;
	struct client c;
	char buf[4096];
	int rc;

	client_prepare(&c, s, &bob, TLS_1_3);
	(void)fcntl(c.fd, F_SETFL, O_NONBLOCK);
	rc = gnutls_handshake(c.session); /* hello is sent, nothing is back yet */
	serve_with(s, &ca, crl_pem(&ca, &bob, 30));
	(void)fcntl(c.fd, F_SETFL, 0);
	if (rc == GNUTLS_E_AGAIN)
		(void)client_shake(&c);
	assert_int_equal(client_ask(&c, look, buf, sizeof(buf)), 0);
	client_end(&c);
}

/* --- fire ------------------------------------------------------------------------------------- */

static void
fire_takes_a_moment_and_nothing_else_does(void **state)
{
	static const struct {
		const char *line;
		int status;
	} cases[] = {
		{ "POST /v1/drills/" KNOWN "/fire?at=123456789", 409 }, /* it was asked */
		{ "POST /v1/drills/" KNOWN "/fire?at=soon", 400 },
		{ "POST /v1/drills/" KNOWN "/fire?at=-1", 400 },
		{ "POST /v1/drills/" KNOWN "/fire?at=", 400 },
		{ "POST /v1/drills/" KNOWN "/undo?at=1", 400 },
		{ "GET /v1/status?at=1", 400 },
	};
	char request[256], buf[4096];
	struct client c;

	client_open(&c, *state, &alice);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(request, sizeof(request),
		    "%s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", cases[i].line);
		assert_int_equal(
		    client_ask(&c, request, buf, sizeof(buf)), cases[i].status);
	}
	client_end(&c);
}

static int
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

int
main(void)
{
#define SERVED(t)   cmocka_unit_test_setup_teardown(t, open_served, stage_close)
#define UNSERVED(t) cmocka_unit_test_setup_teardown(t, stage_open_tls, stage_close)
	const struct CMUnitTest tests[] = {
		SERVED(a_certificate_says_who_asks_and_as_what),
		SERVED(the_host_shows_its_certificate),
		SERVED(no_other_certificate_gets_a_byte_through),
		SERVED(without_a_certificate_there_is_no_answer),
		SERVED(what_is_not_tls_is_hung_up_on),
		SERVED(sessions_cannot_be_resumed),
		SERVED(a_body_too_large_is_consumed_then_refused),
		SERVED(who_is_slow_is_hung_up_on),
		SERVED(who_halts_in_the_middle_costs_nothing),
		SERVED(a_flood_of_strangers_drowns_itself),
		SERVED(many_handshakes_at_once_do_not_end_the_front),
		SERVED(viewers_cannot_keep_an_operator_out),
		UNSERVED(nothing_is_served_before_the_pki_is_there),
		UNSERVED(a_wrong_pki_is_refused_with_the_reason),
		UNSERVED(who_is_revoked_is_not_let_in),
		SERVED(a_reload_ends_what_is_revoked_and_nothing_else),
		SERVED(a_reload_with_another_ca_ends_the_old_ones),
		SERVED(a_wrong_reload_changes_nothing),
		SERVED(a_reload_in_the_middle_of_a_handshake_counts),
		SERVED(fire_takes_a_moment_and_nothing_else_does),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("tls", tests, make_certs, NULL);
}
