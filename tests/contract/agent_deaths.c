/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever dies or hangs (holder, guardian, stormd, the controller, whoever reads the log):
 * the fault goes away, its record too, and the host has an agent again.
 */
#include "agent_world.h"

static void
a_killed_holder_is_undone_by_record(void **state)
{
	struct world *w = *state;
	struct reply r = activate(w, A, cut_text, MIN);

	assert_int_equal(kill(r.fault[0].holder_pid, SIGKILL), 0);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(r.fault[0].lost, 1);
	assert_int_equal(r.fault[0].outcome, OUTCOME_FAILED);
	assert_true(r.fault[0].clean != 0);
	assert_int_equal(count_files(w, "test/undo"), 0);
}

/* Whose children can then not look at netfilter, where nothing of theirs is. */
static void
a_policy_without_networks_is_enough_to_undo_by_record(void **state)
{
	struct world *w = *state;
	struct reply r;

	assert_int_equal(kill(w->stormd, SIGTERM), 0);
	assert_int_equal(agent_end(w), 0);
	write_policy(w, "allow cpu.load\n");
	agent_start(w, false);
	r = activate(w, A, load_text, MIN);
	assert_int_equal(kill(r.fault[0].holder_pid, SIGKILL), 0);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(count_files(w, "test/undo"), 0);
}

static void
a_stopped_holder_does_not_stop_the_undo(void **state)
{
	struct world *w = *state;
	struct reply r = activate(w, A, cut_text, MIN);

	assert_int_equal(kill(r.fault[0].holder_pid, SIGSTOP), 0);
	r = verb(w, MSG_UNDO, A);
	must(&r);
	assert_true(r.fault[0].undone != 0);
	print_message("undone after %llu us\n",
	    (unsigned long long)(r.fault[0].undone - r.fault[0].told));
	r = verb(w, MSG_WAIT, A);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(count_files(w, "test/undo"), 0);
}

static void
a_holder_that_hangs_while_active_is_noticed(void **state)
{
	struct world *w = *state;
	struct reply r = activate(w, A, load_text, MIN);

	assert_int_equal(kill(r.fault[0].holder_pid, SIGSTOP), 0);
	r = verb(w, MSG_WAIT, A);
	assert_int_equal(r.fault[0].lost, 1);
	assert_non_null(strstr(r.fault[0].err.msg, "hangs"));
}

static void
a_holder_told_by_signal_undoes(void **state)
{
	struct world *w = *state;
	struct reply r = activate(w, A, load_text, MIN);

	assert_int_equal(kill(r.fault[0].holder_pid, SIGTERM), 0);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(r.fault[0].lost, 1);
}

static void
sigterm_undoes_and_ends_in_order(void **state)
{
	struct world *w = *state;

	(void)activate(w, A, load_text, MIN);
	assert_int_equal(kill(w->stormd, SIGTERM), 0);
	assert_int_equal(agent_end(w), 0);
	assert_int_equal(count_files(w, "test/undo"), 0);
}

static void
a_broken_lifeline_undoes_and_removes_the_agent(void **state)
{
	struct world *w = *state;

	assert_int_equal(kill(w->stormd, SIGTERM), 0);
	assert_int_equal(agent_end(w), 0);
	agent_start(w, true);
	(void)activate(w, A, load_text, MIN);
	assert_int_equal(agent_end(w), 0);
	assert_int_equal(access(w->run, F_OK), -1);
}

static void
a_killed_stormd_is_cleaned_up_after_by_its_guardian(void **state)
{
	struct world *w = *state;

	(void)activate(w, A, cut_text, MIN);
	assert_int_equal(count_files(w, "test/undo"), 1);
	assert_int_equal(kill(w->stormd, SIGKILL), 0);
	assert_int_equal(agent_end(w), 128 + SIGKILL);
	wait_no_records(w);
	agent_start(w, false); /* waits for the guardian's lock if it must */
}

static void
a_stopped_stormd_is_ended_by_its_guardian(void **state)
{
	struct world *w = *state;

	(void)activate(w, A, cut_text, MIN);
	assert_int_equal(kill(w->stormd, SIGSTOP), 0);
	assert_int_equal(agent_end(w), 128 + SIGKILL);
	wait_no_records(w);
}

static void
a_dead_guardian_is_replaced(void **state)
{
	struct world *w = *state;
	struct reply r;
	pid_t first, second = 0;

	(void)activate(w, A, load_text, MIN);
	first = find_process("stormd-guardian");
	assert_true(first > 0);
	assert_int_equal(kill(first, SIGKILL), 0);
	for (int i = 0; i < PATIENCE_MS / 10 && (second == 0 || second == first); i++) {
		(void)usleep(10000);
		second = find_process("stormd-guardian");
	}
	assert_true(second > 0 && second != first);
	r = verb(w, MSG_SHOW, A);
	assert_int_equal(r.fault[0].state, FAULT_ACTIVE);
	/* and the new one does its work */
	assert_int_equal(kill(w->stormd, SIGKILL), 0);
	(void)agent_end(w);
	wait_no_records(w);
}

static void
nobody_reads_the_log_and_it_does_not_matter(void **state)
{
	struct world *w = *state;
	struct reply r;
	int ends[2];

	assert_int_equal(kill(w->stormd, SIGTERM), 0);
	assert_int_equal(agent_end(w), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], "x", 1) == 1)
		continue; /* full: the next write would wait */
	assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
	w->stderr_fd = ends[1];
	agent_start(w, false);
	(void)activate(w, A, load_text, MIN);
	r = verb(w, MSG_UNDO, A);
	must(&r);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(kill(w->stormd, SIGTERM), 0);
	assert_int_equal(agent_end(w), 0);
	w->stderr_fd = 0;
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
one_directory_has_one_agent(void **state)
{
	struct world *w = *state;
	struct world other = *w;

	assert_false(agent_try(&other, false));
	assert_int_equal(agent_end(&other), 9);
	assert_int_equal(verb(w, MSG_STATUS, NULL).err.code, 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_AGENT(a_killed_holder_is_undone_by_record),
		WITH_AGENT(a_policy_without_networks_is_enough_to_undo_by_record),
		WITH_AGENT(a_stopped_holder_does_not_stop_the_undo),
		WITH_AGENT(a_holder_that_hangs_while_active_is_noticed),
		WITH_AGENT(a_holder_told_by_signal_undoes),
		WITH_AGENT(sigterm_undoes_and_ends_in_order),
		WITH_AGENT(a_broken_lifeline_undoes_and_removes_the_agent),
		WITH_AGENT(a_killed_stormd_is_cleaned_up_after_by_its_guardian),
		WITH_AGENT(a_stopped_stormd_is_ended_by_its_guardian),
		WITH_AGENT(a_dead_guardian_is_replaced),
		WITH_AGENT(nobody_reads_the_log_and_it_does_not_matter),
		WITH_AGENT(one_directory_has_one_agent),
	};

	if (argc > 0 && strcmp(argv[0], "stormd-front") == 0)
		return front_main();
	pidns_enter();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
