/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prober that nobody runs for a while, as when its process is stopped or gets no CPU: what
 * it was too late to see is nobody's fault, and what it has seen still counts.
 */
#include "bad_server.h"
#include "clock.h"
#include "err.h"
#include "probe.h"
#include "test.h"
#include <poll.h>
#include <signal.h>

#define WITHIN  (100 * USEC_PER_MSEC)
#define AWAY_MS 500

static struct seen {
	struct prober *prober;
	size_t count;
	struct sample last;
} seen;

static void
on_sample(void *ctx, const struct sample *s)
{
	(void)ctx;
	seen.count++;
	seen.last = *s;
}

static void
run_for(usec_t span)
{
	struct pollfd pfd = { .fd = prober_fd(seen.prober), .events = POLLIN };
	usec_t end = clock_boottime() + span;
	struct err e = { 0 };

	while (seen.count == 0 && clock_boottime() < end) {
		(void)poll(&pfd, 1, 10);
		assert_int_equal(prober_run(seen.prober, &e), 0);
	}
}

/* One request, for /slow, which waits for the word. */
static void
begin(const struct server *s)
{
	static char url[64];
	static struct probe_def d;
	const struct prober_options o = {
		.probes = &d, .count = 1, .on_sample = on_sample
	};
	struct err e = { 0 };

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/slow", s->port);
	d = (struct probe_def){
		.name = "p",
		.http = { .method = (char *)"GET",
		    .url = url,
		    .timeout = PATIENCE_S * USEC_PER_SEC },
		.rate_mhz = 1, /* the second is due when all is long over */
		.good = { .status = { { 200, 399 } },
		    .status_count = 1,
		    .within = WITHIN },
	};
	memset(&seen, 0, sizeof(seen));
	atomic_store(&page->may_answer, false);
	assert_int_equal(prober_open(&seen.prober, &o, &e), 0);
	prober_start(seen.prober, clock_boottime());
	run_for(WITHIN / 5);
}

static void
be_away(void)
{
	const struct timespec ts = { .tv_nsec = AWAY_MS * 1000 * 1000 };

	(void)nanosleep(&ts, NULL);
}

static void
an_answer_that_came_while_we_were_away_is_not_slow(void **state)
{
	begin(*state);
	atomic_store(&page->may_answer, true);
	be_away();
	run_for(PATIENCE_S * USEC_PER_SEC);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.class, SAMPLE_SKIPPED);
	assert_false(seen.last.bad);
	assert_non_null(strstr(seen.last.why, "our own prober was too late"));
	prober_free(seen.prober);
}

static void
silence_is_bad_all_the_same(void **state)
{
	begin(*state);
	be_away();
	run_for(PATIENCE_S * USEC_PER_SEC);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.class, SAMPLE_SLOW);
	assert_true(seen.last.known >= seen.last.intended + WITHIN);
	prober_free(seen.prober);
}

/* A server whose queue of connections is full: nothing of a connect is ever answered. */
static int
open_deaf(uint16_t *ret_port, int full[static 8])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = listen_on_loopback(ret_port);

	assert_int_equal(listen(fd, 0), 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(*ret_port);
	for (int i = 0; i < 8; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(full[i], (struct sockaddr *)&a, sizeof(a));
	}
	return fd;
}

static void
on_outage(void *ctx, const struct sample *s)
{
	size_t *bad = ctx;

	if (s->class == SAMPLE_SKIPPED)
		assert_non_null(strstr(s->why, "our own prober was too late"));
	else
		assert_int_equal(s->class, SAMPLE_CONNECT);
	*bad += s->bad;
}

static void
a_little_lost_time_does_not_excuse_an_outage(void **state)
{
	const usec_t until = clock_boottime() + PATIENCE_S * USEC_PER_SEC;
	const usec_t timeout = 3 * WITHIN;
	int full[8], deaf;
	uint16_t port;
	char url[64];
	size_t bad = 0;
	struct err e = { 0 };

	(void)state;
	deaf = open_deaf(&port, full);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	struct probe_def d = {
		.name = "p",
		.http = { .method = (char *)"GET",
		    .url = url,
		    .timeout = timeout,
		    .connect_timeout = timeout },
		.rate_mhz = 50 * 1000,
		.good = { .within = timeout },
	};
	const struct prober_options o = {
		.probes = &d, .count = 1, .on_sample = on_outage, .ctx = &bad
	};
	assert_int_equal(prober_open(&seen.prober, &o, &e), 0);
	prober_start(seen.prober, clock_boottime());
	while (bad < 10 && clock_boottime() < until) {
		sleep_usec(3 * USEC_PER_MSEC); /* late for whatever is due meanwhile */
		assert_int_equal(prober_run(seen.prober, &e), 0);
	}
	assert_true(bad >= 10);
	prober_free(seen.prober);
	for (int i = 0; i < 8; i++)
		(void)close(full[i]);
	(void)close(deaf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    an_answer_that_came_while_we_were_away_is_not_slow, start_server,
		    stop_server),
		cmocka_unit_test_setup_teardown(
		    silence_is_bad_all_the_same, start_server, stop_server),
		cmocka_unit_test(a_little_lost_time_does_not_excuse_an_outage),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
