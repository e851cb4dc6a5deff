/* SPDX-License-Identifier: Apache-2.0 */
/* The response reader, fed whole, byte by byte, and with what only an attacker sends. */
#include "cleanup.h"
#include "http_reader.h"
#include "test.h"
#include <errno.h>
#include <string.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static void
whole_answer_is_read(void **state)
{
	static const char text[] = HEAD "Content-Length: 2\r\n\r\n{}";
	_cleanup_(http_reader_release) struct http_reader r = { 0 };
	struct http_response a;
	struct err e = { 0 };

	(void)state;
	assert_ok(http_reader_add(&r, text, strlen(text), &e), e);
	assert_int_equal(http_reader_next(&r, &a, &e), 1);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.body_len, 2);
	assert_memory_equal(a.body, "{}", 2);
	assert_int_equal(http_reader_next(&r, &a, &e), 0);
}

static void
every_split_gives_the_same_answers(void **state)
{
	static const char text[] =
	    HEAD "content-length:  5 \r\n\r\nfirst"
		 "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
		 "HTTP/1.1 500\r\nX: y\r\nContent-Length: 4\r\n\r\n\r\n\r\n";
	static const unsigned statuses[] = { 200, 404, 500 };
	size_t len = strlen(text);

	(void)state;
	for (size_t step = 1; step <= len; step++) {
		_cleanup_(http_reader_release) struct http_reader r = { 0 };
		struct http_response a;
		struct err e = { 0 };
		size_t answers = 0;
		int rc;

		for (size_t at = 0; at < len; at += step) {
			size_t n = len - at < step ? len - at : step;
			assert_ok(http_reader_add(&r, text + at, n, &e), e);
			while ((rc = http_reader_next(&r, &a, &e)) == 1)
				assert_int_equal(a.status, statuses[answers++]);
			assert_int_equal(rc, 0);
		}
		assert_int_equal(answers, 3);
		assert_int_equal(a.body_len, 4);
		assert_memory_equal(a.body, "\r\n\r\n", 4);
	}
}

static void
what_is_not_ours_is_refused(void **state)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"\r\n\r\n",
		HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
		HEAD "Content-Length: -1\r\n\r\n",
		HEAD "Content-Length: +1\r\n\r\n",
		HEAD "Content-Length: 0x1\r\n\r\n",
		HEAD "Content-Length: 1,1\r\n\r\n",
		HEAD "Content-Length: 01\r\n\r\n",
		HEAD "Content-Length: \r\n\r\n",
		HEAD "Content-Length: 99999999999999999999\r\n\r\n",
		HEAD "Content-Length: 8388609\r\n\r\n",
		HEAD "Content-Length : 0\r\n\r\n",
		HEAD " Content-Length: 0\r\n\r\n",
		HEAD ": x\r\nContent-Length: 0\r\n\r\n",
		HEAD "no colon\r\nContent-Length: 0\r\n\r\n",
		HEAD "X: a\nContent-Length: 0\r\n\r\n",
		HEAD "X: a\rb\r\nContent-Length: 0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_(http_reader_release) struct http_reader r = { 0 };
		struct http_response a;
		struct err e = { 0 };

		assert_ok(http_reader_add(&r, bad[i], strlen(bad[i]), &e), e);
		if (http_reader_next(&r, &a, &e) != -EPROTO)
			fail_msg("taken: %s", bad[i]);
	}
}

static void
nul_in_a_header_is_refused(void **state)
{
	static const char text[] = HEAD "X: \0\r\nContent-Length: 0\r\n\r\n";
	_cleanup_(http_reader_release) struct http_reader r = { 0 };
	struct http_response a;
	struct err e = { 0 };

	(void)state;
	assert_ok(http_reader_add(&r, text, sizeof(text) - 1, &e), e);
	assert_int_equal(http_reader_next(&r, &a, &e), -EPROTO);
}

static void
endless_head_and_endless_body_end(void **state)
{
	_cleanup_(http_reader_release) struct http_reader r = { 0 };
	_cleanup_free_ char *junk = malloc(1 << 20);
	struct http_response a;
	struct err e = { 0 };
	int rc = 0;

	(void)state;
	memset(junk, 'a', 1 << 20);
	assert_ok(http_reader_add(&r, junk, HTTP_HEAD_MAX + 1, &e), e);
	assert_int_equal(http_reader_next(&r, &a, &e), -EPROTO);
	for (int i = 0; rc == 0 && i < 64; i++)
		rc = http_reader_add(&r, junk, 1 << 20, &e);
	assert_int_equal(rc, -EPROTO);
	assert_true(r.room <= 2 * (size_t)(HTTP_HEAD_MAX + HTTP_BODY_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_answer_is_read),
		cmocka_unit_test(every_split_gives_the_same_answers),
		cmocka_unit_test(what_is_not_ours_is_refused),
		cmocka_unit_test(nul_in_a_header_is_refused),
		cmocka_unit_test(endless_head_and_endless_body_end),
	};

	return cmocka_run_group_tests_name("http_reader", tests, NULL, NULL);
}
