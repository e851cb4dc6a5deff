/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crew by the work that is at hand, keeping ports: ready when it says so, ended by its
 * leash, by its cgroup or by its parent's end, and heard when it fails.
 */
#include "cgroup.h"
#include "child_group.h"
#include "crew.h"
#include "err.h"
#include "keep_page.h"
#include "pidns.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

TEST_WITHOUT_LEAK_CHECK

#define FAULT    "7e57c4e0"
#define PATIENCE (20 * USEC_PER_SEC)

static struct err e;
static struct crew crew;
static struct child_group none = { .dir = -1, .v1_dir = -1 };

static int
begin(void **state)
{
	(void)state;
	e = (struct err){ 0 };
	assert_int_equal(crew_init(&crew, &work_keep, 3, 0, &e), 0);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	crew_reap(&crew);
	return 0;
}

static void
let_go_of_the_leash(void)
{
	assert_int_equal(close(crew.leash), 0);
}

static void
every_member_has_ended(void)
{
	for (size_t i = 0; i < crew.count; i++) {
		int status = 0;

		if (crew.pid[i] == 0)
			continue;
		assert_int_equal(waitpid(crew.pid[i], &status, 0), crew.pid[i]);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		crew.pid[i] = 0;
	}
}

static void
the_leash_ends_all_of_them(void **state)
{
	(void)state;
	assert_int_equal(crew_start(&crew, FAULT, &none, PATIENCE, &e), 0);
	assert_int_equal(crew_lost(&crew, NULL), -1);
	let_go_of_the_leash();
	every_member_has_ended();
}

static void
one_that_somebody_ends_is_told_by_its_number(void **state)
{
	int status = 0, lost;

	(void)state;
	assert_int_equal(crew_start(&crew, FAULT, &none, PATIENCE, &e), 0);
	assert_int_equal(kill(crew.pid[1], SIGTERM), 0);
	while ((lost = crew_lost(&crew, &status)) < 0)
		(void)usleep(1000);
	assert_int_equal(lost, 1);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_int_equal(crew_lost(&crew, NULL), -1);
}

static void
they_are_in_their_group_before_they_are_ready(void **state)
{
	struct child_group g = none;
	int root = cgroup_root(&e);
	char group[64];

	(void)state;
	if (root < 0) {
		(void)fprintf(stderr, "skip: %s\n", e.msg);
		skip();
	}
	(void)snprintf(group, sizeof(group), "stormdrill-crew-%d", getpid());
	assert_int_equal(cgroup_create(root, group, &g.dir, &e), 0);
	assert_int_equal(crew_start(&crew, FAULT, &g, PATIENCE, &e), 0);
	assert_int_equal(cgroup_count(root, group), 3);
	assert_int_equal(cgroup_kill(root, group, &e), 0);
	every_member_has_ended();
	assert_int_equal(cgroup_remove(root, group, &e), 0);
	assert_int_equal(close(g.dir), 0);
	assert_int_equal(close(root), 0);
}

/* More sockets than a process may have: the member says so, not its holder.  The last test:
 * a hard limit does not come back without a capability. */
static void
a_member_that_fails_is_heard(void **state)
{
	struct keep_page *page = crew.page;
	struct rlimit few = { 64, 64 };

	(void)state;
	page->protocol = 6;
	page->slot[2].count = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(crew_start(&crew, FAULT, &none, PATIENCE, &e), -EMFILE);
	assert_non_null(strstr(e.msg, "200 sockets"));
}

static void
started_by_hand_it_does_nothing(void **state)
{
	char *args[] = { (char *)"stormd-fault", (char *)"--work", (char *)"no-such",
		(char *)"0", (char *)FAULT, NULL };

	(void)state;
	assert_int_equal(crew_main(5, args), 2);
	args[2] = (char *)"keep";
	args[3] = (char *)"1024";
	assert_int_equal(crew_main(5, args), 2);
	assert_int_equal(crew_main(3, args), 2);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_leash_ends_all_of_them, begin, end),
		cmocka_unit_test_setup_teardown(
		    one_that_somebody_ends_is_told_by_its_number, begin, end),
		cmocka_unit_test_setup_teardown(
		    they_are_in_their_group_before_they_are_ready, begin, end),
		cmocka_unit_test(started_by_hand_it_does_nothing),
		cmocka_unit_test_setup_teardown(a_member_that_fails_is_heard, begin, end),
	};

	/* a member of a crew is this program again */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
