/* SPDX-License-Identifier: Apache-2.0 */
/* Base load in whole drills: from before to after, counted and never judged. */
#include "run_world.h"

/* A request every 5 ms, whatever the phase. */
static struct probe_def
load_of(struct world *w)
{
	struct probe_def load = w->probe;

	(void)snprintf(load.name, sizeof(load.name), "shoppers");
	return load;
}

static json_int_t
load_figure(const json_t *journal, const char *phase, const char *key)
{
	const json_t *load = json_array_get(json_object_get(journal, "load"), 0);

	return json_integer_value(json_object_get(
	    json_object_get(json_object_get(load, "phases"), phase), key));
}

/* Of the first of them, before. */
static json_int_t
timing_figure(const json_t *journal, const char *list, const char *key)
{
	const json_t *one = json_array_get(json_object_get(journal, list), 0);
	const json_t *before = json_object_get(json_object_get(one, "timing"), "before");

	return json_integer_value(json_object_get(before, key));
}

static void
base_load_runs_from_before_to_after_and_is_not_judged(void **state)
{
	struct world *w = *state;
	struct probe_def load = load_of(w);

	w->x.loads = &load;
	w->x.load_count = 1;
	w->probe.http.url = shop.sound_url; /* the fault breaks the load alone */
	w->x.steady.after = NOT_LONG;
	agent->breaks_shop = true;
	expect(w, VERDICT_HELD);
	json_t *j = journal_of(w);
	assert_true(load_figure(j, "before", "n") > 0);
	assert_int_equal(load_figure(j, "before", "bad"), 0);
	assert_true(load_figure(j, "during", "status") > 0);
	assert_true(load_figure(j, "after", "n") > 0);
	assert_true(timing_figure(j, "load", "n") > 0);
	assert_true(timing_figure(j, "probes", "connects") > 0);
	assert_true(timing_figure(j, "probes", "first_byte_p50_us") > 0);
	assert_true(timing_figure(j, "probes", "total_p50_us") >=
		    timing_figure(j, "probes", "first_byte_p50_us"));
	json_decref(j);
	expect_result(w->out, "summary.md", "| shoppers | during | 200 |");
	expect_result(w->out, "summary.md", "## Where the time went");
}

static void
base_load_goes_on_while_everything_arms(void **state)
{
	struct world *w = *state;
	struct probe_def load = load_of(w);

	w->x.loads = &load;
	w->x.load_count = 1;
	agent->arm_takes = USEC_PER_SEC;
	expect(w, VERDICT_HELD);
	json_t *j = journal_of(w);
	json_int_t due =
	    load_figure(j, "before", "n") + load_figure(j, "before", "skipped");
	json_decref(j);
	assert_true((usec_t)due * 5 * USEC_PER_MSEC >= w->x.steady.before + USEC_PER_SEC);
}

static void
base_load_that_cannot_be_sent_proves_nothing(void **state)
{
	struct world *w = *state;
	struct probe_def load = load_of(w);

	w->x.loads = &load;
	w->x.load_count = 1;
	load.http.url = shop.silent_url;
	load.max_in_flight = 2;
	expect(w, VERDICT_INCONCLUSIVE);
	expect_result(w->out, "summary.md",
	    "The drill shows nothing: shoppers was not the load that the file asks for");
}

int
main(void)
{
#define DRILL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		DRILL(base_load_runs_from_before_to_after_and_is_not_judged),
		DRILL(base_load_goes_on_while_everything_arms),
		DRILL(base_load_that_cannot_be_sent_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
