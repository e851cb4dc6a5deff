/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a clock is that is found to be wrong, and what sets it right: clocks made up, since
 * there is but one real one and a test must not touch it.
 */
#include "test.h"

#include "clock_debt.h"
#include "host_clock.h"
#include "undo.h"
#include "undo_table.h"
#include <errno.h>
#include <string.h>
#include <sys/timex.h>

#define SEC  INT64_C(1000000000)
#define MSEC INT64_C(1000000)
#define HOUR (3600 * SEC)

static const struct host_clock before = {
	.offset = 1795348800 * SEC,
	.raw = 5000 * SEC,
	.lead = -7 * MSEC,
	.rate = { .tick = 10000, .freq = 655360 }, /* 10 ppm */
	.status = STA_PLL | STA_NANO,
	.maxerror = 250000,
	.esterror = 120,
};

static struct clock_promise
stepped(int64_t ns)
{
	return (struct clock_promise){ .was = before, .step = ns, .drift = before.rate };
}

static struct clock_promise
drifting(int64_t ppb)
{
	struct clock_promise p = { .was = before };

	assert_int_equal(clock_rate_of(clock_rate_ppb(&before.rate) + ppb, &p.drift), 0);
	return p;
}

/* The clock that much later, had nobody touched it. */
static struct host_clock
after(int64_t elapsed)
{
	struct host_clock c = before;

	c.raw += elapsed;
	c.lead += elapsed / 100000; /* its own 10 ppm */
	return c;
}

static struct clock_debt
judged(const struct clock_promise *p, const struct host_clock *now)
{
	struct clock_debt d;

	clock_judge(p, now, &d);
	return d;
}

static void
a_clock_nobody_touched_is_true(void **state)
{
	const struct clock_promise p = stepped(HOUR), q = drifting(500000);
	const struct host_clock now = after(HOUR);

	(void)state;
	assert_int_equal(judged(&p, &now).time, CLOCK_TRUE);
	assert_int_equal(judged(&p, &now).rate, CLOCK_TRUE);
	assert_int_equal(judged(&q, &now).time, CLOCK_TRUE);
	assert_int_equal(judged(&q, &now).rate, CLOCK_TRUE);
}

static void
a_step_of_ours_goes_back_by_itself(void **state)
{
	static const int64_t steps[] = { HOUR, -90 * SEC, 10 * MSEC, -10 * MSEC };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct clock_promise p = stepped(steps[i]);
		struct host_clock now = after(60 * SEC);
		struct clock_debt d;

		now.offset += steps[i];
		d = judged(&p, &now);
		assert_int_equal(d.time, CLOCK_OURS);
		assert_int_equal(d.shift, -steps[i]);
		now.offset += d.shift;
		assert_int_equal(judged(&p, &now).time, CLOCK_TRUE);
	}
}

static void
what_an_ntp_daemon_steered_meanwhile_is_taken_out(void **state)
{
	const struct clock_promise p = stepped(HOUR);
	struct host_clock now = after(60 * SEC);
	struct clock_debt d;

	(void)state;
	now.offset += HOUR;
	now.lead -= 5 * SEC; /* it slows the whole host down by a twelfth */
	now.rate.tick = 9170;
	d = judged(&p, &now);
	assert_int_equal(d.rate, CLOCK_OURS);
	assert_int_equal(d.time, CLOCK_OURS);
	assert_int_equal(d.shift, -HOUR + 5 * SEC);
	now.offset += d.shift;
	now.rate = before.rate;
	assert_int_equal(judged(&p, &now).time, CLOCK_TRUE);
	assert_int_equal(judged(&p, &now).error, 0);
}

static void
a_daemons_everyday_steering_is_left_to_it(void **state)
{
	const struct clock_promise p = stepped(-90 * SEC);
	struct host_clock now = after(HOUR);
	struct clock_debt d;

	(void)state;
	now.offset -= 90 * SEC;
	now.lead += 20 * MSEC; /* over an hour: 6 ppm */
	now.rate.freq += 6 << 16;
	d = judged(&p, &now);
	assert_int_equal(d.rate, CLOCK_THEIRS);
	assert_int_equal(d.shift, 90 * SEC);
}

static void
a_clock_set_by_somebody_else_is_theirs(void **state)
{
	static const int64_t set[] = { -5 * SEC, HOUR + 300 * SEC, 2 * HOUR };
	const struct clock_promise p = stepped(HOUR);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct host_clock now = after(60 * SEC);

		now.offset += set[i];
		assert_int_equal(judged(&p, &now).time, CLOCK_THEIRS);
		assert_int_equal(judged(&p, &now).shift, 0);
	}
}

static void
a_leap_second_does_not_make_a_step_somebody_elses(void **state)
{
	const struct clock_promise p = stepped(HOUR);
	struct host_clock now = after(60 * SEC);

	(void)state;
	now.offset += HOUR - SEC;
	assert_int_equal(judged(&p, &now).time, CLOCK_OURS);
	assert_int_equal(judged(&p, &now).shift, -HOUR);
}

static void
a_drift_is_measured_by_the_clock_nothing_steers(void **state)
{
	const struct clock_promise p = drifting(-20000000); /* -2 % */
	struct host_clock now = after(50 * SEC);
	struct clock_debt d;

	(void)state;
	now.lead -= SEC;
	now.rate = p.drift;
	d = judged(&p, &now);
	assert_int_equal(d.rate, CLOCK_OURS);
	assert_int_equal(d.time, CLOCK_OURS);
	assert_int_equal(d.shift, SEC);
	now.rate = before.rate; /* died between the two */
	d = judged(&p, &now);
	assert_int_equal(d.rate, CLOCK_TRUE);
	assert_int_equal(d.time, CLOCK_OURS);
	now.offset += d.shift;
	d = judged(&p, &now);
	assert_int_equal(d.time, CLOCK_TRUE);
	assert_int_equal(d.rate, CLOCK_TRUE);
}

static void
a_daemon_that_steers_our_drift_does_not_own_it(void **state)
{
	const struct clock_promise p = drifting(500000);
	struct host_clock now = after(SEC);

	(void)state;
	now.rate = p.drift;
	now.rate.freq -= 3 << 16;
	assert_int_equal(judged(&p, &now).rate, CLOCK_OURS);
	now.rate = before.rate;
	now.rate.freq += 2 << 16; /* it has set its own */
	assert_int_equal(judged(&p, &now).rate, CLOCK_THEIRS);
}

static void
rates_are_whole_ticks_and_a_rest(void **state)
{
	static const int64_t ppb[] = { 0, 1000, -500000, 49999000, 100000000, -100000000,
		100010000 };
	struct clock_rate r;

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(clock_rate_of(ppb[i], &r), 0);
		assert_in_range(clock_rate_ppb(&r) - ppb[i] + 20, 0, 40);
		assert_in_range(r.tick, CLOCK_TICK_MIN, CLOCK_TICK_MAX);
	}
	assert_int_equal(clock_rate_of(101000000, &r), -ERANGE);
	assert_int_equal(clock_rate_of(INT64_MIN, &r), -ERANGE);
}

static void
a_promise_is_read_as_it_was_written(void **state)
{
	const struct clock_promise p = drifting(500000);
	const struct undo u = clock_promise_undo(&p);
	char line[UNDO_LINE_MAX], hand[UNDO_HAND_MAX];
	struct clock_promise same;
	struct undo back;
	struct err e = { 0 };

	(void)state;
	assert_true(undo_format(&u, line, sizeof(line)) > 0);
	assert_string_equal(line,
	    "disarm set-clock offset=1795348800000000000 raw=5000000000000 "
	    "lead=-7000000 step=0 was=tick=10000,freq=655360,status=8193,"
	    "maxerror=250000,esterror=120 now=tick=10005,freq=655360");
	assert_ok(undo_parse(line, "7e57dd01", &back, &e), e);
	assert_true(clock_promise_read(&back, &same));
	assert_memory_equal(&same, &p, sizeof(p));
	assert_non_null(strstr(undo_by_hand(&u, hand, sizeof(hand)),
	    "adjtimex --tick 10000 --frequency 655360"));
}

static void
a_promise_that_is_damaged_is_none(void **state)
{
	static const char *const was[] = { "", "tick=10000",
		"tick=1,freq=0,status=0,maxerror=0,esterror=0",
		"tick=10000,freq=99999999,status=0,maxerror=0,esterror=0",
		"tick=10000,freq=0,status=0,maxerror=0,esterror=0,",
		"freq=0,tick=10000,status=0,maxerror=0,esterror=0",
		"tick=10000,freq=0,status=0,maxerror=0,esterror=" };
	struct clock_promise p = stepped(HOUR);
	struct undo u = clock_promise_undo(&p);

	(void)state;
	assert_true(ours_clock(&u, "7e57dd01"));
	for (size_t i = 0; i < sizeof(was) / sizeof(was[0]); i++) {
		(void)snprintf(u.was, sizeof(u.was), "%s", was[i]);
		assert_false(ours_clock(&u, "7e57dd01"));
	}
}

/* The one thing a test may do to the real clock. */
static void
reading_the_clock_changes_nothing(void **state)
{
	struct host_clock a, b;
	struct clock_debt d;
	struct clock_promise p;
	struct err e = { 0 };

	(void)state;
	assert_ok(host_clock_read(&a, &e), e);
	assert_ok(host_clock_read(&b, &e), e);
	assert_true(b.raw > a.raw);
	assert_true(a.offset > 0);
	p = (struct clock_promise){ .was = a, .step = HOUR, .drift = a.rate };
	clock_judge(&p, &b, &d);
	assert_int_equal(d.time, CLOCK_TRUE);
	assert_int_equal(d.rate, CLOCK_TRUE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_nobody_touched_is_true),
		cmocka_unit_test(a_step_of_ours_goes_back_by_itself),
		cmocka_unit_test(what_an_ntp_daemon_steered_meanwhile_is_taken_out),
		cmocka_unit_test(a_daemons_everyday_steering_is_left_to_it),
		cmocka_unit_test(a_clock_set_by_somebody_else_is_theirs),
		cmocka_unit_test(a_leap_second_does_not_make_a_step_somebody_elses),
		cmocka_unit_test(a_drift_is_measured_by_the_clock_nothing_steers),
		cmocka_unit_test(a_daemon_that_steers_our_drift_does_not_own_it),
		cmocka_unit_test(rates_are_whole_ticks_and_a_rest),
		cmocka_unit_test(a_promise_is_read_as_it_was_written),
		cmocka_unit_test(a_promise_that_is_damaged_is_none),
		cmocka_unit_test(reading_the_clock_changes_nothing),
	};

	return cmocka_run_group_tests_name("clock_debt", tests, NULL, NULL);
}
