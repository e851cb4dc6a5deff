/* SPDX-License-Identifier: Apache-2.0 */
/* Whole drills on one host: what each ends with, and what is written of it (run_world.h).
 * What a drill does with a real agent is tests/system. */
#include "run_world.h"

static void
a_fault_the_system_stands_is_held(void **state)
{
	struct world *w = *state;

	expect(w, VERDICT_HELD);
	assert_false(agent->undo_asked); /* it ended by itself */
	assert_true(agent->renewed);
	assert_int_equal(agent->leaves, 1);
	expect_result(w->out, "summary.md", "The hypothesis held");
}

static void
an_outage_is_stopped_and_undone_with_numbers(void **state)
{
	struct world *w = *state;

	agent->breaks_shop = true;
	make_it_last(w);
	w->x.steady.after = NOT_LONG; /* at most */
	expect(w, VERDICT_BREACHED);
	assert_true(agent->undo_was_breach);
	json_t *j = journal_of(w);
	const json_t *undo = json_object_get(j, "undo");
	assert_string_equal(json_string_value(json_object_get(undo, "cause")), "breach");
	assert_true(json_integer_value(json_object_get(undo, "first_bad_us")) < 0);
	assert_true(json_integer_value(json_object_get(undo, "disarmed_us")) >= 0);
	assert_true(json_integer_value(json_object_get(undo, "clean_us")) > 0);
	expect_six_stamps(undo);
	const json_t *host = json_array_get(json_object_get(j, "hosts"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(host, "name")), "localhost");
	expect_six_stamps(json_object_get(host, "undo"));
	json_decref(j);
	expect_result(w->out, "summary.md", "The abort in numbers");
	expect_result(w->out, "summary.md", "17 packets");
	expect_result(w->out, "events.ndjson", "\"status 503\"");
}

static void
an_objective_missed_without_breach_is_refuted(void **state)
{
	struct world *w = *state;

	w->x.steady.before = 0;
	w->probe.objective = 0.995;
	w->probe.abort_at = 0.5;
	atomic_store(&shop.percent, 5);
	expect(w, VERDICT_REFUTED);
}

static void
an_unsteady_system_is_left_alone(void **state)
{
	struct world *w = *state;

	atomic_store(&shop.percent, 60);
	expect(w, VERDICT_UNSTEADY);
	assert_int_equal(agent->arms, 0);
	expect_result(w->out, "summary.md", "no steady state");
}

static void
too_few_answers_are_inconclusive(void **state)
{
	struct world *w = *state;

	w->probe.rate_mhz = 1000; /* one before */
	w->is_due_few = true;
	expect(w, VERDICT_INCONCLUSIVE);
	assert_int_equal(agent->arms, 0);
	expect_result(w->out, "events.ndjson", "answers before; 30 are needed");
}

static void
a_fault_without_effect_is_inconclusive(void **state)
{
	struct world *w = *state;

	agent->has_no_effect = true;
	expect(w, VERDICT_INCONCLUSIVE);
	expect_result(w->out, "summary.md", "- cut: no effect");
}

static void
a_system_that_does_not_come_back_is_said_to(void **state)
{
	struct world *w = *state;

	agent->breaks_shop = agent->stays_broken = true;
	w->x.steady.after = 3 * USEC_PER_SEC; /* one answer is enough */
	expect(w, VERDICT_NOT_RECOVERED);
}

static void
a_refusal_injects_nothing(void **state)
{
	struct world *w = *state;

	agent->refuses = true;
	expect(w, VERDICT_REFUSED);
	assert_int_equal(agent->fires, 0);
	assert_int_equal(shop.asked, 0); /* known before anything was probed */
	expect_result(w->out, "events.ndjson", "policy does not allow net.partition");
}

static void
what_cannot_be_stopped_in_time_is_not_started(void **state)
{
	agent->is_slow_to_answer = true;
	expect(*state, VERDICT_REFUSED);
	assert_int_equal(agent->fires, 0);
	assert_true(agent->undo_asked); /* what was armed is swept */
}

static void
residue_outranks_everything(void **state)
{
	struct world *w = *state;

	agent->is_dirty = agent->breaks_shop = true;
	make_it_last(w);
	expect(w, VERDICT_UNDO_FAILED);
	expect_result(w->out, "summary.md", "a chain is left");
}

static void
a_lost_agent_is_followed_by_stormd_undo(void **state)
{
	struct world *w = *state;

	agent->dies = DIES_LATER;
	make_it_last(w);
	expect(w, VERDICT_AGENT_LOST);
	assert_int_equal(agent->recoveries, 1);
	assert_int_equal(agent->leaves, 0);
}

static void
a_guard_stops_the_drill(void **state)
{
	struct world *w = *state;
	struct probe_def guard = w->probe;

	(void)snprintf(guard.name, sizeof(guard.name), "alerts");
	guard.http.url = shop.url;
	guard.rate_mhz = 10 * 1000;
	guard.good.within = guard.http.timeout = 5 * USEC_PER_SEC; /* added to before */
	w->x.guards = &guard;
	w->x.guard_count = 1;
	w->probe.http.url = shop.sound_url; /* which is for the guard alone to stop */
	agent->breaks_shop = true;
	make_it_last(w);
	expect(w, VERDICT_BREACHED);
	expect_result(w->out, "events.ndjson", "the guard no longer holds");
}

static void
a_guard_that_does_not_hold_stops_it_before(void **state)
{
	struct world *w = *state;
	struct probe_def guard = w->probe;

	(void)snprintf(guard.name, sizeof(guard.name), "alerts");
	guard.good.status[0] = (struct status_range){ 204, 204 };
	guard.rate_mhz = 10 * 1000;
	w->x.guards = &guard;
	w->x.guard_count = 1;
	expect(w, VERDICT_UNSTEADY);
	assert_int_equal(agent->arms, 0);
}

static void
ctrl_c_undoes(void **state)
{
	struct world *w = *state;

	agent->interrupts = true;
	make_it_last(w);
	expect(w, VERDICT_STOPPED);
	assert_int_equal(agent->fires, 1);
	assert_true(agent->undo_asked);
	assert_false(agent->undo_was_breach);
}

static void
a_rehearsal_injects_nothing(void **state)
{
	struct world *w = *state;

	w->o.rehearse = true;
	expect(w, VERDICT_HELD);
	assert_int_equal(agent->rehearsals, 1);
	assert_int_equal(agent->arms, 0);
	assert_int_equal(agent->fires, 0);
}

static void
probes_alone_need_no_agent(void **state)
{
	struct world *w = *state;

	w->x.fault_count = 0;
	expect(w, VERDICT_HELD);
	assert_int_equal(agent->arms, 0);
	assert_int_equal(agent->leaves, 0);
}

static void
a_fault_alone_ends_with_its_time(void **state)
{
	struct world *w = *state;

	w->x.probe_count = 0;
	w->x.steady.before = w->x.steady.during = w->x.steady.after = 0;
	expect(w, VERDICT_HELD);
	assert_int_equal(agent->fires, 1);
}

static void
secrets_reach_no_output(void **state)
{
	static const char *const files[] = { "events.ndjson", "journal.json",
		"summary.md" };
	char secret[] = "s3cret";
	char *secrets[] = { secret, NULL };
	struct world *w = *state;

	w->x.secrets = secrets;
	expect(w, VERDICT_HELD);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		_cleanup_free_ char *text = result_text(w->out, files[i]);

		assert_null(strstr(text, "s3cret"));
		assert_non_null(strstr(text, i < 2 ? "for ******" : "for \\*\\*"));
	}
}

/* A secret that JSON and Markdown write otherwise than it is, and one that is in every
 * line of theirs: that one must take no line away. */
static void
secrets_that_are_escaped_reach_no_output(void **state)
{
	static const char *const files[] = { "events.ndjson", "journal.json",
		"summary.md" };
	char secret[] = "qu\"o\\te\nx_yzzy", quote[] = "\"";
	char *secrets[] = { secret, quote, NULL };
	struct world *w = *state;

	w->x.secrets = secrets;
	w->x.hypothesis = (char *)"it holds for qu\"o\\te\nx_yzzy";
	expect(w, VERDICT_HELD);
	json_decref(journal_of(w));
	expect_result(w->out, "events.ndjson", "\"type\":\"verdict\"");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		_cleanup_free_ char *text = result_text(w->out, files[i]);

		assert_null(strstr(text, "yzzy"));
		assert_null(strstr(text, "te\\nx"));
		assert_non_null(strstr(text, i < 2 ? "for *****" : "for \\*\\*"));
	}
}

static void
a_full_disk_does_not_keep_it_from_the_undo(void **state)
{
	struct world *w = *state;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), out = dup(STDOUT_FILENO);

	agent->breaks_shop = true;
	make_it_last(w);
	w->o.quiet = false;
	(void)fflush(stdout);
	assert_true(full >= 0 && dup2(full, STDOUT_FILENO) >= 0);
	enum verdict v = drill(w);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	(void)close(full);
	(void)close(out);
	assert_int_equal(v, VERDICT_BREACHED);
	assert_true(agent->undo_was_breach);
}

static void
results_are_never_overwritten(void **state)
{
	struct world *w = *state;

	w->x.fault_count = 0;
	expect(w, VERDICT_HELD);
	assert_int_equal(run_drill(&w->x, &w->o), VERDICT_USAGE);
}

static void
count_event(void *ctx, const struct event *v)
{
	size_t *verdicts = ctx;

	*verdicts += v->type == EVENT_VERDICT;
}

static void
result_says_what_was_counted(void **state)
{
	struct world *w = *state;
	struct run_result r;
	size_t verdicts = 0;

	w->o.silent = true;
	w->o.on_event = count_event;
	w->o.ctx = &verdicts;
	w->o.result = &r;
	expect(w, VERDICT_HELD);
	assert_true(verdicts >= 1); /* one for each attempt */
	assert_false(r.is_stopped || r.is_asked_to_end);
	assert_true(r.during[0].n >= 30);
	assert_int_equal(r.during[0].bad, 0);
	assert_int_equal(strlen(r.drill), UUID_LEN - 1);
}

static void
result_says_why_it_was_stopped(void **state)
{
	struct world *w = *state;
	struct run_result r;

	w->o.silent = true;
	w->o.result = &r;
	agent->breaks_shop = true;
	make_it_last(w);
	expect(w, VERDICT_BREACHED);
	assert_true(r.is_stopped);
	assert_int_equal(r.reason, JUDGE_BREACH);
	assert_false(r.is_asked_to_end);
	assert_true(r.stopped_after > 0);
	assert_true(r.during[0].bad > 0);
	assert_non_null(strstr(r.why, " answers bad; "));
}

static void
every_line_of_events_is_one_object(void **state)
{
	struct world *w = *state;
	size_t lines = 0;

	expect(w, VERDICT_HELD);
	_cleanup_free_ char *text = result_text(w->out, "events.ndjson");
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		json_error_t why;
		json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, &why);

		if (j == NULL)
			fail_msg("%s: %s", why.text, line);
		assert_true(json_is_string(json_object_get(j, "type")));
		assert_true(json_is_integer(json_object_get(j, "at_us")));
		json_decref(j);
		lines++;
	}
	assert_true(lines > 10);
}

int
main(void)
{
#define DRILL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		DRILL(a_fault_the_system_stands_is_held),
		DRILL(an_outage_is_stopped_and_undone_with_numbers),
		DRILL(an_objective_missed_without_breach_is_refuted),
		DRILL(an_unsteady_system_is_left_alone),
		DRILL(too_few_answers_are_inconclusive),
		DRILL(a_fault_without_effect_is_inconclusive),
		DRILL(a_system_that_does_not_come_back_is_said_to),
		DRILL(a_refusal_injects_nothing),
		DRILL(what_cannot_be_stopped_in_time_is_not_started),
		DRILL(residue_outranks_everything),
		DRILL(a_lost_agent_is_followed_by_stormd_undo),
		DRILL(a_guard_stops_the_drill),
		DRILL(a_guard_that_does_not_hold_stops_it_before),
		DRILL(ctrl_c_undoes),
		DRILL(a_rehearsal_injects_nothing),
		DRILL(probes_alone_need_no_agent),
		DRILL(a_fault_alone_ends_with_its_time),
		DRILL(secrets_reach_no_output),
		DRILL(secrets_that_are_escaped_reach_no_output),
		DRILL(a_full_disk_does_not_keep_it_from_the_undo),
		DRILL(results_are_never_overwritten),
		DRILL(result_says_what_was_counted),
		DRILL(result_says_why_it_was_stopped),
		DRILL(every_line_of_events_is_one_object),
	};
	sigset_t set;

	/* Blocked before the server's threads exist, so that they do not take them. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
