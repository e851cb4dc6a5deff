/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd-front as it ships, over TCP: who is let in, who is not, and that of those who are
 * not no byte goes further; what a flood of strangers does to those who are known.
 */
#include "tls_client.h"
#include <fcntl.h>

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

static const struct {
	const char *what;
	struct wish wish;
	const struct cert *by;
	int alert;
} bad_certs[] = {
	{ "by another CA", OPERATOR_WISH, &foreign_ca, GNUTLS_A_UNKNOWN_CA },
	{ "by itself", OPERATOR_WISH, NULL, GNUTLS_A_UNKNOWN_CA },
	{ "by an operator", OPERATOR_WISH, &alice, GNUTLS_A_UNKNOWN_CA },
	{ "a host's", HOST_WISH, &ca, GNUTLS_A_ACCESS_DENIED },
	{ "a host's that calls itself operator",
	    { .cn = "eve", .ou = "operator", .purpose = GNUTLS_KP_TLS_WWW_SERVER }, &ca,
	    GNUTLS_A_ACCESS_DENIED },
	{ "for no purpose", { .cn = "eve", .ou = "operator" }, &ca,
	    GNUTLS_A_ACCESS_DENIED },
	{ "for any purpose", { .cn = "eve", .ou = "operator", .purpose = GNUTLS_KP_ANY },
	    &ca, GNUTLS_A_ACCESS_DENIED },
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
	{ "without a role", { .cn = "eve", .purpose = GNUTLS_KP_TLS_WWW_CLIENT }, &ca,
	    GNUTLS_A_ACCESS_DENIED },
	{ "with a role we do not know",
	    { .cn = "eve", .ou = "admin", .purpose = GNUTLS_KP_TLS_WWW_CLIENT }, &ca,
	    GNUTLS_A_ACCESS_DENIED },
	{ "with a longer role",
	    { .cn = "eve", .ou = "operators", .purpose = GNUTLS_KP_TLS_WWW_CLIENT }, &ca,
	    GNUTLS_A_ACCESS_DENIED },
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
	{ "without a name", { .ou = "operator", .purpose = GNUTLS_KP_TLS_WWW_CLIENT },
	    &ca, GNUTLS_A_ACCESS_DENIED },
	{ "of a kind that costs us too much",
	    { .cn = "eve",
		.ou = "operator",
		.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
		.is_rsa = true },
	    &ca, -1 },
};

static void
no_other_certificate_gets_a_byte_through(void **state)
{
	const struct stage *s = *state;
	int alert;

	for (size_t i = 0; i < ARRAY_LEN(bad_certs); i++) {
		struct cert bad = cert_make(&bad_certs[i].wish, bad_certs[i].by);
		int status = visit(s, &bad, TLS_1_3, &alert);

		if (status != 0)
			fail_msg("%s: answered with %d", bad_certs[i].what, status);
		if (bad_certs[i].alert >= 0 && alert != bad_certs[i].alert)
			fail_msg("%s: alert %d (%s)", bad_certs[i].what, alert,
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

int
main(void)
{
#define SERVED(t) cmocka_unit_test_setup_teardown(t, open_served, stage_close)
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
		SERVED(fire_takes_a_moment_and_nothing_else_does),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("tls", tests, make_certs, NULL);
}
