/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole drills on several hosts, with everything real but the agents, of which some die,
 * refuse, lie or dawdle.  What came before what is said by numbers that the agents give to
 * every question and answer, not by clocks.
 */
#include "cleanup.h"
#include "err.h"
#include "fake_fleet.h"
#include "kind.h"
#include "results.h"
#include "roster.h"
#include "run.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <jansson.h>
#include <signal.h>

#define FLEET    4
#define CROWD    30
#define NOT_LONG (20 * USEC_PER_SEC) /* for what something ends before its time */

struct world {
	char dir[64], out[96];
	struct experiment x;
	struct target_def target;
	struct probe_def probe;
	struct fault_def fault;
	struct host hosts[FAKES_MAX];
	const struct host *chosen[FAKES_MAX];
	struct roster_host rows[FAKES_MAX];
	struct roster_target resolved;
	struct roster roster;
	struct run_options o;
};

static void
set_hosts(struct world *w, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct host *h = &w->hosts[i];

		(void)snprintf(h->name, sizeof(h->name), "h%zu", i);
		(void)snprintf(h->address, sizeof(h->address), "10.0.0.%zu", i);
		h->port = 7433;
		w->chosen[i] = h;
		w->rows[i] = (struct roster_host){ .host = h, .count = 1 };
		w->rows[i].spec[0] = &w->fault.spec;
		agents[i].lasts = w->fault.spec.duration;
	}
	w->resolved = (struct roster_target){
		.target = &w->target,
		.matched = count + 1,
		.count = count,
		.hosts = w->chosen,
	};
	w->roster = (struct roster){
		.seed = 12345678901234567,
		.hosts = w->rows,
		.count = count,
		.targets = &w->resolved,
		.target_count = 1,
	};
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	memset(agents, 0, sizeof(agents));
	shop_open();
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/hosts.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->out, sizeof(w->out), "%s/out", w->dir);
	spec_init(&w->fault.spec, kind_find("net.partition"));
	(void)snprintf(w->fault.spec.name, NAME_MAX_LEN, "cut");
	w->fault.spec.duration = 300 * USEC_PER_MSEC;
	(void)snprintf(w->target.name, NAME_MAX_LEN, "db");
	w->target.where = (char *)"role=db";
	w->x = (struct experiment){ .name = "many",
		.targets = &w->target,
		.target_count = 1,
		.faults = &w->fault,
		.fault_count = 1,
		.lease_ms = 200 };
	w->o = (struct run_options){
		.out_dir = w->out, .quiet = true, .inventory = "hosts.yaml"
	};
	w->o.roster = &w->roster;
	w->o.pki_dir = "/nonexistent";
	set_hosts(w, FLEET);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	shop_close();
	remove_results(w->out);
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

static void
make_it_last(struct world *w)
{
	w->fault.spec.duration = NOT_LONG;
	for (size_t i = 0; i < w->roster.count; i++)
		agents[i].lasts = NOT_LONG;
}

static void
expect(struct world *w, enum verdict v)
{
	enum verdict got = run_drill(&w->x, &w->o);

	if (got != v) {
		_cleanup_free_ char *text = result_text(w->out, "events.ndjson");

		fail_msg("verdict %s, expected %s\n%s", verdict_name(got),
		    verdict_name(v), text);
	}
}

/* How many lines of events.ndjson have all of these words, in this order. */
static size_t
count_lines(const struct world *w, const char *type, const char *word)
{
	_cleanup_free_ char *text = result_text(w->out, "events.ndjson");
	_cleanup_free_ char *start = xasprintf("{\"type\":\"%s\",", type);
	char *rest = NULL;
	size_t n = 0;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		n += strncmp(line, start, strlen(start)) == 0 &&
		     strstr(line, word) != NULL;
	return n;
}

static unsigned
undo_number(const struct fake_agent *a)
{
	return a->asked[FLEET_UNDO] != 0 ? a->asked[FLEET_UNDO] : a->asked[FLEET_BREACH];
}

/* All but this one were told to undo, and are clean. */
static void
expect_all_undone_but(size_t other)
{
	for (size_t i = 0; i < FLEET; i++) {
		if (i == other)
			continue;
		assert_true(agents[i].undo_asked);
		assert_int_equal(agents[i].view.fault[0].state, FAULT_GONE);
	}
}

static void
expect_nothing_fired(void)
{
	for (size_t i = 0; i < FLEET; i++)
		assert_int_equal(agents[i].asked[FLEET_FIRE], 0);
}

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
	agents[3].breaks_shop = true;
	expect(w, VERDICT_BREACHED);
	for (size_t i = 0; i < FLEET; i++)
		assert_true(agents[i].undo_was_breach);
	assert_int_equal(count_lines(w, "undo", "undone on 4 hosts"), 1);
	expect_result(w->out, "summary.md", "on the last host");
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
