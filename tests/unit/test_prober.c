/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prober itself: when it sends, what it has in flight, when a request is judged, and
 * what it says of its own lateness; against a server of its own on loopback.
 */
#include "bad_server.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "hist.h"
#include "probe.h"
#include "prober_watch.h"
#include "test.h"
#include "xalloc.h"
#include <signal.h>
#include <string.h>

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

	/* All that come due in a time-out, and some, fit. */
	d.rate_mhz = 200 * 1000;
	d.http.timeout = d.good.within = USEC_PER_SEC;
	struct seen seen = watch(&d, 1, 201);
	for (size_t i = 0; i < seen.count; i++)
		assert_int_equal(seen.sample[i].class, SAMPLE_TIMEOUT);
	d.max_in_flight = 7;
	d.http.timeout = d.good.within = PATIENCE;
	seen = watch(&d, 1, 30);
	for (size_t i = 0; i < seen.count; i++) {
		assert_int_equal(seen.sample[i].class, SAMPLE_SKIPPED);
		assert_false(seen.sample[i].bad);
		assert_string_equal(seen.sample[i].why, "7 requests in flight");
	}
}

/* Every fourth on a connection of its own, which is not used again. */
static void
fresh_connections_are_spread_evenly(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/", url, sizeof(url)));
	size_t kept = 0;

	d.rate_mhz = 50 * 1000;
	d.fresh = 0.25;
	atomic_store(&page->met, 0);
	struct seen seen = watch(&d, 1, 40);
	for (size_t i = 0; i < seen.count; i++) {
		const struct sample *s = &seen.sample[i];
		usec_t nth = (s->intended - seen.from) / 20000;

		assert_int_equal(s->class, SAMPLE_OK);
		assert_int_equal(s->is_fresh, nth % 4 == 3);
		assert_true(!s->is_fresh || s->timing.connect > 0);
		assert_true(s->timing.total > 0 && s->timing.first_byte > 0);
		kept += s->timing.connect == 0;
	}
	assert_true(kept > 0);
	assert_true(atomic_load(&page->met) > 10);
}

static void
where_the_time_went_is_handed_on(void **state)
{
	char url[64];
	struct probe_def d = probe_of(url_of(*state, "/", url, sizeof(url)));
	_cleanup_free_ struct timing_hists *g = xcalloc(1, sizeof(*g));
	struct seen seen = { .enough = 10 };
	struct err e = { 0 };

	d.fresh = 0.5;
	assert_int_equal(open_prober(&seen, &d, 1, &e), 0);
	prober_start(seen.prober, clock_boottime());
	run_until(&seen, clock_boottime() + PATIENCE);
	prober_timing(seen.prober, 0, true, g);
	assert_int_equal(g->total.count, 0); /* nothing was marked */
	prober_timing(seen.prober, 0, false, g);
	assert_true(g->total.count > 0 && g->total.count <= 10);
	assert_int_equal(g->first_byte.count, g->total.count);
	assert_true(g->fresh > 0 && g->connect.count >= g->fresh);
	assert_int_equal(g->tls.count, 0);
	uint64_t count = g->total.count;
	prober_timing(seen.prober, 0, false, g); /* they were moved */
	assert_int_equal(g->total.count, count);
	prober_free(seen.prober);
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

int
main(void)
{
#define AGAINST_SERVER(test) \
 cmocka_unit_test_setup_teardown(test, start_server, stop_server)
	const struct CMUnitTest tests[] = {
		AGAINST_SERVER(silence_is_bad_the_moment_within_passes),
		AGAINST_SERVER(a_late_answer_is_judged_once_and_reaches_the_histogram),
		AGAINST_SERVER(the_schedule_does_not_wait_for_answers),
		AGAINST_SERVER(too_many_in_flight_are_skipped_and_say_so),
		AGAINST_SERVER(fresh_connections_are_spread_evenly),
		AGAINST_SERVER(where_the_time_went_is_handed_on),
		AGAINST_SERVER(probes_are_staggered),
		AGAINST_SERVER(after_stop_nothing_is_sampled),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
