/* SPDX-License-Identifier: Apache-2.0 */
/* Drills on several hosts (hosts_world.h): firing, and what takes the faults away again. */
#include "hosts_world.h"

/* --- firing, and afterwards ----------------------------------------------------------- */

static void
a_death_at_fire_undoes_the_others(void **state)
{
	struct world *w = *state;

	make_it_last(w);
	agents[0].dies = DIES_AT_FIRE;
	agents[0].comes_back = true;
	expect(w, VERDICT_AGENT_LOST);
	expect_all_undone_but(0);
	expect_result(w->out, "events.ndjson", "came back: clean");
}

static void
who_does_not_fire_ends_it_for_all(void **state)
{
	struct world *w = *state;

	make_it_last(w);
	agents[2].refuses_to_fire = true;
	expect(w, VERDICT_INCONCLUSIVE);
	expect_all_undone_but(FLEET);
	assert_int_equal(count_lines(w, "error", "it was undone before"), 1);
}

static void
a_fault_that_fails_on_one_is_undone_on_all(void **state)
{
	struct world *w = *state;

	make_it_last(w);
	agents[1].cannot_apply = true;
	expect(w, VERDICT_INCONCLUSIVE);
	expect_all_undone_but(1);
	assert_int_equal(count_lines(w, "error", "no such device"), 1);
	assert_int_equal(count_lines(w, "error", "could not be applied"), 1);
}

static void
a_death_in_the_middle_undoes_the_others(void **state)
{
	struct world *w = *state;

	make_it_last(w);
	agents[3].dies = DIES_LATER;
	expect(w, VERDICT_AGENT_LOST);
	expect_all_undone_but(3);
	expect_result(w->out, "events.ndjson",
	    "was not heard of again: its lease ended its faults");
	expect_result(
	    w->out, "events.ndjson", "stormctl status --inventory hosts.yaml --host h3");
	expect_result(w->out, "summary.md", "3 of 4 hosts");
}

static void
a_death_at_the_undo_delays_nobody(void **state)
{
	struct world *w = *state;

	make_it_last(w);
	agents[2].interrupts = true;
	agents[0].dies = DIES_AT_UNDO;
	agents[0].comes_back = true;
	expect(w, VERDICT_AGENT_LOST);
	expect_all_undone_but(0);
	assert_true(agents[0].asked[FLEET_UNDO] != 0);
}

static void
all_are_told_before_anyone_answers(void **state)
{
	struct world *w = *state;

	make_it_last(w);
	agents[1].interrupts = true;
	agents[0].undo_takes = 2 * USEC_PER_SEC; /* the first to be told */
	expect(w, VERDICT_STOPPED);
	for (size_t i = 0; i < FLEET; i++) {
		for (size_t k = 0; k < FLEET; k++)
			assert_true(
			    undo_number(&agents[i]) < agents[k].answered[FLEET_UNDO]);
		assert_true(
		    agents[i].answered[FLEET_UNDO] <= agents[0].answered[FLEET_UNDO]);
	}
	assert_int_equal(count_lines(w, "undo", "clean on 4 hosts"), 1);
}

static void
a_breach_is_undone_on_all(void **state)
{
	struct world *w = *state;

	make_it_last(w);
	w->probe = (struct probe_def){ .name = "shop",
		.http = { .method = (char *)"GET", .url = shop.url, .timeout = NOT_LONG },
		.rate_mhz = 100 * 1000,
		.good = { .status = { { 200, 399 } },
		    .status_count = 1,
		    .within = NOT_LONG },
		.objective = 0.9,
		.abort_at = 0.5 };
	w->x.probes = &w->probe;
	w->x.probe_count = 1;
	w->x.budget.false_abort = 0.001;
	w->x.steady.after = NOT_LONG; /* at most */
	agents[3].breaks_shop = true;
	expect(w, VERDICT_BREACHED);
	for (size_t i = 0; i < FLEET; i++)
		assert_true(agents[i].undo_was_breach);
	assert_int_equal(count_lines(w, "undo", "undone on 4 hosts"), 1);
	expect_result(w->out, "summary.md", "on the last host");
	_cleanup_free_ char *text = result_text(w->out, "journal.json");
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	for (size_t i = 0; i < FLEET; i++)
		expect_six_stamps(json_object_get(
		    json_array_get(json_object_get(j, "hosts"), i), "undo"));
	json_decref(j);
}

static void
what_was_not_undone_on_one_outranks_all(void **state)
{
	struct world *w = *state;

	agents[2].is_dirty = true;
	expect(w, VERDICT_UNDO_FAILED);
	assert_int_equal(count_lines(w, "error", "a chain is left"), 1);
	expect_result(w->out, "summary.md", "- h2: cut: a chain is left");
}

static void
no_effect_on_one_is_said_of_it(void **state)
{
	struct world *w = *state;

	agents[1].has_no_effect = true;
	expect(w, VERDICT_INCONCLUSIVE);
	assert_int_equal(count_lines(w, "error", "no effect"), 1);
	expect_result(w->out, "summary.md", "- h1: cut: no effect");
}

/* What one side drops the other never sees. */
static void
a_cut_between_hosts_is_judged_as_one(void **state)
{
	struct world *w = *state;

	w->fault.topology = TOPOLOGY_HALVES;
	agents[1].has_no_effect = true;
	expect(w, VERDICT_HELD);
	assert_int_equal(count_lines(w, "error", "no effect"), 0);
	assert_int_equal(count_lines(w, "note", "met no packets here"), 1);
}

static void
a_cut_that_nobody_met_is_an_error(void **state)
{
	struct world *w = *state;

	w->fault.topology = TOPOLOGY_HALVES;
	for (size_t i = 0; i < FLEET; i++)
		agents[i].has_no_effect = true;
	expect(w, VERDICT_INCONCLUSIVE);
	assert_int_equal(count_lines(w, "error", "no effect"), FLEET);
}

int
main(void)
{
#define DRILL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		DRILL(a_death_at_fire_undoes_the_others),
		DRILL(who_does_not_fire_ends_it_for_all),
		DRILL(a_fault_that_fails_on_one_is_undone_on_all),
		DRILL(a_death_in_the_middle_undoes_the_others),
		DRILL(a_death_at_the_undo_delays_nobody),
		DRILL(all_are_told_before_anyone_answers),
		DRILL(a_breach_is_undone_on_all),
		DRILL(what_was_not_undone_on_one_outranks_all),
		DRILL(no_effect_on_one_is_said_of_it),
		DRILL(a_cut_between_hosts_is_judged_as_one),
		DRILL(a_cut_that_nobody_met_is_an_error),
	};

	sigset_t set;

	/* Blocked before the server's threads exist, so that they do not take them. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
