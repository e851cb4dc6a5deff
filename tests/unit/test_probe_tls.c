/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe type "http" over TLS: a server with a certificate nobody signed, and one that
 * asks for ours.
 */
#include "prober_watch.h"
#include "strict_server.h"
#include "test.h"
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static enum MHD_Result
tls_answer(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **con)
{
	static char ok[] = "ok";
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(2, ok, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result q = MHD_queue_response(c, 200, r);

	(void)ctx, (void)url, (void)method, (void)version, (void)data, (void)size;
	(void)con;
	MHD_destroy_response(r);
	return q;
}

/* A certificate that nobody signed; both as PEM. */
static void
make_certificate(gnutls_datum_t *key, gnutls_datum_t *cert)
{
	gnutls_x509_privkey_t k;
	gnutls_x509_crt_t c;

	assert_int_equal(gnutls_x509_privkey_init(&k), 0);
	assert_int_equal(gnutls_x509_privkey_generate(k, GNUTLS_PK_ECDSA,
			     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
	    0);
	assert_int_equal(gnutls_x509_crt_init(&c), 0);
	assert_int_equal(gnutls_x509_crt_set_version(c, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(c, "\1", 1), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(c, time(NULL) - 3600), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(c, time(NULL) + 3600), 0);
	assert_int_equal(gnutls_x509_crt_set_dn(c, "CN=localhost", NULL), 0);
	assert_int_equal(gnutls_x509_crt_set_subject_alt_name(
			     c, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET),
	    0);
	assert_int_equal(gnutls_x509_crt_set_key(c, k), 0);
	assert_int_equal(gnutls_x509_crt_sign2(c, c, k, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_privkey_export2(k, GNUTLS_X509_FMT_PEM, key), 0);
	assert_int_equal(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, cert), 0);
	gnutls_x509_crt_deinit(c);
	gnutls_x509_privkey_deinit(k);
}

static void
a_certificate_nobody_signed_is_tls_unless_trusted(void **state)
{
	gnutls_datum_t key, cert;
	char url[64], ca[] = "/tmp/prober-ca.XXXXXX";

	(void)state;
	make_certificate(&key, &cert);
	struct sockaddr_in a = { .sin_family = AF_INET };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct MHD_Daemon *m =
	    MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL,
		tls_answer, NULL, MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_HTTPS_MEM_KEY,
		key.data, MHD_OPTION_HTTPS_MEM_CERT, cert.data, MHD_OPTION_END);
	assert_non_null(m);
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(m, MHD_DAEMON_INFO_BIND_PORT);
	(void)snprintf(url, sizeof(url), "https://localhost:%u/", info->port);
	struct probe_def d = probe_of(url);
	d.rate_mhz = 200 * 1000; /* faster than connections can be made */
	expect(&d, SAMPLE_TLS, "certificate");
	d.http.insecure = true;
	expect(&d, SAMPLE_OK, "");
	d.http.insecure = false;
	int fd = mkstemp(ca);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, cert.data, cert.size), cert.size);
	(void)close(fd);
	d.http.ca = ca;
	expect(&d, SAMPLE_OK, "");
	(void)unlink(ca);
	MHD_stop_daemon(m);
	gnutls_free(key.data);
	gnutls_free(cert.data);
}

/* In TLS 1.3 a client learns only after its own handshake that it was not let in. */
static void
a_server_that_asks_for_a_certificate_gets_it(void **state)
{
	static const char *const versions[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2",
		"NORMAL:-VERS-ALL:+VERS-TLS1.3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct strict_server s;
		bool is_1_3 = i == 1;
		char url[64];

		strict_start(&s, versions[i]);
		(void)snprintf(url, sizeof(url), "https://localhost:%u/", s.port);
		struct probe_def d = probe_of(url);
		d.http.ca = s.ca_path;
		expect(&d, SAMPLE_TLS, is_1_3 ? "want a client certificate" : "");
		d.http.cert = s.cert_path;
		d.http.key = s.key_path;
		expect(&d, SAMPLE_OK, "");
		d.http.cert = s.stranger_path;
		d.http.key = s.stranger_key_path;
		expect(&d, SAMPLE_TLS, is_1_3 ? "not accept our certificate" : "");
		d.http.cert = s.cert_path; /* and a key that is not its own */
		expect(&d, SAMPLE_TLS, "");
		strict_end(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_nobody_signed_is_tls_unless_trusted),
		cmocka_unit_test(a_server_that_asks_for_a_certificate_gets_it),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
