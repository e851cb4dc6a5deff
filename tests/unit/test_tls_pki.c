/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pki of stormd-front: what is served before it is there, which is refused and why, and
 * what a reload does to connections that are open.
 */
#include "tls_client.h"
#include <errno.h>
#include <fcntl.h>

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
		    "cert.pem will not do: it is not a host's" },
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

/* What it waits for is answered to nobody, and harms nobody. */
static void
a_reload_ends_who_waits_for_an_answer(void **state)
{
	static const char wait[] =
	    "GET /v1/drills/" KNOWN "?wait=clean HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char resume[] =
	    "POST /v1/resume HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
	const struct stage *s = *state;
	struct client revoked, good;
	char buf[4096];

	client_open(&revoked, s, &bob);
	client_open(&good, s, &alice);
	assert_true(gnutls_record_send(revoked.session, wait, strlen(wait)) > 0);
	for (int i = 0; i < PATIENCE_MS && atomic_load(&s->seen->requests) == 0; i++)
		sleep_usec(USEC_PER_MSEC);
	serve_with(s, &ca, crl_pem(&ca, &bob, 30));
	assert_true(is_ended(revoked.fd, PATIENCE_MS));
	assert_int_equal(client_ask(&good, resume, buf, sizeof(buf)), 200);
	assert_served(&good);
	client_end(&revoked);
	client_end(&good);
}

static void
a_certificate_that_expires_ends_its_connection(void **state)
{
	const struct wish wish = { .cn = "eve",
		.ou = "operator",
		.purpose = GNUTLS_KP_TLS_WWW_CLIENT,
		.to_seconds = 4 };
	struct cert eve = cert_make(&wish, &ca);
	const struct stage *s = *state;
	struct client c, good;

	client_open(&c, s, &eve);
	client_open(&good, s, &alice);
	assert_served(&c);
	assert_true(is_ended(c.fd, PATIENCE_MS));
	assert_served(&good);
	client_end(&c);
	client_end(&good);
	cert_free(&eve);
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

int
main(void)
{
#define SERVED(t)   cmocka_unit_test_setup_teardown(t, open_served, stage_close)
#define UNSERVED(t) cmocka_unit_test_setup_teardown(t, stage_open_tls, stage_close)
	const struct CMUnitTest tests[] = {
		UNSERVED(nothing_is_served_before_the_pki_is_there),
		UNSERVED(a_wrong_pki_is_refused_with_the_reason),
		UNSERVED(who_is_revoked_is_not_let_in),
		SERVED(a_reload_ends_what_is_revoked_and_nothing_else),
		SERVED(a_reload_ends_who_waits_for_an_answer),
		SERVED(a_certificate_that_expires_ends_its_connection),
		SERVED(a_reload_with_another_ca_ends_the_old_ones),
		SERVED(a_wrong_reload_changes_nothing),
		SERVED(a_reload_in_the_middle_of_a_handshake_counts),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("tls_pki", tests, make_certs, NULL);
}
