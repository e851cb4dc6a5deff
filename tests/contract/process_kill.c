/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.kill with a `for`: every so often, and held down.  Whoever comes is signalled, as
 * long as the fault is in force and not a moment longer.
 */
#include "held.h"
#include "pidns.h"
#include "test.h"

#define NAME "storm-comer"

TEST_WITHOUT_LEAK_CHECK

static char fault_id[FAULT_ID_LEN];

static struct held_fault
kill_on(const char *args)
{
	return held_on_as(fault_id, "process.kill", args);
}

static void
expect_refused(const char *args, const char *why)
{
	struct held_fault h = held_new_as(fault_id, "process.kill", args);

	assert_false(held_try(&h, 's'));
	if (strstr(h.state->e.msg, why) == NULL)
		fail_msg("%s", h.state->e.msg);
	(void)kill(h.pid, SIGKILL);
	held_end(&h);
}

static void
every_match_dies_as_it_comes(void **state)
{
	pid_t there = orphan(NAME, NULL), other = orphan("storm-other", NULL);
	struct held_fault h = kill_on("name=" NAME);

	(void)state;
	wait_gone(there);
	for (unsigned i = 0; i < 5; i++)
		wait_gone(orphan(NAME, NULL));
	while (h.state->run.effect != 6)
		(void)usleep(1000);
	assert_int_equal(kill(other, 0), 0);
	held_off(&h);
	there = orphan(NAME, NULL);
	(void)usleep(200000); /* several looks, if there were any */
	assert_int_equal(kill(there, 0), 0);
	end_orphan(there);
	end_orphan(other);
}

static void
nobody_there_yet_is_no_error(void **state)
{
	struct held_fault h = kill_on("name=" NAME);

	(void)state;
	assert_int_equal(h.state->run.effect, 0);
	wait_gone(orphan(NAME, NULL));
	held_off(&h);
}

/* SIGUSR1, which it ignores, once: not again and again while it is there. */
static void
held_down_means_one_signal_for_each(void **state)
{
	struct held_fault h;
	pid_t there;

	(void)state;
	(void)signal(SIGUSR1, SIG_IGN); /* inherited */
	there = orphan(NAME, NULL);
	(void)signal(SIGUSR1, SIG_DFL);
	h = kill_on("name=" NAME " signal=USR1");
	(void)usleep(300000);
	held_step(&h, 'h');
	assert_int_equal(h.state->run.effect, 1);
	held_off(&h);
	end_orphan(there);
}

static void
every_so_often_is_chosen_anew(void **state)
{
	pid_t a = orphan(NAME, NULL), b = orphan(NAME, NULL), c = orphan(NAME, NULL);
	struct held_fault h = kill_on("name=" NAME " count=1 every=200ms");

	(void)state;
	wait_gone(a); /* the oldest, then the next */
	wait_gone(b);
	wait_gone(c);
	while (h.state->run.effect != 3)
		(void)usleep(1000);
	assert_non_null(strstr(h.state->run.note, "3 processes signalled in"));
	wait_gone(orphan(NAME, NULL));
	held_off(&h);
}

static void
a_pid_is_killed_once_and_never_its_successor(void **state)
{
	pid_t a = orphan(NAME, NULL);
	struct held_fault h;
	char args[40];

	(void)state;
	(void)snprintf(args, sizeof(args), "pid=%d", a);
	h = kill_on(args);
	wait_gone(a);
	held_off(&h);
	expect_refused(args, "there is no process");
}

static void
only_protected_ones_are_refused_held_down_too(void **state)
{
	pid_t a = orphan(NAME, NULL);

	(void)state;
	memcpy(held_world.protect.processes, NAME "\0", sizeof(NAME) + 1);
	expect_refused("name=" NAME, "protected by policy");
	expect_refused("name=" NAME " every=1s", "protected by policy");
	memset(&held_world.protect, 0, sizeof(held_world.protect));
	assert_int_equal(kill(a, 0), 0);
	end_orphan(a);
}

static int
begin_all(void **state)
{
	(void)state;
	if (held_world_make() < 0)
		return -1;
	fault_id_make("process_kill", held_world.dir, 0, fault_id);
	return 0;
}

static int
end_all(void **state)
{
	(void)state;
	return held_world_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_match_dies_as_it_comes),
		cmocka_unit_test(nobody_there_yet_is_no_error),
		cmocka_unit_test(held_down_means_one_signal_for_each),
		cmocka_unit_test(every_so_often_is_chosen_anew),
		cmocka_unit_test(a_pid_is_killed_once_and_never_its_successor),
		cmocka_unit_test(only_protected_ones_are_refused_held_down_too),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
