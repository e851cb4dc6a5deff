/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups in the v2 tree: found, filled, killed, removed. */
#include "cgroup.h"
#include "cleanup.h"
#include "err.h"
#include "pidns.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

TEST_WITHOUT_LEAK_CHECK

static char name[64];

static int
open_root(void **state)
{
	static int root;
	struct err e = { 0 };

	root = cgroup_root(&e);
	if (root < 0) {
		(void)fprintf(stderr, "skip: %s\n", e.msg);
		exit(77);
	}
	*state = &root;
	return 0;
}

static int
close_root(void **state)
{
	struct err e;

	(void)cgroup_kill(*(int *)*state, name, &e);
	(void)cgroup_remove(*(int *)*state, name, &e);
	return close(*(int *)*state);
}

static void
a_group_is_killed_in_one_write_and_removed(void **state)
{
	int root = *(int *)*state, dir = -1;
	struct err e = { 0 };
	pid_t a = sleeper("storm-a"), b = sleeper("storm-b");
	int status;

	assert_int_equal(cgroup_create(root, name, &dir, &e), 0);
	assert_int_equal(cgroup_count(root, name), 0);
	assert_int_equal(cgroup_join(dir, a, &e), 0);
	assert_int_equal(cgroup_join(dir, b, &e), 0);
	assert_int_equal(cgroup_count(root, name), 2);
	assert_int_equal(cgroup_kill(root, name, &e), 0);
	assert_int_equal(waitpid(a, &status, 0), a);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(waitpid(b, &status, 0), b);
	assert_int_equal(cgroup_remove(root, name, &e), 0);
	assert_int_equal(faccessat(root, name, F_OK, 0), -1);
	assert_int_equal(e.code, 0);
	assert_int_equal(close(dir), 0);
}

static void
a_group_that_is_gone_is_said_to_be(void **state)
{
	int root = *(int *)*state;
	struct err e = { 0 };

	assert_int_equal(cgroup_count(root, name), -ENOENT);
	assert_int_equal(cgroup_remove(root, name, &e), 0);
	assert_int_equal(e.code, 0);
	assert_int_equal(cgroup_kill(root, name, &e), -ENOENT);
	assert_non_null(strstr(e.msg, name));
}

static void
a_taken_name_is_not_taken_over(void **state)
{
	int root = *(int *)*state, dir = -1, again = -1;
	struct err e = { 0 };

	assert_int_equal(cgroup_create(root, name, &dir, &e), 0);
	assert_int_equal(cgroup_create(root, name, &again, &e), -EEXIST);
	assert_int_equal(again, -1);
	assert_int_equal(close(dir), 0);
	assert_int_equal(cgroup_remove(root, name, &e), 0);
}

static void
a_group_with_somebody_in_it_is_not_removed(void **state)
{
	int root = *(int *)*state, dir = -1;
	struct err e = { 0 };
	pid_t a = sleeper("storm-a");

	assert_int_equal(cgroup_create(root, name, &dir, &e), 0);
	assert_int_equal(cgroup_join(dir, a, &e), 0);
	assert_int_equal(cgroup_remove(root, name, &e), -EBUSY);
	assert_int_equal(cgroup_count(root, name), 1);
	end_sleeper(a);
	assert_int_equal(cgroup_remove(root, name, &e), 0);
	assert_int_equal(close(dir), 0);
}

/* As under `ip netns exec`, which mounts a /sys without it. */
static void
the_tree_is_found_where_it_is_not_mounted(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, NULL), 0);
	_cleanup_close_ int root = cgroup_root(&e);
	assert_int_equal(umount("/sys/fs/cgroup"), 0);
	assert_true(root >= 0);
	assert_int_equal(faccessat(root, "cgroup.procs", F_OK, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_killed_in_one_write_and_removed),
		cmocka_unit_test(a_group_that_is_gone_is_said_to_be),
		cmocka_unit_test(a_taken_name_is_not_taken_over),
		cmocka_unit_test(a_group_with_somebody_in_it_is_not_removed),
		cmocka_unit_test(the_tree_is_found_where_it_is_not_mounted),
	};

	/* The tree is the machine's: the name tells whose it is. */
	(void)snprintf(name, sizeof(name), "stormdrill-test-%d", getpid());
	pidns_enter();
	return cmocka_run_group_tests(tests, open_root, close_root);
}
