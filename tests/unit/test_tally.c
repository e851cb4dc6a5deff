/* SPDX-License-Identifier: Apache-2.0 */
/* Counting samples: who was late, when the first bad one was known, who is back. */
#include "tally.h"
#include "test.h"
#include "xalloc.h"
#include <stdlib.h>

#define MS USEC_PER_MSEC

static struct probe_def shop = {
	.rate_mhz = 100 * 1000,
	.good = { .within = 100 * MS },
	.objective = 0.9,
};

static int
set_up(void **state)
{
	struct tally *t = xcalloc(1, sizeof(*t));

	t->def = &shop;
	*state = t;
	return 0;
}

static int
tear_down(void **state)
{
	tally_release(*state);
	free(*state);
	return 0;
}

static void
add(struct tally *t, enum phase p, usec_t at, enum sample_class c)
{
	const struct sample s = {
		.class = c,
		.bad = c != SAMPLE_OK && c != SAMPLE_SKIPPED,
		.intended = at,
		.known = at + MS,
	};

	tally_add(t, p, &s);
}

static void
skipped_and_late_samples_are_told_apart(void **state)
{
	struct tally *t = *state;
	const struct sample late = { .class = SAMPLE_OK, .late = 11 * MS };

	add(t, PHASE_DURING, 0, SAMPLE_OK);
	add(t, PHASE_DURING, 0, SAMPLE_STATUS);
	add(t, PHASE_DURING, 0, SAMPLE_SKIPPED);
	tally_add(t, PHASE_DURING, &late);
	assert_int_equal(t->phase[PHASE_DURING].n, 3);
	assert_int_equal(t->phase[PHASE_DURING].bad, 1);
	assert_true(totals_late_share(&t->phase[PHASE_DURING]) > 0.49);
	assert_true(totals_late_share(&t->phase[PHASE_DURING]) < 0.51);
	assert_int_equal(t->phase[PHASE_BEFORE].n, 0);
}

static void
the_first_bad_one_is_found_by_number(void **state)
{
	struct tally *t = *state;

	for (usec_t i = 1; i <= 1000; i++)
		add(t, PHASE_DURING, i * MS, i % 100 == 0 ? SAMPLE_SLOW : SAMPLE_OK);
	assert_int_equal(tally_first_bad(t, 300), 301 * MS);
	assert_int_equal(tally_first_bad(t, 301), 401 * MS);
	assert_int_equal(tally_first_bad(t, 1001), 0);
}

static void
back_means_a_second_and_thirty_answers(void **state)
{
	struct tally *t = *state;

	for (usec_t i = 0; i < 50; i++) /* half a second of outage */
		add(t, PHASE_AFTER, i * 10 * MS, SAMPLE_CONNECT);
	assert_false(tally_is_back(t));
	/* The window still holds bad ones until they are at most one in ten. */
	for (usec_t i = 50; i < 139; i++) {
		add(t, PHASE_AFTER, i * 10 * MS, SAMPLE_OK);
		assert_false(t->has_recovered);
	}
	for (usec_t i = 139; i < 145; i++)
		add(t, PHASE_AFTER, i * 10 * MS, SAMPLE_OK);
	assert_true(t->has_recovered);
	assert_true(tally_is_back(t));
	/* from the first of the hundred answers of which ten were bad, and no later one */
	assert_int_equal(t->recovered.from, 400 * MS);
	assert_int_equal(t->recovered.n, 101);
	assert_int_equal(t->recovered.bad, 10);
	for (usec_t i = 145; i < 400; i++)
		add(t, PHASE_AFTER, i * 10 * MS, SAMPLE_OK);
	assert_int_equal(t->recovered.from, 400 * MS);
}

static void
a_slow_probe_needs_thirty_answers(void **state)
{
	struct tally *t = *state;

	for (usec_t i = 0; i < 30; i++) {
		assert_false(t->has_recovered);
		add(t, PHASE_AFTER, i * 500 * MS, SAMPLE_OK);
	}
	assert_true(t->has_recovered);
}

static void
with_few_answers_the_last_ones_say_it(void **state)
{
	struct tally *t = *state;

	for (usec_t i = 0; i < 10; i++)
		add(t, PHASE_AFTER, i * 10 * MS, i < 5 ? SAMPLE_TIMEOUT : SAMPLE_OK);
	assert_false(t->has_recovered);
	assert_true(tally_is_back(t));
	add(t, PHASE_AFTER, 100 * MS, SAMPLE_TIMEOUT);
	assert_false(tally_is_back(t));
}

static void
an_after_of_less_than_a_second_is_judged_whole(void **state)
{
	struct tally *t = *state;

	for (usec_t i = 0; i < 99; i++)
		add(t, PHASE_AFTER, i * 10 * MS, i < 9 ? SAMPLE_CONNECT : SAMPLE_OK);
	assert_false(t->has_recovered);
	assert_true(tally_is_back(t));
	add(t, PHASE_AFTER, 990 * MS, SAMPLE_CONNECT);
	assert_true(tally_is_back(t)); /* ten of a hundred */
	add(t, PHASE_AFTER, 995 * MS, SAMPLE_CONNECT);
	assert_false(tally_is_back(t));
}

int
main(void)
{
#define TALLY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TALLY(skipped_and_late_samples_are_told_apart),
		TALLY(the_first_bad_one_is_found_by_number),
		TALLY(back_means_a_second_and_thirty_answers),
		TALLY(a_slow_probe_needs_thirty_answers),
		TALLY(with_few_answers_the_last_ones_say_it),
		TALLY(an_after_of_less_than_a_second_is_judged_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
