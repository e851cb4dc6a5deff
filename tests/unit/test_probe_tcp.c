/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes that connect by TCP, against a server on loopback that answers the way its first
 * line asks, in a network namespace of the test's own: no name server, no other address.
 */
#include "pidns.h"
#include "probing.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* --- the server ----------------------------------------------------------------------- */

static bool
is_word(const char *text, const char *word)
{
	return strncmp(text, word, strlen(word)) == 0;
}

static void
drop_hard(int fd)
{
	struct linger now = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* Everything that was sent, and how much of it. */
static void
count_all(int fd, size_t have)
{
	char block[4096], said[32];
	ssize_t n;

	while (have < 1000000 && (n = recv(fd, block, sizeof(block), 0)) > 0) {
		have += (size_t)n;
		sleep_usec(100); /* more slowly than it is sent */
	}
	int len = snprintf(said, sizeof(said), "%zu bytes", have);
	(void)send(fd, said, (size_t)len, MSG_NOSIGNAL);
}

static void
flood(int fd)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
		continue;
}

static void
drip(int fd, const char *text)
{
	for (; *text != '\0' && send(fd, text, 1, MSG_NOSIGNAL) == 1; text++)
		sleep_usec(2 * USEC_PER_MSEC);
}

static void
answer(int fd)
{
	char said[65536];
	ssize_t n = recv(fd, said, sizeof(said) - 1, 0);

	if (n <= 0)
		return;
	said[n] = '\0';
	if (is_word(said, "PING"))
		(void)send(fd, "+PONG\r\n", 7, MSG_NOSIGNAL);
	else if (is_word(said, "DRIP"))
		drip(fd, "+PONG\r\n");
	else if (is_word(said, "RESET"))
		drop_hard(fd);
	else if (is_word(said, "FLOOD"))
		flood(fd);
	else if (is_word(said, "COUNT"))
		count_all(fd, (size_t)n);
	else if (is_word(said, "NEVER"))
		(void)recv(fd, said, sizeof(said), 0); /* until the other closes */
}

static void *
serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;

	answer(fd);
	(void)close(fd);
	return NULL;
}

static void *
serve_banner(void *arg)
{
	int fd = (int)(intptr_t)arg;

	(void)send(fd, "220 ready\r\n", 11, MSG_NOSIGNAL);
	(void)close(fd);
	return NULL;
}

struct ear {
	int fd;
	uint16_t port;
	void *(*serve)(void *arg);
};

static void *
listen_loop(void *arg)
{
	const struct ear *ear = arg;

	for (;;) {
		int fd = accept(ear->fd, NULL, NULL);
		pthread_t t;

		if (fd < 0 ||
		    pthread_create(&t, NULL, ear->serve, (void *)(intptr_t)fd) != 0)
			_exit(98);
		(void)pthread_detach(t);
	}
	return NULL;
}

static void
ear_open(struct ear *ear, int family, void *(*serve)(void *arg))
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *a =
	    family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
	pthread_t t;

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ear->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ear->serve = serve;
	assert_true(ear->fd >= 0);
	assert_int_equal(bind(ear->fd, a, len), 0);
	assert_int_equal(listen(ear->fd, 64), 0);
	assert_int_equal(getsockname(ear->fd, a, &len), 0);
	ear->port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	if (serve != NULL)
		assert_int_equal(pthread_create(&t, NULL, listen_loop, ear), 0);
}

static struct ear good, banner, v6, deaf;

static int
start_servers(void **state)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	(void)close(fd);
	ear_open(&good, AF_INET, serve_one);
	ear_open(&banner, AF_INET, serve_banner);
	ear_open(&v6, AF_INET6, serve_one);
	ear_open(&deaf, AF_INET, NULL);
	assert_int_equal(listen(deaf.fd, 0), 0);
	return 0;
}

/* --- asking it ------------------------------------------------------------------------ */

static struct probe_def
probe_of(const struct ear *ear, const char *words, const char *pattern)
{
	return (struct probe_def){
		.name = "p",
		.type = PROBE_TCP,
		.tcp = { .host = (char *)(ear == &v6 ? "::1" : "127.0.0.1"),
		    .port = ear->port,
		    .send = (char *)(uintptr_t)words,
		    .timeout = PROBING_PATIENCE },
		.rate_mhz = 20 * 1000,
		.good = { .within = PROBING_PATIENCE,
		    .body = (char *)(uintptr_t)pattern },
		.objective = 0.99,
	};
}

static void
connecting_is_enough_unless_more_is_asked(void **state)
{
	struct probe_def d = probe_of(&good, NULL, NULL);

	(void)state;
	struct sample s = expect_sample(&d, SAMPLE_OK, "");
	assert_true(s.timing.connect > 0 && s.timing.total >= s.timing.connect);
	assert_int_equal(s.timing.first_byte, 0);
	d = probe_of(&good, "NEVER\r\n", NULL);
	(void)expect_sample(&d, SAMPLE_OK, "");
}

static void
what_is_expected_is_waited_for(void **state)
{
	struct probe_def d = probe_of(&good, "PING\r\n", "^\\+PONG");

	(void)state;
	struct sample s = expect_sample(&d, SAMPLE_OK, "");
	assert_true(s.timing.first_byte > 0);
	d = probe_of(&good, "DRIP\r\n", "PONG\r\n$");
	(void)expect_sample(&d, SAMPLE_OK, "");
	d = probe_of(&banner, NULL, "^220 ");
	(void)expect_sample(&d, SAMPLE_OK, "");
	d = probe_of(&v6, "PING\r\n", "PONG");
	(void)expect_sample(&d, SAMPLE_OK, "");
}

static void
what_is_long_is_sent_whole(void **state)
{
	static char words[1000001];
	struct probe_def d = probe_of(&good, words, "^1000000 bytes$");

	(void)state;
	memset(words, 'x', sizeof(words) - 1);
	memcpy(words, "COUNT", 5);
	(void)expect_sample(&d, SAMPLE_OK, "");
}

static void
other_answers_are_bad(void **state)
{
	struct probe_def d = probe_of(&good, "PING\r\n", "-PONG");

	(void)state;
	(void)expect_sample(&d, SAMPLE_BODY, "answer does not match (7 bytes)");
	d = probe_of(&good, "FLOOD\r\n", "PONG");
	(void)expect_sample(&d, SAMPLE_BODY, "no match in the first 16 KiB");
	d = probe_of(&good, "FLOOD\r\n", "^((x+)+)+$[!?]");
	(void)expect_sample(&d, SAMPLE_BODY, "gave up");
	d = probe_of(&good, "HANG UP\r\n", "PONG");
	(void)expect_sample(&d, SAMPLE_CONNECT, "closed without an answer");
	d = probe_of(&good, "RESET\r\n", "PONG");
	(void)expect_sample(&d, SAMPLE_CONNECT, "connection reset by peer");
}

static void
what_never_comes_is_slow_or_timed_out(void **state)
{
	struct probe_def d = probe_of(&good, "NEVER\r\n", "PONG");

	(void)state;
	d.good.within = 200 * USEC_PER_MSEC;
	(void)expect_sample(&d, SAMPLE_SLOW, "no answer within 200ms");
	d.tcp.timeout = d.good.within;
	(void)expect_sample(&d, SAMPLE_TIMEOUT, "no answer within 200ms");
	d.good.body = (char *)"QUUX";
	d.tcp.port = banner.port;
	d.tcp.send = NULL;
	(void)expect_sample(&d, SAMPLE_BODY, "does not match (11 bytes)");
}

static void
failing_connections_are_told_apart(void **state)
{
	struct probe_def d = probe_of(&good, NULL, NULL);

	(void)state;
	d.tcp.port = 1;
	(void)expect_sample(&d, SAMPLE_CONNECT, "connection refused");
	d.tcp.host = (char *)"192.0.2.1";
	(void)expect_sample(&d, SAMPLE_CONNECT, "unreachable");
	d.tcp.host = (char *)"no-such-host.invalid";
	(void)expect_sample(&d, SAMPLE_DNS, "resolve");
	d = probe_of(&deaf, NULL, NULL);
	d.good.within = d.tcp.timeout = 300 * USEC_PER_MSEC;
	(void)expect_sample(&d, SAMPLE_OK, ""); /* the only place in its queue */
	for (int i = 0; i < 4; i++) {
		struct probing p;

		probing_open(&p, &d);
		struct sample s = first_sent(&p);
		prober_free(p.prober);
		if (s.class == SAMPLE_OK)
			continue;
		assert_int_equal(s.class, SAMPLE_CONNECT);
		assert_string_equal(s.why, "no connection within 300ms");
		return;
	}
	fail_msg("a server that accepts nobody was connected to");
}

static void
nothing_of_a_request_is_left(void **state)
{
	struct probe_def d = probe_of(&good, "NEVER\r\n", "PONG");
	struct probing p;
	int before = dup(0), after;

	(void)state;
	(void)close(before);
	d.good.within = d.tcp.timeout = 50 * USEC_PER_MSEC;
	probing_open(&p, &d);
	probing_run(&p, 40);
	after = dup(0);
	assert_true(after < before + 30); /* loop, timer, and a few in flight */
	(void)close(after);
	prober_free(p.prober);
}

static void
a_broken_pattern_is_refused(void **state)
{
	struct probe_def d = probe_of(&good, NULL, "a(b");

	(void)state;
	expect_refused(&d, "probe 'p': body pattern: missing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connecting_is_enough_unless_more_is_asked),
		cmocka_unit_test(what_is_expected_is_waited_for),
		cmocka_unit_test(what_is_long_is_sent_whole),
		cmocka_unit_test(other_answers_are_bad),
		cmocka_unit_test(what_never_comes_is_slow_or_timed_out),
		cmocka_unit_test(failing_connections_are_told_apart),
		cmocka_unit_test(nothing_of_a_request_is_left),
		cmocka_unit_test(a_broken_pattern_is_refused),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, start_servers, NULL);
}
