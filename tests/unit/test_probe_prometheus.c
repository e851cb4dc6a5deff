/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes that query Prometheus, against an HTTP server on loopback that says what the test
 * wants to hear; the answers are those of Prometheus 2 (docs, "HTTP API").
 */
#include "probing.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#define SUCCESS(data) "{\"status\":\"success\",\"data\":" data "}"
#define VECTOR(items) SUCCESS("{\"resultType\":\"vector\",\"result\":[" items "]}")
#define SERIES(value) \
 "{\"metric\":{\"instance\":\"db1\"},\"value\":[1435781451.781,\"" value "\"]}"

/* --- the server ----------------------------------------------------------------------- */

static struct {
	int fd;
	uint16_t port;
	char request[1024]; /* the last one */
	const char *status, *body;
} server;

static void *
serve(void *arg)
{
	char head[128];

	(void)arg;
	for (;;) {
		int fd = accept(server.fd, NULL, NULL);
		ssize_t n = recv(fd, server.request, sizeof(server.request) - 1, 0);
		int len = snprintf(head, sizeof(head),
		    "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		    server.status, strlen(server.body));

		server.request[n > 0 ? n : 0] = '\0';
		(void)send(fd, head, (size_t)len, MSG_NOSIGNAL);
		(void)send(fd, server.body, strlen(server.body), MSG_NOSIGNAL);
		(void)close(fd);
	}
	return NULL;
}

static int
start_server(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	pthread_t t;

	(void)state;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server.fd >= 0);
	assert_int_equal(bind(server.fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(server.fd, 16), 0);
	assert_int_equal(getsockname(server.fd, (struct sockaddr *)&a, &len), 0);
	server.port = ntohs(a.sin_port);
	server.status = "200 OK";
	server.body = "";
	assert_int_equal(pthread_create(&t, NULL, serve, NULL), 0);
	return 0;
}

/* --- asking it ------------------------------------------------------------------------ */

static struct probe_def
probe_of(char url[static 64])
{
	(void)snprintf(
	    url, 64, "http://127.0.0.1:%u/api/v1/query?query=errors", server.port);
	return (struct probe_def){
		.name = "p",
		.type = PROBE_PROMETHEUS,
		.query = (char *)"errors",
		.http = { .method = (char *)"GET",
		    .url = url,
		    .timeout = PROBING_PATIENCE },
		.rate_mhz = 5 * 1000,
		.good = { .within = PROBING_PATIENCE, .at_least = 0, .at_most = 0.05 },
		.objective = 0.99,
	};
}

static void
expect_answer(const char *body, enum sample_class class, const char *why)
{
	char url[64];
	struct probe_def d = probe_of(url);

	server.status = "200 OK";
	server.body = body;
	(void)expect_sample(&d, class, why);
}

static void
a_value_within_its_bounds_is_good(void **state)
{
	(void)state;
	expect_answer(VECTOR(SERIES("0.01")), SAMPLE_OK, "");
	assert_non_null(
	    strstr(server.request, "GET /api/v1/query?query=errors HTTP/1.1"));
	expect_answer(VECTOR(SERIES("0")), SAMPLE_OK, "");
	expect_answer(VECTOR(SERIES("0.05")), SAMPLE_OK, "");
	expect_answer(VECTOR(SERIES("1e-05")), SAMPLE_OK, "");
	expect_answer(
	    SUCCESS("{\"resultType\":\"scalar\",\"result\":[1435781451.7,\"0.02\"]}"),
	    SAMPLE_OK, "");
}

static void
a_value_outside_is_bad(void **state)
{
	(void)state;
	expect_answer(VECTOR(SERIES("0.31")), SAMPLE_BODY, "0.31 is more than 0.05");
	expect_answer(VECTOR(SERIES("-2")), SAMPLE_BODY, "-2 is less than 0");
	expect_answer(VECTOR(SERIES("+Inf")), SAMPLE_BODY, "+Inf is more than 0.05");
	expect_answer(VECTOR(SERIES("-Inf")), SAMPLE_BODY, "-Inf is less than 0");
	expect_answer(VECTOR(SERIES("NaN")), SAMPLE_BODY, "the value is not a number");
	expect_answer(
	    SUCCESS("{\"resultType\":\"scalar\",\"result\":[1435781451.7,\"7\"]}"),
	    SAMPLE_BODY, "7 is more than 0.05");
}

static void
without_a_bound_any_number_is_good(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url);

	(void)state;
	server.body = VECTOR(SERIES("+Inf"));
	d.good.at_most = (double)INFINITY;
	(void)expect_sample(&d, SAMPLE_OK, "");
	d.good.at_least = -(double)INFINITY;
	server.body = VECTOR(SERIES("NaN"));
	(void)expect_sample(&d, SAMPLE_BODY, "not a number");
}

static void
every_series_must_hold(void **state)
{
	(void)state;
	expect_answer(VECTOR(SERIES("0.01") "," SERIES("0.02")), SAMPLE_OK, "");
	expect_answer(VECTOR(SERIES("0.01") "," SERIES("0.2") "," SERIES("0.3")),
	    SAMPLE_BODY, "0.2 is more than 0.05 (2 of 3 series)");
	expect_answer(VECTOR(SERIES("0.01") "," SERIES("NaN")), SAMPLE_BODY,
	    "the value is not a number (1 of 2 series)");
}

static void
no_series_is_bad_unless_said_otherwise(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url);

	(void)state;
	expect_answer(VECTOR(""), SAMPLE_BODY, "the answer is empty");
	d.good.may_be_empty = true;
	(void)expect_sample(&d, SAMPLE_OK, "");
	server.body = VECTOR(SERIES("0.2"));
	(void)expect_sample(&d, SAMPLE_BODY, "0.2 is more than 0.05");
}

static void
errors_are_told_in_their_own_words(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url);

	(void)state;
	server.status = "400 Bad Request";
	server.body = "{\"status\":\"error\",\"errorType\":\"bad_data\","
		      "\"error\":\"parse \\u001b[31merror\"}";
	(void)expect_sample(&d, SAMPLE_STATUS, "status 400: bad_data: parse ?[31merror");
	server.status = "503 Service Unavailable";
	server.body = "<html>no</html>";
	(void)expect_sample(&d, SAMPLE_STATUS, "status 503");
	expect_answer("{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"x\"}",
	    SAMPLE_BODY, "timeout: x");
}

static void
what_is_no_answer_is_bad(void **state)
{
	(void)state;
	expect_answer("", SAMPLE_BODY, "not an answer of Prometheus");
	expect_answer("<html>", SAMPLE_BODY, "not an answer of Prometheus");
	expect_answer("[1]", SAMPLE_BODY, "not an answer of Prometheus");
	expect_answer("{\"status\":\"success\"}", SAMPLE_BODY, "not an answer of");
	expect_answer(SUCCESS("{\"resultType\":\"matrix\",\"result\":[]}"), SAMPLE_BODY,
	    "the query gives a matrix, not an instant vector");
	expect_answer(SUCCESS("{\"resultType\":\"vector\",\"result\":{}}"), SAMPLE_BODY,
	    "not an answer of");
	expect_answer(VECTOR("{\"metric\":{},\"value\":[1,2]}"), SAMPLE_BODY, "no value");
	expect_answer(VECTOR("{\"metric\":{},\"histogram\":[1,{\"count\":\"3\"}]}"),
	    SAMPLE_BODY, "no value");
	expect_answer(VECTOR(SERIES("four")), SAMPLE_BODY, "no value");
	expect_answer(VECTOR("7"), SAMPLE_BODY, "no value");
}

static void
a_long_answer_says_what_to_ask_for(void **state)
{
	static const char one[] = SERIES("0.01") ",";
	_cleanup_free_ char *many = xcalloc(8192, sizeof(one)), *body = NULL;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 8000; i++, len += sizeof(one) - 1)
		memcpy(many + len, one, sizeof(one) - 1);
	body = xasprintf("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\","
			 "\"result\":[%s]}}",
	    many);
	expect_answer(body, SAMPLE_BODY, "longer than 256 KiB: ask for max()");
	server.body = "";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_within_its_bounds_is_good),
		cmocka_unit_test(a_value_outside_is_bad),
		cmocka_unit_test(without_a_bound_any_number_is_good),
		cmocka_unit_test(every_series_must_hold),
		cmocka_unit_test(no_series_is_bad_unless_said_otherwise),
		cmocka_unit_test(errors_are_told_in_their_own_words),
		cmocka_unit_test(what_is_no_answer_is_bad),
		cmocka_unit_test(a_long_answer_says_what_to_ask_for),
	};

	return cmocka_run_group_tests(tests, start_server, NULL);
}
