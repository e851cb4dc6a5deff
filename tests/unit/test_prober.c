/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prober against servers that misbehave: one that listens on loopback in a process of
 * its own and does what the path asks for, one with a certificate nobody signed, and one
 * that asks for ours.
 *
 * The prober sends by the clock, on machines that stall.  It says so of a request that it
 * could not send in time: then all are probed once more.
 */
#include "bad_server.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "hist.h"
#include "probe.h"
#include "strict_server.h"
#include "test.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define ATTEMPTS 8 /* on a machine that is too busy */
#define PATIENCE (PATIENCE_S * USEC_PER_SEC)

/* --- probing it ----------------------------------------------------------------------- */

struct seen {
	struct prober *prober;
	size_t enough; /* samples to wait for */
	size_t count;
	struct sample sample[512];
};

static void
on_sample(void *ctx, const struct sample *s)
{
	struct seen *seen = ctx;

	if (seen->count < ARRAY_LEN(seen->sample))
		seen->sample[seen->count++] = *s;
}

static int
open_prober(struct seen *seen, const struct probe_def *d, size_t count, struct err *e)
{
	const struct prober_options o = {
		.probes = d, .count = count, .on_sample = on_sample, .ctx = seen
	};

	return prober_open(&seen->prober, &o, e);
}

static struct probe_def
probe_of(const char *url)
{
	struct probe_def d = {
		.name = "p",
		.http = { .method = (char *)"GET",
		    .url = (char *)url,
		    .timeout = PATIENCE },
		.rate_mhz = 20 * 1000,
		.good = { .status = { { 200, 399 } },
		    .status_count = 1,
		    .within = PATIENCE },
		.objective = 0.99,
	};

	return d;
}

static const char *
url_of(const struct server *s, const char *path, char *buf, size_t size)
{
	(void)snprintf(buf, size, "http://127.0.0.1:%u%s", s->port, path);
	return buf;
}

static void
run_until(struct seen *seen, usec_t end)
{
	struct pollfd pfd = { .fd = prober_fd(seen->prober), .events = POLLIN };
	struct err e = { 0 };

	while (seen->count < seen->enough && clock_boottime() < end) {
		(void)poll(&pfd, 1, 100);
		assert_int_equal(prober_run(seen->prober, &e), 0);
	}
}

static bool
is_starved(const struct sample *s)
{
	return s->class == SAMPLE_SKIPPED &&
	       strcmp(s->why, "our own prober was too late") == 0;
}

static bool
was_starved(const struct seen *seen)
{
	for (size_t i = 0; i < seen->count; i++)
		if (is_starved(&seen->sample[i]))
			return true;
	return false;
}

static struct seen
watch_once(const struct probe_def *d, size_t count, size_t enough)
{
	struct seen seen = { .enough = enough };
	struct err e = { 0 };

	if (open_prober(&seen, d, count, &e) != 0)
		fail_msg("%s", e.msg);
	prober_start(seen.prober, clock_boottime());
	run_until(&seen, clock_boottime() + PATIENCE);
	assert_true(seen.count >= enough);
	prober_stop(seen.prober);
	prober_free(seen.prober);
	seen.prober = NULL;
	return seen;
}

/* The first `enough` samples of these probes. */
static struct seen
watch(const struct probe_def *d, size_t count, size_t enough)
{
	struct seen seen = watch_once(d, count, enough);

	for (int i = 1; i < ATTEMPTS && was_starved(&seen); i++)
		seen = watch_once(d, count, enough);
	return seen;
}

static void
expect(const struct probe_def *d, enum sample_class class, const char *why)
{
	struct seen seen = watch(d, 1, 2);

	for (size_t i = 0; i < 2; i++) {
		if (seen.sample[i].class != class)
			fail_msg("class %s, expected %s: %s",
			    sample_class_name(seen.sample[i].class),
			    sample_class_name(class), seen.sample[i].why);
		assert_true(seen.sample[i].bad == (class != SAMPLE_OK));
		if (strstr(seen.sample[i].why, why) == NULL)
			fail_msg("'%s' does not say '%s'", seen.sample[i].why, why);
	}
}

static void
a_good_answer_is_ok(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/", url, sizeof(url)));

	d.good.body = (char *)"\"ok\"\\s*:\\s*true";
	expect(&d, SAMPLE_OK, "");
	d.http.method = (char *)"HEAD";
	d.good.body = NULL;
	expect(&d, SAMPLE_OK, "");
}

static void
status_and_body_are_checked(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/503", url, sizeof(url)));

	expect(&d, SAMPLE_STATUS, "status 503");
	d.http.url = (char *)url_of(*state, "/", url, sizeof(url));
	d.good.body = (char *)"never there";
	expect(&d, SAMPLE_BODY, "does not match");
}

static void
a_pattern_that_backtracks_for_ever_gives_up(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/", url, sizeof(url)));

	d.good.body = (char *)"^(([a-z\":{}]+)+)+[!?]$";
	expect(&d, SAMPLE_BODY, "gave up");
}

static void
a_broken_pattern_is_refused_with_its_place(void **state)
{
	struct probe_def d = probe_of("http://127.0.0.1:1/");
	struct seen seen = { 0 };
	struct err e = { 0 };

	(void)state;
	d.good.body = (char *)"a(b";
	assert_int_equal(open_prober(&seen, &d, 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "probe 'p'"));
	assert_non_null(strstr(e.msg, "character 4"));
}

static void
what_a_request_needs_is_sent(void **state)
{
	char url[64], header[] = "Host: shop.test";
	char *headers[] = { header, NULL };
	struct probe_def d = probe_of(url_of(*state, "/post", url, sizeof(url)));

	d.http.method = (char *)"POST";
	d.http.headers = headers;
	d.http.body = (char *)"{\"sku\":7}";
	d.http.bearer = (char *)"s3cret";
	expect(&d, SAMPLE_OK, "");
}

static void
a_name_can_be_given_an_address(void **state)
{
	const struct server *s = *state;
	char url[64], line[64];
	char *resolve[] = { line, NULL };

	(void)snprintf(url, sizeof(url), "http://shop.test:%u/", s->port);
	(void)snprintf(line, sizeof(line), "shop.test:%u:127.0.0.1", s->port);
	struct probe_def d = probe_of(url);
	d.http.resolve = resolve;
	expect(&d, SAMPLE_OK, "");
}

static void
failing_connections_are_told_apart(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/reset", url, sizeof(url)));

	expect(&d, SAMPLE_CONNECT, "connection reset by peer");
	d.http.url = (char *)"http://127.0.0.1:1/";
	expect(&d, SAMPLE_CONNECT, "connection refused");
	d.http.url = (char *)"http://no-such-host.invalid/";
	expect(&d, SAMPLE_DNS, "resolve");
	d.http.url = (char *)url_of(*state, "/babble", url, sizeof(url));
	expect(&d, SAMPLE_STATUS, "not an HTTP answer");
}

static void
redirects_are_an_answer_unless_followed(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/redirect", url, sizeof(url)));

	expect(&d, SAMPLE_OK, "");
	d.http.redirects = 3;
	expect(&d, SAMPLE_STATUS, "more than 3 redirects");
}

static void
silence_is_bad_the_moment_within_passes(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/never", url, sizeof(url)));

	d.good.within = USEC_PER_SEC;
	expect(&d, SAMPLE_SLOW, "no answer within 1s");
	d.http.timeout = d.good.within;
	expect(&d, SAMPLE_TIMEOUT, "no answer within 1s");
	d.http.url = (char *)url_of(*state, "/drip", url, sizeof(url));
	expect(&d, SAMPLE_TIMEOUT, "no answer within 1s");
}

/* The one sample that a silent server leads to, and then, when it is told to answer, the
 * answer.  False when the request could not be sent in time. */
static bool
see_late_answer(const struct probe_def *d)
{
	struct seen seen = { .enough = 1 };
	_cleanup_free_ struct hist *h = xcalloc(1, sizeof(*h));
	struct err e = { 0 };
	usec_t told, end = clock_boottime() + PATIENCE;

	atomic_store(&page->may_answer, false);
	assert_int_equal(open_prober(&seen, d, 1, &e), 0);
	prober_start(seen.prober, clock_boottime());
	run_until(&seen, end);
	assert_int_equal(seen.count, 1);
	if (is_starved(&seen.sample[0])) {
		prober_free(seen.prober);
		return false;
	}
	seen.enough = 2; /* which does not come */
	told = clock_boottime();
	atomic_store(&page->may_answer, true);
	while (h->count == 0 && clock_boottime() < end) {
		run_until(&seen, clock_boottime() + 100 * USEC_PER_MSEC);
		prober_hist(seen.prober, 0, false, h);
	}
	prober_free(seen.prober);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.sample[0].class, SAMPLE_SLOW);
	assert_int_equal(seen.sample[0].latency, d->good.within);
	assert_int_equal(h->count, 1);
	assert_true(h->max >= told - seen.sample[0].intended);
	return true;
}

static void
a_late_answer_is_judged_once_and_reaches_the_histogram(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/slow", url, sizeof(url)));

	d.rate_mhz = 1; /* the second is due when all is long over */
	d.good.within = USEC_PER_SEC;
	for (int i = 0; i < ATTEMPTS; i++)
		if (see_late_answer(&d))
			return;
	fail_msg("the request was sent too late in each of %d attempts", ATTEMPTS);
}

static void
a_huge_answer_is_cut_off_in_bounded_memory(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/huge", url, sizeof(url)));
	struct rusage before, after;

	d.good.body = (char *)"needle";
	d.rate_mhz = 1000; /* one after the other */
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	expect(&d, SAMPLE_BODY, "longer than 16 MiB");
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_maxrss - before.ru_maxrss < 12 * 1024);
}

static void
the_schedule_does_not_wait_for_answers(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/never", url, sizeof(url)));

	d.rate_mhz = 100 * 1000;
	d.good.within = 4 * USEC_PER_SEC;
	struct seen seen = watch(&d, 1, 100);
	for (size_t i = 1; i < seen.count; i++) {
		assert_int_equal(seen.sample[i].class, SAMPLE_SLOW);
		assert_int_equal(
		    seen.sample[i].intended - seen.sample[i - 1].intended, 10000);
	}
}

static void
too_many_in_flight_are_skipped_and_say_so(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/never", url, sizeof(url)));

	/* 64 + 10/s × 4 s fit; within is longer than that takes to fill up, and a
	 * skipped one is neither good nor bad. */
	d.rate_mhz = 10 * 1000;
	d.http.timeout = d.good.within = 4 * USEC_PER_SEC;
	struct seen seen = watch(&d, 1, 42);
	for (size_t i = 0; i < seen.count; i++)
		assert_int_equal(seen.sample[i].class, SAMPLE_TIMEOUT);
	/* A blackhole whose requests are given far longer than the cap allows. */
	d.rate_mhz = 1000 * 1000;
	d.http.timeout = d.good.within = PATIENCE;
	seen = watch(&d, 1, 30);
	for (size_t i = 0; i < seen.count; i++) {
		assert_int_equal(seen.sample[i].class, SAMPLE_SKIPPED);
		assert_false(seen.sample[i].bad);
		assert_non_null(strstr(seen.sample[i].why, "1024 requests in flight"));
	}
}

static void
probes_are_staggered(void **state)
{
	char url[64];
	struct probe_def d[2] = { probe_of(url_of(*state, "/", url, sizeof(url))) };
	usec_t first[2] = { USEC_INFINITY, USEC_INFINITY };

	d[0].rate_mhz = 10 * 1000;
	d[1] = d[0];
	/* Answers need not come in the order of their requests. */
	struct seen seen = watch(d, 2, 8);
	for (size_t i = 0; i < seen.count; i++) {
		const struct sample *s = &seen.sample[i];

		if (s->intended < first[s->probe])
			first[s->probe] = s->intended;
	}
	assert_int_equal(first[1] - first[0], 50000);
	for (size_t i = 0; i < seen.count; i++)
		assert_int_equal(
		    (seen.sample[i].intended - first[seen.sample[i].probe]) % 100000, 0);
}

/* False when the request was not under way in time to stop it. */
static bool
see_stop(const struct probe_def *d)
{
	struct seen seen = { .enough = 1 };
	struct err e = { 0 };
	usec_t start = clock_boottime();
	bool is_in_time;

	atomic_store(&page->asked, 0);
	assert_int_equal(open_prober(&seen, d, 1, &e), 0);
	prober_start(seen.prober, start);
	while (
	    atomic_load(&page->asked) == 0 && clock_boottime() < start + d->good.within)
		run_until(&seen, clock_boottime() + 10 * USEC_PER_MSEC);
	prober_stop(seen.prober);
	is_in_time = clock_boottime() < start + d->good.within;
	if (is_in_time) {
		assert_int_equal(seen.count, 0);
		run_until(&seen, clock_boottime() + 2 * d->good.within);
		assert_int_equal(seen.count, 0);
		/* and it can start again */
		prober_start(seen.prober, clock_boottime());
		run_until(&seen, clock_boottime() + PATIENCE);
		assert_int_equal(seen.count, 1);
	}
	prober_free(seen.prober);
	return is_in_time;
}

static void
after_stop_nothing_is_sampled(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/never", url, sizeof(url)));

	d.rate_mhz = 1;
	d.good.within = d.http.timeout = USEC_PER_SEC;
	for (int i = 0; i < ATTEMPTS; i++)
		if (see_stop(&d))
			return;
	fail_msg("no request was under way in time in any of %d attempts", ATTEMPTS);
}

static void
a_unix_socket_is_probed(void **state)
{
	char dir[] = "/tmp/prober.XXXXXX", path[64];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 16), 0);
	pid_t pid = serve_in_child(fd);
	struct probe_def d = probe_of("http://localhost/");
	d.http.unix_socket = path;
	expect(&d, SAMPLE_OK, "");
	end_server(pid);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* --- TLS ------------------------------------------------------------------------------ */

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
#define AGAINST_SERVER(test) \
 cmocka_unit_test_setup_teardown(test, start_server, stop_server)
	const struct CMUnitTest tests[] = {
		AGAINST_SERVER(a_good_answer_is_ok),
		AGAINST_SERVER(status_and_body_are_checked),
		AGAINST_SERVER(a_pattern_that_backtracks_for_ever_gives_up),
		cmocka_unit_test(a_broken_pattern_is_refused_with_its_place),
		AGAINST_SERVER(what_a_request_needs_is_sent),
		AGAINST_SERVER(a_name_can_be_given_an_address),
		AGAINST_SERVER(failing_connections_are_told_apart),
		AGAINST_SERVER(redirects_are_an_answer_unless_followed),
		AGAINST_SERVER(silence_is_bad_the_moment_within_passes),
		AGAINST_SERVER(a_late_answer_is_judged_once_and_reaches_the_histogram),
		AGAINST_SERVER(a_huge_answer_is_cut_off_in_bounded_memory),
		AGAINST_SERVER(the_schedule_does_not_wait_for_answers),
		AGAINST_SERVER(too_many_in_flight_are_skipped_and_say_so),
		AGAINST_SERVER(probes_are_staggered),
		AGAINST_SERVER(after_stop_nothing_is_sampled),
		cmocka_unit_test(a_unix_socket_is_probed),
		cmocka_unit_test(a_certificate_nobody_signed_is_tls_unless_trusted),
		cmocka_unit_test(a_server_that_asks_for_a_certificate_gets_it),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
