/* SPDX-License-Identifier: Apache-2.0 */
/* Drills on several hosts (hosts_world.h): their order, arming, and what is told of them. */
#include "hosts_world.h"

/* --- in order ------------------------------------------------------------------------- */

static void
all_arm_before_any_fires(void **state)
{
	struct world *w = *state;

	expect(w, VERDICT_HELD);
	for (size_t i = 0; i < FLEET; i++) {
		for (size_t k = 0; k < FLEET; k++) {
			assert_true(agents[i].answered[FLEET_ARM] <
				    agents[k].asked[FLEET_SELFTEST]);
			assert_true(agents[i].answered[FLEET_SELFTEST] <
				    agents[k].asked[FLEET_FIRE]);
		}
		assert_true(agents[i].renewed);
		assert_false(agents[i].undo_asked); /* it ended by itself */
	}
	assert_int_equal(count_lines(w, "fired", "\"host\":"), FLEET);
	assert_int_equal(count_lines(w, "undo", "\"host\":"), FLEET);
}

static void
all_fire_at_one_moment_that_is_ahead(void **state)
{
	struct world *w = *state;

	agents[2].late = 7000;
	expect(w, VERDICT_HELD);
	for (size_t i = 0; i < FLEET; i++) {
		assert_true(agents[i].fire_at != 0);
		assert_int_equal(agents[i].fire_at, agents[0].fire_at);
	}
	assert_int_equal(count_lines(w, "fired", "\"spread_us\":7000"), 1);
	expect_result(w->out, "summary.md", "within 7.0 ms");
}

static void
one_host_alone_fires_at_once(void **state)
{
	struct world *w = *state;

	set_hosts(w, 1);
	expect(w, VERDICT_HELD);
	assert_int_equal(agents[0].fires, 1);
	assert_int_equal(agents[0].fire_at, 0);
	expect_result(w->out, "journal.json", "\"name\": \"h0\"");
}

static void
this_host_is_a_party_like_the_others(void **state)
{
	struct world *w = *state;

	w->rows[1].host = NULL;
	expect(w, VERDICT_HELD);
	assert_int_equal(agents[1].asked[FLEET_STATUS], 0);
	assert_int_equal(agents[1].fires, 1);
	assert_int_equal(agents[0].leaves, 1);
	assert_int_equal(count_lines(w, "fired", "\"host\":\"localhost\""), 1);
}

/* --- arming --------------------------------------------------------------------------- */

static void
one_refusal_and_nothing_is_fired_anywhere(void **state)
{
	struct world *w = *state;

	agents[1].refuses = true;
	expect(w, VERDICT_REFUSED);
	expect_nothing_fired();
	expect_all_undone_but(1);
	assert_false(agents[1].undo_asked);
	assert_int_equal(count_lines(w, "error", "\"host\":\"h1\""), 1);
}

static void
every_refusal_is_said(void **state)
{
	struct world *w = *state;

	w->x.steady.before = 1; /* so that there is a rehearsal */
	agents[1].refuses = agents[3].refuses = true;
	expect(w, VERDICT_REFUSED);
	for (size_t i = 0; i < FLEET; i++)
		assert_int_equal(agents[i].arms, 0); /* known before */
	assert_int_equal(count_lines(w, "error", "\"host\":\"h1\""), 1);
	assert_int_equal(count_lines(w, "error", "\"host\":\"h3\""), 1);
}

static void
a_host_that_is_not_there_stops_it_before_anything(void **state)
{
	struct world *w = *state;

	agents[0].dies = agents[2].dies = DIES_AT_STATUS;
	expect(w, VERDICT_REFUSED);
	for (size_t i = 0; i < FLEET; i++)
		assert_int_equal(agents[i].asked[FLEET_ARM], 0);
	assert_int_equal(count_lines(w, "error", "\"host\":\"h0\""), 1);
	assert_int_equal(count_lines(w, "error", "\"host\":\"h2\""), 1);
}

static void
a_name_for_this_very_host_is_refused(void **state)
{
	struct world *w = *state;

	agents[2].is_here = true;
	expect(w, VERDICT_REFUSED);
	assert_int_equal(agents[0].asked[FLEET_ARM], 0);
	expect_result(w->out, "events.ndjson", "--include-self");
}

static void
a_name_for_this_very_host_can_be_asked_for(void **state)
{
	struct world *w = *state;

	agents[2].is_here = true;
	w->o.include_self = true;
	expect(w, VERDICT_HELD);
}

static void
one_host_under_two_names_is_refused(void **state)
{
	struct world *w = *state;

	agents[3].is_twin = true;
	expect(w, VERDICT_REFUSED);
	assert_int_equal(agents[0].asked[FLEET_ARM], 0);
	assert_int_equal(count_lines(w, "error", "the same host as h0"), 1);
}

static void
a_death_while_arming_sweeps_the_others(void **state)
{
	struct world *w = *state;

	agents[1].dies = DIES_AT_ARM;
	agents[1].comes_back = true;
	expect(w, VERDICT_REFUSED);
	expect_nothing_fired();
	expect_all_undone_but(1);
	expect_result(w->out, "events.ndjson", "came back: clean");
}

static void
nonsense_while_arming_sweeps_the_others(void **state)
{
	struct world *w = *state;

	agents[3].dies = DIES_AT_ARM;
	agents[3].talks_nonsense = true;
	expect(w, VERDICT_REFUSED);
	expect_nothing_fired();
	expect_all_undone_but(3);
	expect_result(w->out, "events.ndjson", "what answers is no agent");
	expect_result(w->out, "events.ndjson", "never said whether it had armed");
}

static void
one_abort_too_slow_and_nothing_is_fired(void **state)
{
	struct world *w = *state;

	agents[3].is_slow_to_answer = true;
	expect(w, VERDICT_REFUSED);
	expect_nothing_fired();
	expect_all_undone_but(FLEET);
	assert_int_equal(count_lines(w, "selftest", "the slowest is h3"), 1);
	expect_result(
	    w->out, "events.ndjson", "nothing is injected that cannot be stopped");
}

/* --- what is left to read ------------------------------------------------------------- */

static void
the_journal_says_who_was_chosen_and_how(void **state)
{
	struct world *w = *state;

	expect(w, VERDICT_HELD);
	_cleanup_free_ char *text = result_text(w->out, "journal.json");
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_string_equal(
	    json_string_value(json_object_get(j, "seed")), "12345678901234567");
	const json_t *target = json_array_get(json_object_get(j, "targets"), 0);
	assert_int_equal(json_array_size(json_object_get(target, "hosts")), FLEET);
	assert_int_equal(json_integer_value(json_object_get(target, "matched")), 5);
	assert_int_equal(json_array_size(json_object_get(j, "hosts")), FLEET);
	const json_t *fault = json_array_get(json_object_get(j, "faults"), 0);
	assert_int_equal(json_array_size(json_object_get(fault, "hosts")), FLEET);
	assert_int_equal(
	    json_integer_value(json_object_get(fault, "effect")), 17 * FLEET);
	json_int_t last = 0;
	size_t i;
	const json_t *v;
	json_array_foreach(json_object_get(j, "events"), i, v)
	{
		json_int_t at = json_integer_value(json_object_get(v, "at_us"));

		assert_true(at >= last);
		last = at;
	}
	json_decref(j);
}

/* What a person sees of it, one line each. */
static char *
shown(struct world *w)
{
	FILE *f = tmpfile();
	int out = dup(STDOUT_FILENO);
	char *text = xcalloc(1, 1 << 16);

	assert_non_null(f);
	(void)fflush(stdout);
	assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
	w->o.quiet = false;
	enum verdict v = run_drill(&w->x, &w->o);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	(void)close(out);
	assert_int_equal(v, VERDICT_HELD);
	rewind(f);
	assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
	(void)fclose(f);
	return text;
}

static void
thirty_hosts_are_told_in_a_few_lines(void **state)
{
	struct world *w = *state;
	size_t lines = 0;

	set_hosts(w, CROWD);
	_cleanup_free_ char *text = shown(w);
	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	if (lines > 20)
		fail_msg("%zu lines:\n%s", lines, text);
	assert_non_null(strstr(text, "on 30 hosts"));
	assert_non_null(strstr(text, "the slowest is "));
	assert_non_null(strstr(text, " and 24 more: 30 of 31 that match role=db"));
	assert_null(strstr(text, "h17: "));
	assert_int_equal(count_lines(w, "armed", "\"host\":"), CROWD);
}

int
main(void)
{
#define DRILL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		DRILL(all_arm_before_any_fires),
		DRILL(all_fire_at_one_moment_that_is_ahead),
		DRILL(one_host_alone_fires_at_once),
		DRILL(this_host_is_a_party_like_the_others),
		DRILL(one_refusal_and_nothing_is_fired_anywhere),
		DRILL(every_refusal_is_said),
		DRILL(a_host_that_is_not_there_stops_it_before_anything),
		DRILL(a_name_for_this_very_host_is_refused),
		DRILL(a_name_for_this_very_host_can_be_asked_for),
		DRILL(one_host_under_two_names_is_refused),
		DRILL(a_death_while_arming_sweeps_the_others),
		DRILL(nonsense_while_arming_sweeps_the_others),
		DRILL(one_abort_too_slow_and_nothing_is_fired),
		DRILL(the_journal_says_who_was_chosen_and_how),
		DRILL(thirty_hosts_are_told_in_a_few_lines),
	};

	sigset_t set;

	/* Blocked before the server's threads exist, so that they do not take them. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
