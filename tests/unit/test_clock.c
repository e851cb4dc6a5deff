/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and how times are written. */
#include "clock.h"
#include "parse.h"
#include "test.h"
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static void
boottime_does_not_go_back(void **state)
{
	usec_t a = clock_boottime(), b = clock_boottime();

	(void)state;
	assert_true(a > 0 && b >= a);
}

static void
wall_is_the_system_s(void **state)
{
	time_t now = time(NULL);
	usec_t wall = clock_wall();

	(void)state;
	assert_true(wall >= (usec_t)now * USEC_PER_SEC - USEC_PER_SEC);
}

/* Our calendar against the C library's, leap days and century rules included. */
static void
iso8601_agrees_with_gmtime(void **state)
{
	char ours[32], theirs[32];
	struct tm tm;

	(void)state;
	for (time_t t = 0; t < 8000000000; t += 86399 * 7 + 13) {
		assert_non_null(gmtime_r(&t, &tm));
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.007Z", &tm);
		assert_string_equal(
		    clock_iso8601((usec_t)t * USEC_PER_SEC + 7999, ours, sizeof(ours)),
		    theirs);
	}
	assert_string_equal(clock_iso8601(1709210096123456, ours, sizeof(ours)),
	    "2024-02-29T12:34:56.123Z");
}

static void
times_are_written_short_and_exact(void **state)
{
	static const struct {
		usec_t t;
		const char *text;
	} rows[] = { { 0, "0s" }, { 1, "1us" }, { 250, "250us" }, { 1000, "1ms" },
		{ 1500, "1.5ms" }, { 100000, "100ms" }, { 1500000, "1.5s" },
		{ 1000001, "1.000001s" }, { 60000000, "1m" }, { 90000000, "90s" },
		{ 3600000000, "1h" }, { 5400000000, "90m" }, { 86400000000, "24h" },
		{ 172800000000, "2d" }, { 176400000000, "49h" },
		{ 2592000000000, "30d" } };
	char buf[32];
	usec_t back;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(
		    format_usec(rows[i].t, buf, sizeof(buf)), rows[i].text);
		assert_int_equal(parse_usec(buf, &back, NULL), 0);
		assert_true(back == rows[i].t);
	}
	assert_string_equal(format_usec(USEC_INFINITY, buf, sizeof(buf)), "infinity");
}

static volatile sig_atomic_t rings;

static void
on_alarm(int signal)
{
	(void)signal;
	rings++;
}

static void
sleep_goes_on_through_signals(void **state)
{
	struct itimerval every = { { 0, 5000 }, { 0, 5000 } }, off = { 0 };
	struct sigaction act = { .sa_handler = on_alarm };
	usec_t start;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
	start = clock_boottime();
	sleep_usec(50 * USEC_PER_MSEC);
	assert_true(clock_boottime() - start >= 50 * USEC_PER_MSEC);
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	assert_true(rings > 0);
}

static void
boot_id_is_a_uuid_and_stays(void **state)
{
	char a[BOOT_ID_LEN], b[BOOT_ID_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(clock_boot_id(a, &e), e);
	assert_ok(clock_boot_id(b, &e), e);
	assert_string_equal(a, b);
	assert_int_equal(parse_uuid(a, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boottime_does_not_go_back),
		cmocka_unit_test(wall_is_the_system_s),
		cmocka_unit_test(iso8601_agrees_with_gmtime),
		cmocka_unit_test(times_are_written_short_and_exact),
		cmocka_unit_test(sleep_goes_on_through_signals),
		cmocka_unit_test(boot_id_is_a_uuid_and_stays),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
