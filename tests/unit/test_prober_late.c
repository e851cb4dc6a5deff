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
silence_is_bad_once_it_was_watched_for_long_enough(void **state)
{
	begin(*state);
	be_away();
	run_for(PATIENCE_S * USEC_PER_SEC);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.class, SAMPLE_SLOW);
	assert_true(seen.last.late > 0);
	assert_true(seen.last.known >= seen.last.intended + WITHIN + seen.last.late);
	prober_free(seen.prober);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    an_answer_that_came_while_we_were_away_is_not_slow, start_server,
		    stop_server),
		cmocka_unit_test_setup_teardown(
		    silence_is_bad_once_it_was_watched_for_long_enough, start_server,
		    stop_server),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
