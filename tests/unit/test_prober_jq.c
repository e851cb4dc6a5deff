/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes with a jq filter, by the real stormctl-jq: whose word makes what sample, and that
 * the prober goes on meanwhile.
 */
#include "prober_watch.h"
#include <errno.h>

static struct probe_def
filtered(
    const struct server *s, const char *path, const char *filter, char url[static 64])
{
	struct probe_def d = probe_of(url_of(s, path, url, 64));

	d.good.jq = (char *)(uintptr_t)filter;
	return d;
}

static void
expect_filter(const struct server *s, const char *path, const char *filter,
    enum sample_class class, const char *why)
{
	char url[64];
	struct probe_def d = filtered(s, path, filter, url);

	expect(&d, class, why);
}

static void
the_filter_decides_what_is_good_so_far(void **state)
{
	expect_filter(*state, "/", ".ok", SAMPLE_OK, "");
	expect_filter(*state, "/", ".ok | not", SAMPLE_BODY, "the jq filter says false");
	expect_filter(*state, "/", ".ok.x", SAMPLE_BODY, "the jq filter fails: Cannot");
	expect_filter(
	    *state, "/headers", ".ok", SAMPLE_BODY, "the body is not JSON: it is empty");
	expect_filter(*state, "/503", ".ok", SAMPLE_STATUS, "status 503");
	expect_filter(*state, "/huge", ".ok", SAMPLE_BODY, "answer longer than 16 MiB");
}

static void
a_pattern_is_looked_for_before_the_filter_is_asked(void **state)
{
	char url[64];
	struct probe_def d = filtered(*state, "/", ".ok | not", url);

	d.good.body = (char *)"nothing of the kind";
	expect(&d, SAMPLE_BODY, "body does not match");
	d.good.body = (char *)"true";
	expect(&d, SAMPLE_BODY, "the jq filter says false");
}

static void
what_a_program_writes_is_filtered(void **state)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"echo '{\"lag\": 3}'",
		NULL };
	struct probe_def d = {
		.name = "p",
		.type = PROBE_EXEC,
		.exec = { .argv = argv, .timeout = PATIENCE },
		.rate_mhz = 20 * 1000,
		.good = { .within = PATIENCE, .jq = (char *)".lag < 5" },
		.objective = 0.99,
	};

	(void)state;
	expect(&d, SAMPLE_OK, "");
	d.good.jq = (char *)".lag < 3";
	expect(&d, SAMPLE_BODY, "the jq filter says false");
	argv[2] = (char *)"head -c 300000 /dev/zero | tr '\\0' 1";
	expect(&d, SAMPLE_BODY, "longer than the 256 KiB that jq looks at");
}

/* The answer was there at once: it is not slow, whatever jq takes, and other probes are
 * judged meanwhile. */
static void
a_filter_that_loops_is_the_body_and_stops_nobody(void **state)
{
	char url[64];
	struct probe_def d[2] = { filtered(*state, "/", "def f: f; f", url),
		filtered(*state, "/", ".ok", url) };
	size_t looped = 0;

	d[0].rate_mhz = 1;
	d[0].good.within = USEC_PER_SEC;
	struct seen seen = watch(d, 2, 60); /* three seconds of the second */
	for (size_t i = 0; i < seen.count; i++) {
		const struct sample *s = &seen.sample[i];

		if (s->probe == 1 && s->class != SAMPLE_OK)
			fail_msg("%s: %s", sample_class_name(s->class), s->why);
		if (s->probe == 1)
			continue;
		looped++;
		if (s->class == SAMPLE_SKIPPED &&
		    strcmp(s->why, "stormctl-jq got no CPU in time") == 0)
			continue; /* no wonder, on a machine that is busy enough */
		assert_string_equal(s->why, "the jq filter was not done in time");
		assert_int_equal(s->class, SAMPLE_BODY);
		assert_true(s->latency < s->known - s->intended);
	}
	assert_int_equal(looped, 1);
}

static void
a_wrong_filter_is_refused_before_anything_is_sent(void **state)
{
	char url[64];
	struct probe_def d = filtered(*state, "/", ".a ^ 2", url);
	struct seen seen = { .enough = 1 };
	struct err e = { 0 };

	assert_int_equal(open_prober(&seen, &d, 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "jq filter '.a ^ 2': syntax error"));
	assert_int_equal(atomic_load(&page->met), 0);
}

static void
a_prober_that_is_stopped_hears_no_more_of_jq(void **state)
{
	char url[64];
	struct probe_def d = filtered(*state, "/", "def f: f; f", url);
	struct seen seen = { .enough = 1 };
	struct err e = { 0 };

	d.rate_mhz = 100 * 1000;
	assert_ok(open_prober(&seen, &d, 1, &e), e);
	prober_start(seen.prober, clock_boottime());
	while (atomic_load(&page->asked) < 20)
		run_until(&seen, clock_boottime() + 10 * USEC_PER_MSEC);
	run_until(&seen, clock_boottime() + 50 * USEC_PER_MSEC);
	prober_stop(seen.prober);
	size_t before = seen.count;
	seen.enough = seen.count + 1;
	run_until(&seen, clock_boottime() + 500 * USEC_PER_MSEC);
	assert_int_equal(seen.count, before);
	prober_free(seen.prober);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, start_server, stop_server)
	const struct CMUnitTest tests[] = {
		TEST(the_filter_decides_what_is_good_so_far),
		TEST(a_pattern_is_looked_for_before_the_filter_is_asked),
		TEST(what_a_program_writes_is_filtered),
		TEST(a_filter_that_loops_is_the_body_and_stops_nobody),
		TEST(a_wrong_filter_is_refused_before_anything_is_sent),
		TEST(a_prober_that_is_stopped_hears_no_more_of_jq),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
