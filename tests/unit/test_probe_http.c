/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe type "http" against a server that misbehaves: one that listens on loopback in a
 * process of its own and does what the path asks for.
 */
#include "bad_server.h"
#include "err.h"
#include "prober_watch.h"
#include "test.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

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
headers_are_checked(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/headers", url, sizeof(url)));

	d.good.header_count = 1;
	d.good.headers[0] = (struct header_rule){ (char *)"x-shard", (char *)"^two$" };
	expect(&d, SAMPLE_OK, "");
	d.good.headers[0].pattern = (char *)"three";
	expect(&d, SAMPLE_BODY, "header 'x-shard' does not match");
	d.good.headers[1] = (struct header_rule){ (char *)"X-Zone", (char *)"" };
	d.good.header_count = 2;
	d.good.headers[0].pattern = (char *)"one";
	expect(&d, SAMPLE_BODY, "no header 'X-Zone'");
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
	d.good.body = NULL;
	d.good.header_count = 1;
	d.good.headers[0] = (struct header_rule){ (char *)"Age", (char *)"[" };
	assert_int_equal(open_prober(&seen, &d, 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "header 'Age'"));
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

int
main(void)
{
#define AGAINST_SERVER(test) \
 cmocka_unit_test_setup_teardown(test, start_server, stop_server)
	const struct CMUnitTest tests[] = {
		AGAINST_SERVER(a_good_answer_is_ok),
		AGAINST_SERVER(status_and_body_are_checked),
		AGAINST_SERVER(headers_are_checked),
		AGAINST_SERVER(a_pattern_that_backtracks_for_ever_gives_up),
		cmocka_unit_test(a_broken_pattern_is_refused_with_its_place),
		AGAINST_SERVER(what_a_request_needs_is_sent),
		AGAINST_SERVER(a_name_can_be_given_an_address),
		AGAINST_SERVER(failing_connections_are_told_apart),
		AGAINST_SERVER(redirects_are_an_answer_unless_followed),
		AGAINST_SERVER(a_huge_answer_is_cut_off_in_bounded_memory),
		cmocka_unit_test(a_unix_socket_is_probed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
