/* SPDX-License-Identifier: Apache-2.0 */
/* Searching for a limit, against systems whose limit is known. */
#include "cleanup.h"
#include "search.h"
#include "splitmix.h"
#include "test.h"
#include <math.h>
#include <string.h>

#define MS 1000

static struct search s;
static struct search_answer a;

static void
assert_near(double got, double want)
{
	if (!(fabs(got - want) < 1e-6))
		fail_msg("%.9g is not %.9g", got, want);
}

static void
begin(enum param_type t, int64_t from, int64_t to)
{
	memset(&s, 0, sizeof(s));
	s.plan = (struct search_plan){
		.type = t, .from = from, .to = to, .until = SEARCH_UNTIL
	};
}

static void
add(int64_t value, enum search_end end, double chance)
{
	const struct search_drill d = { .value = value, .end = end, .chance = chance };

	assert_true(search_add(&s, &d));
	search_answer(&s, &a);
}

static void
next_is(int64_t want)
{
	int64_t got = -1;

	assert_true(search_next(&s, &got));
	assert_int_equal(got, want);
}

static void
is_over(void)
{
	int64_t value;

	if (search_next(&s, &value))
		fail_msg("it goes on with %lld", (long long)value);
}

/* A system that stands everything up to its limit. */
static void
search_for(int64_t limit)
{
	bool is_rising = s.plan.to > s.plan.from;
	int64_t value;

	while (search_next(&s, &value)) {
		bool holds = is_rising ? value <= limit : value >= limit;

		add(value, holds ? SEARCH_HELD : SEARCH_BROKE, 1e-3);
		assert_true(s.count < 40);
	}
	search_answer(&s, &a);
}

static void
durations_are_halved_by_ratio(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	next_is(10 * MS);
	add(10 * MS, SEARCH_HELD, 0);
	next_is(140 * MS);
	add(140 * MS, SEARCH_HELD, 0);
	next_is(530 * MS);
	add(530 * MS, SEARCH_BROKE, 0.001);
	next_is(270 * MS);
	add(270 * MS, SEARCH_BROKE, 0.001);
	next_is(190 * MS);
	add(190 * MS, SEARCH_HELD, 0);
	next_is(230 * MS);
	add(230 * MS, SEARCH_BROKE, 0.001);
	/* 230 is more than 1.2 times 190 */
	next_is(210 * MS);
	add(210 * MS, SEARCH_BROKE, 0.001);
	is_over();
	assert_true(a.has_held && a.has_broken);
	assert_int_equal(a.holds, 190 * MS);
	assert_int_equal(a.breaks, 210 * MS);
	assert_false(a.is_crossed || a.is_mixed || a.is_lost);
}

static void
values_are_what_people_write(void **state)
{
	static const struct {
		enum param_type type;
		int64_t a, b, want;
	} rows[] = {
		{ PARAM_USEC, 180 * MS, 210 * MS, 190 * MS },
		{ PARAM_USEC, 100 * MS, 110 * MS, 105 * MS },
		{ PARAM_RATE, 100000000, 1000000, 10000000 },
		{ PARAM_SIZE, INT64_C(1) << 20, INT64_C(1) << 30, INT64_C(32) << 20 },
		{ PARAM_SIZE, INT64_C(100) << 20, INT64_C(1) << 30, INT64_C(320) << 20 },
		{ PARAM_PERCENT, 10000, 90000, 50000 },
		{ PARAM_PERCENT, 100, 30000, 1700 }, /* 0.1 % to 30 %: wide apart */
		{ PARAM_INT, 0, 8, 4 },
		{ PARAM_INT, -10, 10, 0 },
		{ PARAM_OFFSET, -1000000, -100000000, -10000000 },
		{ PARAM_USEC, 0, 100 * MS, 50 * MS },
	};
	int64_t got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(
		    search_between(rows[i].type, rows[i].a, rows[i].b, 0.5, &got));
		assert_int_equal(got, rows[i].want);
	}
	assert_false(search_between(PARAM_COUNT, 3, 4, 0.5, &got));
	assert_false(search_between(PARAM_COUNT, 4, 3, 0.5, &got));
}

/* Wherever the limit lies: it is between the two, and they are near. */
static void
any_limit_is_found(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		int64_t limit = 10 * MS + (int64_t)(splitmix_next(&seed) % (1980 * MS));
		begin(PARAM_USEC, 10 * MS, 2000 * MS);
		search_for(limit);
		assert_true(a.has_held && a.has_broken);
		assert_true(a.holds <= limit && limit < a.breaks);
		assert_true((double)a.breaks <= 1.2000001 * (double)a.holds);
		assert_true(s.count <= search_most(&s.plan));
	}
}

static void
what_falls_is_searched_downwards(void **state)
{
	(void)state;
	begin(PARAM_RATE, 100000000, 100000);
	search_for(3000000);
	assert_true(a.holds >= 3000000 && a.breaks < 3000000);
	assert_true(a.holds <= 3600000);
}

static void
the_worst_value_is_tried_last(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	search_for(INT64_MAX);
	assert_false(a.has_broken);
	assert_int_equal(a.holds, 2000 * MS);
	assert_int_equal(s.drill[s.count - 1].value, 2000 * MS);
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	search_for(300 * MS);
	for (size_t i = 0; i < s.count; i++)
		assert_true(s.drill[i].value < 2000 * MS);
}

static void
a_first_value_that_breaks_ends_it(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	search_for(MS);
	assert_int_equal(s.count, 1);
	assert_false(a.has_held);
	assert_int_equal(a.breaks, 10 * MS);
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	s.plan.by = SEARCH_RAISE;
	s.plan.values = 5;
	search_for(MS);
	assert_int_equal(s.count, 1);
}

static void
so_many_values_and_no_more(void **state)
{
	(void)state;
	for (size_t n = 2; n <= 8; n++) {
		begin(PARAM_USEC, 10 * MS, 2000 * MS);
		s.plan.values = n;
		assert_int_equal(search_most(&s.plan), n);
		search_for(INT64_MAX);
		assert_int_equal(s.count, n);
		assert_int_equal(a.holds, 2000 * MS); /* the last of them */
		begin(PARAM_USEC, 10 * MS, 2000 * MS);
		s.plan.values = n;
		search_for(333 * MS);
		assert_true(s.count <= n);
	}
}

static void
raised_values_go_up_to_two_that_break(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 1000 * MS);
	s.plan.by = SEARCH_RAISE;
	s.plan.values = 5;
	next_is(10 * MS);
	add(10 * MS, SEARCH_HELD, 0);
	next_is(32 * MS);
	add(32 * MS, SEARCH_BROKE, 0.001);
	next_is(100 * MS);
	add(100 * MS, SEARCH_BROKE, 0.001);
	is_over();
	assert_int_equal(a.holds, 10 * MS);
	assert_int_equal(a.breaks, 32 * MS);
}

static void
a_limit_that_is_crossed_twice_is_said(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 1000 * MS);
	s.plan.by = SEARCH_RAISE;
	s.plan.values = 5;
	add(10 * MS, SEARCH_HELD, 0);
	add(32 * MS, SEARCH_BROKE, 0.001);
	add(100 * MS, SEARCH_HELD, 0);
	next_is(320 * MS);
	add(320 * MS, SEARCH_BROKE, 0.001);
	next_is(1000 * MS);
	add(1000 * MS, SEARCH_BROKE, 0.001);
	is_over();
	assert_true(a.is_crossed);
	assert_int_equal(a.held_beyond, 100 * MS);
	assert_int_equal(a.holds, 10 * MS);
	assert_int_equal(a.breaks, 32 * MS);
}

static void
what_shows_nothing_is_repeated_once(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	add(10 * MS, SEARCH_NOTHING, NAN);
	next_is(10 * MS);
	add(10 * MS, SEARCH_HELD, 0);
	assert_false(a.is_lost);
	next_is(140 * MS);
	add(140 * MS, SEARCH_NOTHING, NAN);
	next_is(140 * MS);
	add(140 * MS, SEARCH_NOTHING, NAN);
	is_over();
	assert_true(a.is_lost);
	assert_int_equal(a.lost, 140 * MS);
	assert_int_equal(a.holds, 10 * MS);
	assert_int_equal(a.decided, 1);
}

/* D · (β^m + α^k). */
static void
too_unsure_an_answer_is_repeated(void **state)
{
	(void)state;
	begin(PARAM_USEC, 100 * MS, 120 * MS);
	add(100 * MS, SEARCH_HELD, 0.04);
	next_is(120 * MS);
	add(120 * MS, SEARCH_BROKE, 0.05);
	assert_near(a.hold_error, 2 * 0.04);
	assert_near(a.break_error, 2 * 0.05);
	next_is(100 * MS);
	add(100 * MS, SEARCH_HELD, 0.02);
	assert_near(a.hold_error, 3 * 0.04 * 0.04);
	next_is(120 * MS);
	add(120 * MS, SEARCH_BROKE, 0.05);
	assert_near(a.break_error, 4 * 0.05 * 0.05);
	is_over();
	assert_true(a.hold_error + a.break_error <= SEARCH_SURE);
}

static void
what_repeating_cannot_make_sure_is_left(void **state)
{
	(void)state;
	begin(PARAM_USEC, 100 * MS, 120 * MS);
	add(100 * MS, SEARCH_HELD, 0.5);
	add(120 * MS, SEARCH_BROKE, NAN); /* by a rule */
	is_over();
	assert_true(isnan(a.break_error));
	assert_near(a.hold_error, 1);
}

static void
a_value_that_does_both_is_no_sharp_limit(void **state)
{
	(void)state;
	begin(PARAM_USEC, 100 * MS, 300 * MS);
	add(100 * MS, SEARCH_HELD, 0.001);
	next_is(170 * MS);
	add(170 * MS, SEARCH_BROKE, 0.001);
	next_is(130 * MS);
	add(130 * MS, SEARCH_HELD, 0.001);
	next_is(150 * MS);
	add(150 * MS, SEARCH_BROKE, 0.04);
	next_is(150 * MS); /* 4 % is too much */
	add(150 * MS, SEARCH_HELD, 0.001);
	assert_true(a.is_mixed);
	assert_int_equal(a.mixed, 150 * MS);
	assert_int_equal(a.holds, 130 * MS);
	assert_int_equal(a.breaks, 170 * MS);
	assert_false(a.is_crossed);
	is_over();
}

static void
an_earlier_answer_is_tried_first(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	s.plan.hint[0] = 190 * MS;
	s.plan.hint[1] = 210 * MS;
	s.plan.hint_count = 2;
	add(10 * MS, SEARCH_HELD, 0);
	next_is(190 * MS);
	add(190 * MS, SEARCH_HELD, 0);
	next_is(210 * MS);
	add(210 * MS, SEARCH_BROKE, 0.001);
	is_over();
}

static void
a_surer_value_further_off_is_the_answer(void **state)
{
	(void)state;
	begin(PARAM_USEC, 10 * MS, 2000 * MS);
	add(10 * MS, SEARCH_HELD, 0);
	add(140 * MS, SEARCH_BROKE, 0.001);
	add(37 * MS, SEARCH_HELD, 0.001);
	add(72 * MS, SEARCH_HELD, 0.001);
	add(100 * MS, SEARCH_BROKE, 0.36); /* barely */
	add(85 * MS, SEARCH_HELD, 0.5);
	is_over();
	assert_int_equal(a.holds, 72 * MS);
	assert_int_equal(a.breaks, 140 * MS);
	assert_true(a.has_vague_hold && a.has_vague_break);
	assert_int_equal(a.vague_hold, 85 * MS);
	assert_int_equal(a.vague_break, 100 * MS);
	assert_true(a.hold_error + a.break_error <= SEARCH_SURE);
}

static struct search_answer
between(int64_t holds, int64_t breaks)
{
	return (struct search_answer){
		.has_held = holds != 0,
		.has_broken = breaks != 0,
		.holds = holds,
		.breaks = breaks,
	};
}

static void
a_regression_is_told_from_what_fits(void **state)
{
	static const struct {
		int64_t holds, breaks;
		enum search_change up;
	} now[] = {
		{ 180, 210, SEARCH_SAME },
		{ 140, 190, SEARCH_SAME }, /* 185 goes with both */
		{ 200, 240, SEARCH_SAME },
		{ 140, 180, SEARCH_WORSE },
		{ 0, 10, SEARCH_WORSE },
		{ 210, 240, SEARCH_BETTER },
		{ 2000, 0, SEARCH_BETTER },
		{ 150, 0, SEARCH_SAME },
		{ 0, 0, SEARCH_UNSURE },
	};
	const struct search_answer was = between(180, 210), falls = between(-180, -210);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(now); i++) {
		struct search_answer is = between(now[i].holds, now[i].breaks);
		assert_int_equal(search_compare(true, &was, &is), now[i].up);
		is = between(-now[i].holds, -now[i].breaks);
		assert_int_equal(search_compare(false, &falls, &is), now[i].up);
	}
}

static void
what_may_be_chance_is_no_regression(void **state)
{
	const struct search_answer was = between(180, 210);
	struct search_answer is = between(140, 170);

	(void)state;
	is.break_error = 0.3;
	assert_int_equal(search_compare(true, &was, &is), SEARCH_UNSURE);
	is.break_error = NAN; /* a rule: a fact */
	assert_int_equal(search_compare(true, &was, &is), SEARCH_WORSE);
	is = between(250, 300);
	is.hold_error = 0.3;
	assert_int_equal(search_compare(true, &was, &is), SEARCH_UNSURE);
}

/* The chance of few is that of a binomial tail, and that of many its complement. */
static void
chances_are_those_of_tables(void **state)
{
	const struct answers none = { .n = 30 }, some = { .n = 100, .bad = 3 };

	(void)state;
	assert_near(search_chance_of_few(&none, 0.1), pow(0.9, 30));
	assert_near(search_chance_of_few(&some, 0.1), 0.0078365);
	assert_near(search_chance_of_many(&some, 0.01), 0.0793732);
	assert_near(search_chance_of_many(&none, 0.01), 1);
}

static void
a_row_of_bad_answers_is_little_evidence(void **state)
{
	const struct answers apart = { .n = 300, .bad = 8, .after_bad = 8 };
	const struct answers rows = {
		.n = 300, .bad = 8, .after_bad = 8, .bad_after_bad = 7
	};

	(void)state;
	assert_true(search_chance_of_many(&apart, 0.01) < 0.02);
	assert_true(search_chance_of_many(&rows, 0.01) > 0.1);
	assert_true(search_chance_of_few(&rows, 0.1) > search_chance_of_few(&apart, 0.1));
}

/* --- whole searches, of systems that answer by chance --------------------------------- */

#define ANSWERS 35   /* of a drill: 2.5 % of the systems worth stopping show no bad one */
#define ALPHA   0.01 /* false_abort */

static double
uniform(uint64_t *seed)
{
	return (double)(splitmix_next(seed) >> 11) * 0x1p-53;
}

/* As a drill does it: the objective is 99 %, abort_at 10 %, and the judge has its false
 * alarms. */
static struct search_drill
drill(int64_t value, bool is_healthy, uint64_t *seed)
{
	struct answers got = { .n = ANSWERS };

	for (int i = 0; i < ANSWERS; i++)
		got.bad += uniform(seed) < (is_healthy ? 0.0005 : 0.1);
	if (is_healthy ? uniform(seed) < ALPHA : got.bad >= 3)
		return (struct search_drill){ value, SEARCH_BROKE, ALPHA };
	if (got.bad == 0)
		return (struct search_drill){ value, SEARCH_HELD,
			search_chance_of_few(&got, 0.1) };
	return (struct search_drill){ value, SEARCH_BROKE,
		search_chance_of_many(&got, 0.01) };
}

static void
of_answers_that_say_95_percent_no_more_than_5_are_wrong(void **state)
{
	const int64_t limit = 200 * MS;
	uint64_t seed = 11;
	int sure = 0, wrong = 0;
	struct search_drill d;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		begin(PARAM_USEC, 10 * MS, 2000 * MS);
		while (search_next(&s, &d.value)) {
			d = drill(d.value, d.value <= limit, &seed);
			assert_true(search_add(&s, &d));
		}
		search_answer(&s, &a);
		if (!(a.hold_error + a.break_error <= SEARCH_SURE))
			continue;
		sure++;
		wrong += (a.has_held && a.holds > limit) ||
			 (a.has_broken && a.breaks <= limit);
	}
	(void)printf("%d of 10000 were sure, %d of them wrong\n", sure, wrong);
	assert_true(sure > 5000);
	assert_true(wrong > 0); /* or nothing was tested */
	assert_true(wrong * 20 <= sure);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_halved_by_ratio),
		cmocka_unit_test(values_are_what_people_write),
		cmocka_unit_test(any_limit_is_found),
		cmocka_unit_test(what_falls_is_searched_downwards),
		cmocka_unit_test(the_worst_value_is_tried_last),
		cmocka_unit_test(a_first_value_that_breaks_ends_it),
		cmocka_unit_test(so_many_values_and_no_more),
		cmocka_unit_test(raised_values_go_up_to_two_that_break),
		cmocka_unit_test(a_limit_that_is_crossed_twice_is_said),
		cmocka_unit_test(what_shows_nothing_is_repeated_once),
		cmocka_unit_test(too_unsure_an_answer_is_repeated),
		cmocka_unit_test(what_repeating_cannot_make_sure_is_left),
		cmocka_unit_test(a_value_that_does_both_is_no_sharp_limit),
		cmocka_unit_test(a_surer_value_further_off_is_the_answer),
		cmocka_unit_test(what_may_be_chance_is_no_regression),
		cmocka_unit_test(an_earlier_answer_is_tried_first),
		cmocka_unit_test(a_regression_is_told_from_what_fits),
		cmocka_unit_test(chances_are_those_of_tables),
		cmocka_unit_test(a_row_of_bad_answers_is_little_evidence),
		cmocka_unit_test(of_answers_that_say_95_percent_no_more_than_5_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
