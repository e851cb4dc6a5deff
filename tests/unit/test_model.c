/* SPDX-License-Identifier: Apache-2.0 */
/* Histogram, verdict and events: the small parts of the model. */
#include "event.h"
#include "experiment.h"
#include "hist.h"
#include "test.h"
#include "verdict.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
every_value_is_kept_within_one_percent(void **state)
{
	(void)state;
	for (usec_t v = 1; v < (usec_t)1 << 32; v += 1 + v / 37) {
		struct hist *h = xcalloc(1, sizeof(*h));
		usec_t q;

		hist_add(h, v);
		hist_add(h, UINT32_MAX); /* so that max does not give v away */
		q = hist_quantile(h, 0.5);
		if (q < v || (double)(q - v) > 0.01 * (double)v)
			fail_msg("%lu became %lu", (unsigned long)v, (unsigned long)q);
		free(h);
	}
}

static void
quantiles_are_where_they_belong(void **state)
{
	struct hist *h = xcalloc(1, sizeof(*h)), *sum = xcalloc(1, sizeof(*sum));

	(void)state;
	assert_int_equal(hist_quantile(h, 0.5), 0);
	for (usec_t v = 1; v <= 100; v++)
		hist_add(h, v);
	assert_int_equal(hist_quantile(h, 0.5), 50);
	assert_int_equal(hist_quantile(h, 0.99), 99);
	assert_int_equal(hist_quantile(h, 0.999), 100);
	hist_merge(sum, h);
	hist_merge(sum, h);
	assert_int_equal(sum->count, 200);
	assert_int_equal(hist_quantile(sum, 0.5), 50);
	hist_add(h, (usec_t)1 << 40);
	assert_int_equal(h->max, (usec_t)1 << 40);
	assert_int_equal(hist_quantile(h, 0.9999), (usec_t)1 << 40);
	free(h);
	free(sum);
}

static void
percentiles_need_their_samples(void **state)
{
	struct hist *h = xcalloc(1, sizeof(*h));

	(void)state;
	h->count = 298;
	assert_false(hist_supports(h, 0.99));
	h->count = 299;
	assert_true(hist_supports(h, 0.99));
	h->count = 58;
	assert_false(hist_supports(h, 0.95));
	h->count = 59;
	assert_true(hist_supports(h, 0.95));
	h->count = 29;
	assert_true(hist_supports(h, 0.9));
	assert_false(hist_supports(h, 1.0));
	free(h);
}

static void
worst_finding_decides(void **state)
{
	struct findings f = { 0 };

	(void)state;
	assert_int_equal(verdict_of(&f), VERDICT_HELD);
	f.refused = true;
	assert_int_equal(verdict_of(&f), 9);
	f.unsteady = true;
	assert_int_equal(verdict_of(&f), 4);
	f.inconclusive = true;
	assert_int_equal(verdict_of(&f), 6);
	f.missed = true;
	assert_int_equal(verdict_of(&f), 1);
	f.stopped = true;
	assert_int_equal(verdict_of(&f), 8);
	f.breached = true;
	assert_int_equal(verdict_of(&f), 5);
	f.not_recovered = true;
	assert_int_equal(verdict_of(&f), 7);
	f.internal = true;
	assert_int_equal(verdict_of(&f), 70);
	f.agent_lost = true;
	assert_int_equal(verdict_of(&f), 30);
	f.undo_failed = true;
	assert_int_equal(verdict_of(&f), 20);
	assert_string_equal(verdict_name(VERDICT_BREACHED), "breached");
}

static void
events_keep_what_they_are_given(void **state)
{
	struct event v;
	enum event_type t;

	(void)state;
	event_init(&v, EVENT_BAD, 5, 6, "checkout", "status %d", 503);
	event_num(&v, "n", 1);
	event_num(&v, "n", 2);
	assert_int_equal(v.num_count, 1);
	assert_true(event_get(&v, "n", 0) > 1.5);
	assert_true(event_get(&v, "absent", -1) < 0);
	assert_string_equal(v.text, "status 503");
	for (int i = 0; i < 40; i++) {
		char key[8] = { 'k', (char)('a' + i % 26), (char)('a' + i / 26), 0 };

		event_num(&v, key, i);
	}
	assert_int_equal(v.num_count, EVENT_NUMS_MAX);
	event_init(&v, EVENT_PHASE, 0, 0, NULL, NULL);
	assert_string_equal(v.text, "");
	for (unsigned i = 0; i < EVENT_TYPES; i++) {
		assert_int_equal(event_type_parse(event_type_name(i), &t), 0);
		assert_int_equal(t, i);
	}
	assert_int_equal(event_type_parse("nothing", &t), -EINVAL);
}

static void
faults_end_with_the_last_one(void **state)
{
	struct fault_def faults[2] = { { .spec = { .at = 5, .duration = 10 } },
		{ .spec = { .at = 20 } } };
	struct experiment x = { .faults = faults, .fault_count = 2 };

	(void)state;
	assert_int_equal(experiment_faults_end(&x), 20);
	x.fault_count = 1;
	assert_int_equal(experiment_faults_end(&x), 15);
	experiment_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_is_kept_within_one_percent),
		cmocka_unit_test(quantiles_are_where_they_belong),
		cmocka_unit_test(percentiles_need_their_samples),
		cmocka_unit_test(worst_finding_decides),
		cmocka_unit_test(events_keep_what_they_are_given),
		cmocka_unit_test(faults_end_with_the_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
