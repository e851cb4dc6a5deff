/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Continuing processes and thawing cgroups by record: the one that was meant, once and
 * twice, and nothing that only looks like it.
 */
#include "cleanup.h"
#include "err.h"
#include "freeze.h"
#include "pidns.h"
#include "pidns_cgroup.h"
#include "test.h"
#include "undo.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define FAULT "7e57dd02"

TEST_WITHOUT_LEAK_CHECK

static struct undo_ctx *ctx;
static _Atomic unsigned *continued; /* how often a process was told to go on */

static void
on_cont(int signal)
{
	(void)signal;
	++*continued;
}

static pid_t
sleeper_that_counts(void)
{
	pid_t pid;

	*continued = 0;
	(void)signal(SIGCONT, on_cont);
	pid = sleeper("storm-sleeper");
	(void)signal(SIGCONT, SIG_DFL);
	return pid;
}

static char
state_of(pid_t pid)
{
	char path[40], text[512] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)!read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	return strrchr(text, ')')[2];
}

static void
stop(pid_t pid)
{
	assert_int_equal(kill(pid, SIGSTOP), 0);
	while (state_of(pid) != 'T')
		(void)usleep(1000);
}

static void
undo(struct undo u)
{
	const struct undo_list l = { .count = 1, .op = { u } };
	struct err e = { 0 };

	assert_ok(undo_run(ctx, &l, BEAT_DISARM, &e), e);
	assert_ok(undo_check(ctx, &l, BEAT_DISARM, &e), e);
}

static struct undo
continue_of(pid_t pid)
{
	struct process_id id;

	assert_int_equal(process_id_get(pid, &id), 0);
	return (struct undo){ .op = UNDO_CONTINUE, .num = { id.pid, (int64_t)id.start } };
}

static void
the_stopped_one_goes_on_and_a_running_one_is_not_bothered(void **state)
{
	pid_t pid = sleeper_that_counts();
	const struct undo u = continue_of(pid);

	(void)state;
	undo(u);
	(void)usleep(50000);
	assert_int_equal(*continued, 0);
	stop(pid);
	undo(u);
	assert_int_not_equal(state_of(pid), 'T');
	while (*continued == 0)
		(void)usleep(1000);
	undo(u);
	(void)usleep(50000);
	assert_int_equal(*continued, 1);
	end_sleeper(pid);
	undo(u); /* gone is fine */
}

static void
another_of_that_pid_stays_stopped(void **state)
{
	pid_t pid = sleeper_that_counts();
	struct undo u = continue_of(pid);

	(void)state;
	stop(pid);
	u.num[1]--;
	undo(u);
	assert_int_equal(state_of(pid), 'T');
	end_sleeper(pid);
}

static void
thaw(const char *tree)
{
	const bool is_v2 = tree[0] == '\0';
	struct test_group g = group_make(tree, NULL, "storm-thaw-%s");
	const char *file = is_v2 ? "cgroup.freeze" : "freezer.state";
	struct cgroup_place place;
	struct undo u = { 0 };
	struct err e = { 0 };
	char text[32];

	assert_ok(cgroup_place_in(tree, g.path, &place, &e), e);
	assert_ok(freeze_plan(ctx, &place, &u, &e), e);
	assert_ok(freeze_begin(ctx, &u, &e), e);
	assert_ok(freeze_await(ctx, &u, 10 * USEC_PER_SEC, &e), e);
	assert_int_equal(freeze_begin(ctx, &u, &e), -EALREADY);
	/* somebody who has the record and nothing else */
	undo_ctx_free(ctx);
	assert_ok(undo_ctx_open(&ctx, -1, false, &e), e);
	u.num[0]++; /* another group of that name */
	undo(u);
	group_read(&g, file, text, sizeof(text));
	assert_string_equal(text, is_v2 ? "1" : "FROZEN");
	u.num[0]--;
	undo(u);
	group_read(&g, file, text, sizeof(text));
	assert_string_equal(text, is_v2 ? "0" : "THAWED");
	undo(u);
	cgroup_place_close(&place);
	group_remove(&g);
	undo(u);
}

static void
the_group_that_was_meant_is_thawed(void **state)
{
	static const char *const trees[] = { "", "freezer" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		if (has_tree(trees[i]))
			thaw(trees[i]);
		else
			printf("skip: no tree '%s' here\n", trees[i]);
	}
}

static void
a_record_cannot_name_what_is_no_group(void **state)
{
	static const char *const lines[] = {
		"disarm thaw-cgroup name=../x tree=cgroup2 inode=7",
		"disarm thaw-cgroup name=/x tree=cgroup2 inode=7",
		"disarm thaw-cgroup name=x/ tree=cgroup2 inode=7",
		"disarm thaw-cgroup name=x tree=memory inode=7",
		"disarm thaw-cgroup name=x tree=cgroup2 inode=0",
		"disarm thaw-cgroup name=x\\x0ay tree=cgroup2 inode=7",
		"disarm continue-process pid=1 start=7",
		"disarm continue-process pid=-5 start=7",
		"disarm continue-process pid=5 start=-7",
		"sweep continue-process pid=5 start=7",
	};
	struct err e = { 0 };
	struct undo u;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (undo_parse(lines[i], FAULT, &u, &e) >= 0)
			fail_msg("taken: %s", lines[i]);
	}
	assert_ok(undo_parse("disarm thaw-cgroup name=a.slice/b tree=freezer inode=7",
		      FAULT, &u, &e),
	    e);
	assert_ok(undo_parse("disarm continue-process pid=5 start=7", FAULT, &u, &e), e);
}

static int
open_all(void **state)
{
	struct err e = { 0 };

	(void)state;
	continued = mmap(NULL, sizeof(*continued), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return continued == MAP_FAILED ? -1 : undo_ctx_open(&ctx, -1, true, &e);
}

static int
close_all(void **state)
{
	(void)state;
	undo_ctx_free(ctx);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_stopped_one_goes_on_and_a_running_one_is_not_bothered),
		cmocka_unit_test(another_of_that_pid_stays_stopped),
		cmocka_unit_test(the_group_that_was_meant_is_thawed),
		cmocka_unit_test(a_record_cannot_name_what_is_no_group),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
