/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.pause beyond the contract: exactly what it stopped goes on, whoever dies and
 * whatever else holds, stops or traces the same processes.  Victims count in memory that
 * the test sees, with three threads each.
 */
#include "crew.h"
#include "held.h"
#include "pidns.h"
#include "pidns_cgroup.h"
#include "test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ptrace.h>

#define NAME "storm-leader"

enum { VICTIMS_MAX = 512, THREADS = 3 };

TEST_WITHOUT_LEAK_CHECK

static _Atomic unsigned long (*counts)[THREADS]; /* of each victim */

/* --- victims ---------------------------------------------------------------------------- */

/* Of those that are made from now on. */
static useconds_t period = 2000;
static uid_t victims_uid = 0;

static void *
count_up(void *count)
{
	for (;;) {
		atomic_fetch_add((_Atomic unsigned long *)count, 1);
		(void)usleep(period);
	}
	return NULL;
}

static pid_t
victim_as(const char *name, size_t i, size_t threads)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (victims_uid != 0 && setresuid(victims_uid, victims_uid, victims_uid) < 0)
		_exit(1);
	(void)prctl(PR_SET_NAME, name);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t t = 1; t < threads; t++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, count_up, &counts[i][t]) != 0)
			_exit(1);
	}
	(void)count_up(&counts[i][0]);
	_exit(0);
}

/* Running, all its threads. */
static pid_t
victim(size_t i)
{
	pid_t pid;

	memset(&counts[i], 0, sizeof(counts[i]));
	pid = victim_as(NAME, i, THREADS);
	for (size_t t = 0; t < THREADS; t++) {
		while (atomic_load(&counts[i][t]) == 0)
			(void)usleep(500);
	}
	return pid;
}

static void
end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Does this thread count?  It is given time to, and stands still only if it never does. */
static bool
counts_on(size_t i, size_t thread, unsigned periods)
{
	const unsigned long before = atomic_load(&counts[i][thread]);

	for (unsigned p = 0; p < periods; p++) {
		if (atomic_load(&counts[i][thread]) != before)
			return true;
		(void)usleep(10000);
	}
	return false;
}

static void
assert_stands_still(size_t i)
{
	for (size_t t = 0; t < THREADS; t++)
		assert_false(counts_on(i, t, 4));
}

static void
assert_runs(size_t i)
{
	for (size_t t = 0; t < THREADS; t++)
		assert_true(counts_on(i, t, 2000));
}

static char
state_of(pid_t pid)
{
	char path[40], text[512] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	(void)!read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	return strrchr(text, ')')[2];
}

static void
await_state(pid_t pid, char state)
{
	while (state_of(pid) != state)
		(void)usleep(1000);
}

static char fault_id[FAULT_ID_LEN]; /* of this run: cgroups are the machine's */

static struct held_fault
pause_new(const char *args)
{
	return held_new_as(fault_id, "process.pause", args);
}

static struct held_fault
pause_on(const char *args)
{
	return held_on_as(fault_id, "process.pause", args);
}

/* --- faults ----------------------------------------------------------------------------- */

static void
expect_refused(const char *args, const char *why)
{
	struct held_fault h = pause_new(args);

	assert_false(held_try(&h, 's'));
	if (strstr(h.state->e.msg, why) == NULL)
		fail_msg("%s: %s", args, h.state->e.msg);
	(void)kill(h.pid, SIGKILL);
	held_end(&h);
}

/* Until the holder has noticed that somebody took the fault away. */
static void
expect_lost(struct held_fault *h, const char *why)
{
	int status;

	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	assert_true(h->state->run.lost);
	if (strstr(h->state->e.msg, why) == NULL)
		fail_msg("%s", h->state->e.msg);
	(void)close(h->channel);
}

/* What stormd does with a record when its holder has died. */
static void
undo_of(const struct held_fault *h)
{
	const struct undo_list *l = &h->state->run.undo;
	struct err e = { 0 };

	assert_ok(undo_run(held_world.ctx, l, BEAT_DISARM, &e), e);
	assert_ok(undo_check(held_world.ctx, l, BEAT_DISARM, &e), e);
	assert_ok(undo_run(held_world.ctx, l, BEAT_SWEEP, &e), e);
}

/* --- tests ------------------------------------------------------------------------------ */

static void
every_thread_stands_still_and_goes_on(void **state)
{
	static const char *const ways[] = { "auto", "ptrace", "stop" };
	pid_t a = victim(0), b = victim(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		char args[64];
		struct held_fault h;

		(void)snprintf(args, sizeof(args), "name=" NAME " how=%s", ways[i]);
		h = pause_on(args);
		assert_stands_still(0);
		assert_stands_still(1);
		assert_int_equal(h.state->run.effect, 2);
		held_off(&h);
		assert_runs(0);
		assert_runs(1);
	}
	end(a);
	end(b);
}

/* The tracer is root without the power to signal others. */
static void
another_users_process_stands_still_as_well(void **state)
{
	pid_t a;
	struct held_fault h;

	(void)state;
	memset(&counts[0], 0, sizeof(counts[0]));
	victims_uid = 64124;
	a = victim_as("storm-user", 0, THREADS);
	victims_uid = 0;
	while (atomic_load(&counts[0][THREADS - 1]) == 0)
		(void)usleep(500);
	h = pause_on("user=64124 how=ptrace");
	assert_stands_still(0);
	held_off(&h);
	assert_runs(0);
	end(a);
}

static void
what_was_stopped_before_stays_stopped(void **state)
{
	static const char *const ways[] = { "ptrace", "stop" };
	pid_t a = victim(0), b = victim(1);

	(void)state;
	assert_int_equal(kill(b, SIGSTOP), 0);
	await_state(b, 'T');
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		char args[64];
		struct held_fault h;

		(void)snprintf(args, sizeof(args), "name=" NAME " how=%s", ways[i]);
		h = pause_on(args);
		assert_stands_still(0);
		assert_int_equal(h.state->run.effect, 1);
		assert_non_null(
		    strstr(h.state->run.note, "1 stopped already, left alone"));
		held_off(&h);
		assert_runs(0);
		assert_int_equal(state_of(b), 'T');
	}
	assert_int_equal(kill(a, SIGSTOP), 0);
	await_state(a, 'T');
	expect_refused("name=" NAME, "all 2 processes that match are stopped already");
	end(a);
	end(b);
}

/* By the record alone: the kernel has let go already of what a tracer held. */
static void
the_death_of_the_holder_leaves_nobody_stopped(void **state)
{
	static const char *const ways[] = { "ptrace", "stop" };
	pid_t a = victim(0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		char args[64];
		struct held_fault h;

		(void)snprintf(args, sizeof(args), "name=" NAME " how=%s", ways[i]);
		h = pause_on(args);
		assert_stands_still(0);
		assert_int_equal(kill(h.pid, SIGKILL), 0);
		assert_int_equal(waitpid(h.pid, NULL, 0), h.pid);
		if (i == 0)
			assert_runs(0);
		undo_of(&h);
		assert_runs(0);
		undo_of(&h); /* once more is nothing more */
		assert_runs(0);
		(void)close(h.channel);
	}
	end(a);
}

static void
five_hundred_are_stopped_and_continued(void **state)
{
	static pid_t pids[500];
	struct held_fault h;

	(void)state;
	period = 200000; /* so many must leave the machine its time */
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		memset(&counts[i], 0, sizeof(counts[i]));
		pids[i] = victim_as(NAME, i, 1);
		while (atomic_load(&counts[i][0]) == 0)
			(void)usleep(500);
	}
	period = 2000;
	expect_refused("name=" NAME " how=stop", "how=ptrace has no such bound");
	h = pause_on("name=" NAME);
	assert_int_equal(h.state->run.effect, 500);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		assert_int_equal(state_of(pids[i]), 't');
	held_off(&h);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		assert_int_not_equal(state_of(pids[i]), 't');
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		end(pids[i]);
}

static void
a_sigcont_of_somebody_else_is_noticed(void **state)
{
	pid_t a = victim(0);
	struct held_fault h = pause_on("name=" NAME " how=stop");

	(void)state;
	assert_int_equal(kill(a, SIGCONT), 0);
	expect_lost(&h, "somebody continued " NAME);
	assert_runs(0);
	h = pause_on("name=" NAME " how=ptrace");
	assert_int_equal(kill(a, SIGCONT), 0);
	assert_stands_still(0); /* what is traced goes on only for its tracer */
	held_off(&h);
	assert_runs(0);
	end(a);
}

static pid_t
tracer_of(pid_t pid)
{
	char path[40], text[4096] = "";
	int fd, tracer = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)!read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	(void)sscanf(strstr(text, "TracerPid:") + 10, "%d", &tracer);
	return tracer;
}

static void
the_end_of_the_tracer_is_noticed_and_stops_nobody(void **state)
{
	pid_t a = victim(0);
	struct held_fault h = pause_on("name=" NAME " how=ptrace");

	(void)state;
	assert_int_equal(kill(tracer_of(a), SIGKILL), 0);
	expect_lost(&h, "somebody ended the tracer");
	assert_runs(0);
	undo_of(&h);
	end(a);
}

/* Its parent would wait for ever for a death that only a tracer has seen. */
static void
one_that_is_killed_while_paused_is_its_parents_to_bury(void **state)
{
	pid_t a = victim(0), b = victim(1);
	struct held_fault h = pause_on("name=" NAME " how=ptrace");

	(void)state;
	end(b);
	while (h.state->run.effect != 1)
		(void)usleep(1000);
	assert_stands_still(0);
	end(a);
	expect_lost(&h, "every process that was paused has ended");
	undo_of(&h);
}

static void
nobody_left_to_pause_is_an_error(void **state)
{
	static const char *const ways[] = { "ptrace", "stop" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		pid_t a = victim(0);
		struct held_fault h;
		char args[64];

		(void)snprintf(args, sizeof(args), "name=" NAME " how=%s", ways[i]);
		h = pause_new(args);
		held_step(&h, 's');
		end(a);
		assert_false(held_try(&h, 'a'));
		assert_non_null(strstr(h.state->e.msg, "has ended"));
		end(h.pid);
		undo_of(&h);
		(void)close(h.channel);
	}
}

/* A debugger that lets everything through. */
static pid_t
debugger(pid_t pid)
{
	int said[2], status;
	pid_t tracer, tid;
	char c;

	assert_int_equal(pipe(said), 0);
	tracer = fork();
	if (tracer == 0) {
		(void)prctl(PR_SET_NAME, "storm-debugger");
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
			_exit(1);
		(void)!write(said[1], "t", 1);
		while ((tid = waitpid(-1, &status, __WALL)) > 0) {
			int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

			if (status >> 16 == PTRACE_EVENT_STOP)
				(void)ptrace(
				    signal == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, tid,
				    NULL, NULL);
			else
				(void)ptrace(
				    PTRACE_CONT, tid, NULL, (void *)(uintptr_t)signal);
		}
		_exit(0);
	}
	assert_int_equal(read(said[0], &c, 1), 1);
	(void)close(said[0]);
	(void)close(said[1]);
	return tracer;
}

static void
what_a_debugger_holds_is_refused_or_stopped_by_signal(void **state)
{
	pid_t a = victim(0), tracer = debugger(a);
	struct held_fault h;

	(void)state;
	expect_refused("name=" NAME " how=ptrace", "is traced by storm-debugger");
	h = pause_on("name=" NAME);
	assert_non_null(strstr(h.state->run.note, "by stop"));
	assert_stands_still(0);
	held_off(&h);
	assert_runs(0);
	end(tracer);
	end(a);
}

static void
descendants_stand_still_with_their_parent(void **state)
{
	pid_t a = victim(0), parent;
	struct held_fault h;

	(void)state;
	memset(&counts[1], 0, sizeof(counts[1])); /* what an earlier victim counted */
	parent = fork();
	if (parent == 0) {
		(void)prctl(PR_SET_NAME, "storm-parent");
		(void)victim_as("storm-worker", 1, THREADS);
		for (;;)
			(void)pause();
	}
	while (atomic_load(&counts[1][THREADS - 1]) == 0)
		(void)usleep(500);
	h = pause_on("name=storm-parent children=true");
	assert_stands_still(1);
	assert_runs(0);
	assert_int_equal(h.state->run.effect, 2);
	held_off(&h);
	assert_runs(1);
	end(parent);
	end(a);
}

/* --- groups ----------------------------------------------------------------------------- */

static const char *const trees[] = { "", "freezer" };

/* The file that freezes a group, and what is written to it. */
static void
set_frozen(const struct test_group *g, bool is_frozen)
{
	if (g->tree[0] == '\0')
		group_write(g, "cgroup.freeze", is_frozen ? "1" : "0");
	else
		group_write(g, "freezer.state", is_frozen ? "FROZEN" : "THAWED");
}

static bool
is_frozen(const struct test_group *g)
{
	char text[32];

	group_read(g, g->tree[0] == '\0' ? "cgroup.freeze" : "freezer.state", text,
	    sizeof(text));
	return text[0] == '1' || text[0] == 'F';
}

static void
a_group_is_frozen_and_thawed(const char *tree)
{
	struct test_group top = group_make(tree, NULL, "storm-pause-%s");
	struct test_group below = group_make(tree, &top, "below-%s");
	pid_t a = victim(0), b = victim(1), c = victim(2);
	struct held_fault h;
	char args[200];

	group_join(&top, a);
	group_join(&below, b);
	(void)snprintf(args, sizeof(args), "cgroup=%s how=freezer", top.path);
	h = pause_on(args);
	assert_non_null(strstr(h.state->run.note, "by freezer"));
	assert_true(is_frozen(&top));
	assert_stands_still(0);
	assert_stands_still(1);
	assert_runs(2);
	assert_int_equal(h.state->run.effect, 2);
	held_off(&h);
	assert_false(is_frozen(&top));
	assert_runs(0);
	assert_runs(1);
	/* its holder dies, and the record is there */
	h = pause_on(args);
	end(h.pid);
	assert_stands_still(0);
	undo_of(&h);
	assert_runs(0);
	undo_of(&h);
	(void)close(h.channel);
	/* somebody thaws it */
	h = pause_on(args);
	set_frozen(&top, false);
	expect_lost(&h, "somebody thawed");
	end(a);
	end(b);
	end(c);
	group_remove(&below);
	undo_of(&h);
	group_remove(&top);
	undo_of(&h); /* gone is fine */
}

static void
a_frozen_group_is_refused(const char *tree)
{
	struct test_group top = group_make(tree, NULL, "storm-pause-%s");
	struct test_group below = group_make(tree, &top, "below-%s");
	pid_t a = victim(0);
	char args[200];

	group_join(&below, a);
	set_frozen(&below, true);
	(void)snprintf(args, sizeof(args), "cgroup=%s", below.path);
	expect_refused(args, "is frozen already");
	assert_true(is_frozen(&below));
	set_frozen(&below, false);
	set_frozen(&top, true);
	expect_refused(args, "is frozen already");
	set_frozen(&top, false);
	assert_runs(0);
	end(a);
	group_remove(&below);
	group_remove(&top);
}

static void
a_group_with_somebody_protected_is_not_frozen(const char *tree)
{
	struct test_group top = group_make(tree, NULL, "storm-pause-%s");
	pid_t a = victim(0), b;
	struct held_fault h;
	char args[200];

	memset(&counts[1], 0, sizeof(counts[1]));
	b = victim_as("storm-sacred", 1, THREADS);
	while (atomic_load(&counts[1][THREADS - 1]) == 0)
		(void)usleep(500);
	group_join(&top, a);
	group_join(&top, b);
	memcpy(held_world.protect.processes, "storm-sacred\0", 14);
	(void)snprintf(args, sizeof(args), "cgroup=%s how=freezer", top.path);
	expect_refused(args, "which must not be stopped");
	assert_false(is_frozen(&top));
	(void)snprintf(args, sizeof(args), "cgroup=%s", top.path);
	h = pause_on(args);
	assert_non_null(strstr(h.state->run.note, "by ptrace"));
	assert_non_null(strstr(h.state->run.note, "1 protected passed over"));
	assert_stands_still(0);
	assert_runs(1);
	held_off(&h);
	memset(&held_world.protect, 0, sizeof(held_world.protect));
	end(a);
	end(b);
	group_remove(&top);
}

static void
in_each_tree(void (*test)(const char *tree))
{
	size_t tried = 0;

	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		if (!has_tree(trees[i])) {
			printf("skip: no tree '%s' here\n", trees[i]);
			continue;
		}
		test(trees[i]);
		tried++;
	}
	if (tried == 0)
		skip();
}

static void
groups_are_frozen_and_thawed(void **state)
{
	(void)state;
	in_each_tree(a_group_is_frozen_and_thawed);
}

static void
frozen_groups_are_refused(void **state)
{
	(void)state;
	in_each_tree(a_frozen_group_is_refused);
}

static void
groups_with_somebody_protected_are_not_frozen(void **state)
{
	(void)state;
	in_each_tree(a_group_with_somebody_protected_is_not_frozen);
}

static int
begin_all(void **state)
{
	(void)state;
	counts = mmap(NULL, VICTIMS_MAX * sizeof(*counts), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED || held_world_make() < 0)
		return -1;
	fault_id_make("process_pause", held_world.dir, 0, fault_id);
	return 0;
}

static int
end_all(void **state)
{
	(void)state;
	return held_world_end();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_thread_stands_still_and_goes_on),
		cmocka_unit_test(another_users_process_stands_still_as_well),
		cmocka_unit_test(what_was_stopped_before_stays_stopped),
		cmocka_unit_test(the_death_of_the_holder_leaves_nobody_stopped),
		cmocka_unit_test(five_hundred_are_stopped_and_continued),
		cmocka_unit_test(a_sigcont_of_somebody_else_is_noticed),
		cmocka_unit_test(the_end_of_the_tracer_is_noticed_and_stops_nobody),
		cmocka_unit_test(one_that_is_killed_while_paused_is_its_parents_to_bury),
		cmocka_unit_test(nobody_left_to_pause_is_an_error),
		cmocka_unit_test(what_a_debugger_holds_is_refused_or_stopped_by_signal),
		cmocka_unit_test(descendants_stand_still_with_their_parent),
		cmocka_unit_test(groups_are_frozen_and_thawed),
		cmocka_unit_test(frozen_groups_are_refused),
		cmocka_unit_test(groups_with_somebody_protected_are_not_frozen),
	};

	/* a member of a crew is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
