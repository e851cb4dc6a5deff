/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd-front in its sandbox, against raw bytes: what is refused, what is too large, too
 * slow, too deep; who is asking; what the process can still do.
 */
#include "cleanup.h"
#include "clock.h"
#include "fake_stormd.h"
#include "fdio.h"
#include "limits.h"
#include "sanitized.h"
#include "test.h"
#include <fcntl.h>
#include <jansson.h>

static int
dial(const struct stage *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Read until the other side has nothing more to say for this connection: the head and as
 * much body as Content-Length says.  The status, 0 for a closed connection. */
static int
hear(int fd, char *buf, size_t size)
{
	size_t used = 0, want = SIZE_MAX;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *body = NULL, *length;

	while (used < want && used < size - 1) {
		ssize_t n;
		if (poll(&p, 1, 20000) <= 0)
			fail_msg("no answer");
		n = read(fd, buf + used, size - 1 - used);
		if (n <= 0)
			return 0;
		used += (size_t)n;
		buf[used] = '\0';
		body = strstr(buf, "\r\n\r\n");
		length = strcasestr(buf, "\r\nContent-Length:");
		if (body != NULL && length != NULL)
			want = (size_t)(body + 4 - buf) + strtoul(length + 17, NULL, 10);
	}
	return (int)strtol(buf + strlen("HTTP/1.1 "), NULL, 10);
}

static int
say(int fd, const char *bytes, char *buf, size_t size)
{
	assert_int_equal(write_all(fd, bytes, strlen(bytes)), 0);
	return hear(fd, buf, size);
}

/* One request on a connection of its own; the JSON of the answer. */
static int
ask(const struct stage *s, const char *line, const char *body, json_t **ret)
{
	_cleanup_free_ char *buf = malloc(1 << 20), *request = NULL;
	_cleanup_close_ int fd = dial(s);
	const char *json;
	int status;

	assert_true(asprintf(&request,
			"%s HTTP/1.1\r\nHost: agent\r\nContent-Length: %zu\r\n\r\n%s",
			line, strlen(body), body) > 0);
	status = say(fd, request, buf, 1 << 20);
	json = strstr(buf, "\r\n\r\n");
	assert_non_null(json);
	*ret = json_loads(json, 0, NULL);
	return status;
}

static void
expect_error(const struct stage *s, const char *line, const char *body, int status)
{
	json_t *j = NULL;
	int got = ask(s, line, body, &j);

	if (got != status)
		fail_msg("%s: status %d, expected %d", line, got, status);
	assert_true(
	    json_is_string(json_object_get(json_object_get(j, "error"), "message")));
	json_decref(j);
}

static void
unknown_paths_and_methods_are_errors(void **state)
{
	const struct stage *s = *state;

	expect_error(s, "GET /", "", 404);
	expect_error(s, "GET /v1", "", 404);
	expect_error(s, "GET /v2/status", "", 404);
	expect_error(s, "GET /v1/statusx", "", 404);
	expect_error(s, "GET /v1/drills/../../etc/passwd", "", 404);
	expect_error(s, "GET /v1/drills/" KNOWN "/", "", 404);
	expect_error(s, "GET /v1/drills/11111111-1111-4111-8111-11111111111X", "", 404);
	expect_error(s, "POST /v1/status", "", 405);
	expect_error(s, "GET /v1/halt", "", 405);
	expect_error(s, "DELETE /v1/drills/" KNOWN, "", 405);
	expect_error(s, "GET /v1/status?wait=clean", "", 400);
	expect_error(s, "GET /v1/drills/" KNOWN "?wait=forever", "", 400);
	expect_error(s, "POST /v1/drills/" KNOWN "/undo?cause=halt", "", 400);
	expect_error(s, "POST /v1/drills/" KNOWN "/fire?cause=breach", "", 400);
	expect_error(s, "GET /v1/drills/" UNKNOWN, "", 404);
	expect_error(s, "POST /v1/drills/" KNOWN "/fire", "", 409);
	expect_error(s, "POST /v1/halt", "", 500);
}

static void
malformed_arm_requests_are_errors(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "null", "42", "\"x\"", "{}",
		"{\"drill\": 7}", "{\"drill\": \"x\", \"drill\": \"y\"}",
		"{\"drill\": \"" KNOWN "\", \"faults\": 3}", "\xff\xfe",
		"{\"a\": \"\\u0000\"}", "{\"drill\": \"" KNOWN "\"} trailing" };
	const struct stage *s = *state;
	_cleanup_free_ char *deep = malloc(100001);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_error(s, "POST /v1/drills", bad[i], 400);
	memset(deep, '[', 100000);
	deep[100000] = '\0';
	expect_error(s, "POST /v1/drills", deep, 400);
}

static void
body_too_large_is_consumed_then_refused(void **state)
{
	const struct stage *s = *state;
	_cleanup_free_ char *big = malloc(BODY_SIZE_MAX + 2);

	memset(big, ' ', BODY_SIZE_MAX + 1);
	big[BODY_SIZE_MAX + 1] = '\0';
	expect_error(s, "POST /v1/drills", big, 413);
	big[BODY_SIZE_MAX] = '\0';
	expect_error(s, "POST /v1/drills", big, 400); /* just fits, but is no JSON */
}

static void
endless_body_is_hung_up_on(void **state)
{
	static const char head[] = "POST /v1/drills HTTP/1.1\r\nHost: a\r\n"
				   "Content-Length: 1000000000\r\n\r\n";
	const struct stage *s = *state;
	_cleanup_close_ int fd = dial(s);
	char chunk[65536];
	size_t sent = 0;
	ssize_t n;

	memset(chunk, 'x', sizeof(chunk));
	assert_int_equal(write_all(fd, head, strlen(head)), 0);
	do {
		n = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	} while (n > 0 && sent < (64 << 20));
	assert_true(n < 0);
	expect_error(s, "GET /", "", 404); /* others are still served */
}

static void
endless_head_is_refused(void **state)
{
	const struct stage *s = *state;
	_cleanup_close_ int fd = dial(s);
	_cleanup_free_ char *junk = malloc(200001);
	char buf[4096];

	memcpy(junk, "GET /v1/status HTTP/1.1\r\nX: ", 28);
	memset(junk + 28, 'a', 200000 - 28);
	junk[200000] = '\0';
	(void)send(fd, junk, 200000, MSG_NOSIGNAL);
	assert_int_not_equal(hear(fd, buf, sizeof(buf)), 200);
	expect_error(s, "GET /", "", 404);
}

static void
slow_sender_is_hung_up_on(void **state)
{
	static const char *const parts[] = { "GET /v1/sta",
		"POST /v1/drills HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n{" };
	const struct stage *s = *state;
	int fds[2];
	bool is_gone[2] = { false, false };

	for (int i = 0; i < 2; i++) {
		fds[i] = dial(s);
		assert_int_equal(write_all(fds[i], parts[i], strlen(parts[i])), 0);
	}
	/* A byte now and then keeps libmicrohttpd's own timeout away, not ours. */
	for (int tries = 0; tries < 300 && !(is_gone[0] && is_gone[1]); tries++) {
		for (int i = 0; i < 2; i++)
			is_gone[i] = is_gone[i] || send(fds[i], "x", 1, MSG_NOSIGNAL) < 0;
		sleep_usec(100 * USEC_PER_MSEC);
	}
	assert_true(is_gone[0]);
	assert_true(is_gone[1]);
	close(fds[0]);
	close(fds[1]);
}

static void
kernel_says_who_asks(void **state)
{
	const struct stage *s = *state;
	json_t *j = NULL;
	int status;
	pid_t pid;

	assert_int_equal(ask(s, "GET /v1/drills/" KNOWN, "", &j), 200);
	assert_int_equal(
	    json_integer_value(json_object_get(j, "uid")), (json_int_t)geteuid());
	json_decref(j);
	if (geteuid() != 0)
		skip_test("needs root to become somebody else");
	pid = fork();
	if (pid == 0) {
		if (setresgid(12345, 12345, 12345) < 0 ||
		    setresuid(12345, 12345, 12345) < 0)
			_exit(1);
		(void)ask(s, "GET /v1/drills/" KNOWN, "", &j);
		_exit(json_integer_value(json_object_get(j, "uid")) == 12345 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
others_cannot_keep_root_out(void **state)
{
	const struct stage *s = *state;
	int ready[2], done[2];
	char c = 0;
	pid_t pid;

	if (geteuid() != 0)
		skip_test("needs root to become somebody else");
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(done[1]);
		if (setresuid(12345, 12345, 12345) < 0)
			_exit(1);
		for (int i = 0; i < 100; i++)
			(void)write_all(dial(s), "GET /", 5);
		(void)write_all(ready[1], &c, 1);
		(void)!read(done[0], &c, 1);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	expect_error(s, "GET /", "", 404);
	close(done[1]);
	close(done[0]);
	close(ready[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
one_that_waits_keeps_nobody_waiting(void **state)
{
	static const char wait[] =
	    "GET /v1/drills/" KNOWN "?wait=clean HTTP/1.1\r\nHost: a\r\n\r\n";
	const struct stage *s = *state;
	_cleanup_close_ int fd = dial(s);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	json_t *j = NULL;

	assert_int_equal(write_all(fd, wait, strlen(wait)), 0);
	assert_int_equal(ask(s, "GET /v1/doctor", "", &j), 200);
	assert_int_equal(json_array_size(json_object_get(j, "kinds")), 2);
	json_decref(j);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(ask(s, "POST /v1/resume", "", &j), 200);
	json_decref(j);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 200);
}

static void
requests_sent_at_once_are_answered_in_order(void **state)
{
	static const char both[] =
	    "POST /v1/drills/" KNOWN
	    "/renew HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
	    "GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"
	    "POST /v1/drills/" KNOWN
	    "/undo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
	const struct stage *s = *state;
	_cleanup_close_ int fd = dial(s);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[16384];
	size_t used = 0;
	char *first, *second, *third = NULL;

	assert_int_equal(write_all(fd, both, strlen(both)), 0);
	while (third == NULL) {
		ssize_t n;
		assert_int_equal(poll(&p, 1, 20000), 1);
		n = read(fd, buf + used, sizeof(buf) - 1 - used);
		assert_true(n > 0);
		used += (size_t)n;
		buf[used] = '\0';
		third = strstr(buf, "\"disarmed\"");
	}
	first = strstr(buf, "HTTP/1.1 200");
	second = strstr(buf, "HTTP/1.1 404");
	assert_ptr_equal(first, buf);
	assert_true(second > first && third > second);
}

static void
status_has_agent_drills_and_operations(void **state)
{
	const struct stage *s = *state;
	const json_t *drills, *fault;
	json_t *j = NULL;

	assert_int_equal(ask(s, "GET /v1/status", "", &j), 200);
	assert_string_equal(json_string_value(json_object_get(j, "instance")), "test");
	drills = json_object_get(j, "drills");
	assert_int_equal(json_array_size(drills), 2);
	fault = json_array_get(json_object_get(json_array_get(drills, 1), "faults"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(fault, "kind")), "net.delay");
	assert_int_equal(json_array_size(json_object_get(fault, "ops")), 2);
	json_decref(j);
}

static void
front_is_nobody_in_an_empty_room(void **state)
{
	const struct stage *s = *state;
	char path[64], text[8192], root[PATH_MAX] = "";
	json_t *j = NULL;

	if (geteuid() != 0)
		skip_test("the front gives up what only root has");
	assert_int_equal(
	    ask(s, "GET /v1/status", "", &j), 200); /* it is in its sandbox */
	json_decref(j);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", s->front);
	assert_true(read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	assert_null(strstr(text, "Uid:\t0"));
	assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
	assert_non_null(strstr(text, "CapBnd:\t0000000000000000"));
	assert_non_null(strstr(text, "NoNewPrivs:\t1"));
	if (!IS_SANITIZED)
		assert_non_null(strstr(text, "Seccomp:\t2"));
	(void)snprintf(path, sizeof(path), "/proc/%d/root", s->front);
	assert_true(readlink(path, root, sizeof(root) - 1) > 0);
	assert_non_null(strstr(root, "/empty"));
}

int
main(void)
{
#define ON_STAGE(t) cmocka_unit_test_setup_teardown(t, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		ON_STAGE(unknown_paths_and_methods_are_errors),
		ON_STAGE(malformed_arm_requests_are_errors),
		ON_STAGE(body_too_large_is_consumed_then_refused),
		ON_STAGE(endless_body_is_hung_up_on),
		ON_STAGE(endless_head_is_refused),
		ON_STAGE(slow_sender_is_hung_up_on),
		ON_STAGE(kernel_says_who_asks),
		ON_STAGE(others_cannot_keep_root_out),
		ON_STAGE(one_that_waits_keeps_nobody_waiting),
		ON_STAGE(requests_sent_at_once_are_answered_in_order),
		ON_STAGE(status_has_agent_drills_and_operations),
		ON_STAGE(front_is_nobody_in_an_empty_room),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* being hung up on is what some are about */
	return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
