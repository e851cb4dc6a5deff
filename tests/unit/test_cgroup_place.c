/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody's cgroup as a controller sees it, wherever this host has it: v2, v1 or some of
 * each.  The groups are made by the test, beside or below nothing but the root.
 */
#include "cgroup.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "err.h"
#include "pidns.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

TEST_WITHOUT_LEAK_CHECK

static char name[64];
static const char *const controllers[] = { "cpu", "memory", "io", "pids", "freezer" };
static struct err e;

static int
begin(void **state)
{
	(void)state;
	e = (struct err){ 0 };
	return 0;
}

/* A group of ours in the tree that has the controller; false: no tree has. */
static bool
make_group(const char *controller, struct cgroup_place *ret)
{
	struct err why = { 0 };
	struct cgroup_place root;
	int dir = -1;

	if (cgroup_place_find(controller, "/", &root, &why) < 0) {
		assert_int_equal(why.outcome, OUTCOME_UNSUPPORTED);
		(void)printf("%s: %s\n", controller, why.msg);
		return false;
	}
	assert_int_equal(cgroup_create(root.dir, name, &dir, &e), 0);
	assert_int_equal(close(dir), 0);
	cgroup_place_close(&root);
	assert_int_equal(cgroup_place_find(controller, name, ret, &e), 0);
	return true;
}

static void
end_group(struct cgroup_place *p)
{
	_cleanup_close_ int tree = cgroup_tree(p->tree, &e);

	cgroup_place_close(p);
	assert_true(tree >= 0);
	assert_int_equal(cgroup_remove(tree, name, &e), 0);
	assert_int_equal(cgroup_count(tree, name), -ENOENT);
}

static void
a_group_is_found_by_path_and_by_member(void **state)
{
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
		struct cgroup_place p, q;
		pid_t member;

		if (!make_group(controllers[i], &p))
			continue;
		seen++;
		assert_string_equal(p.path, name);
		assert_true(p.version == 2 ? p.tree[0] == '\0' : p.tree[0] != '\0');
		member = sleeper("storm-member");
		assert_int_equal(cgroup_join(p.dir, member, &e), 0);
		assert_int_equal(cgroup_place_of(controllers[i], member, &q, &e), 0);
		assert_true(q.inode == p.inode && q.version == p.version);
		assert_string_equal(q.path, p.path);
		cgroup_place_close(&q);
		assert_int_equal(kill(member, SIGKILL), 0);
		assert_int_equal(waitpid(member, NULL, 0), member);
		end_group(&p);
	}
	assert_true(seen > 0);
	assert_int_equal(e.code, 0);
}

static void
its_files_are_read_and_written(void **state)
{
	struct cgroup_place p;
	char text[64];

	(void)state;
	if (!make_group("pids", &p)) {
		(void)fprintf(stderr, "skip: no tree has the controller pids\n");
		skip();
	}
	if (p.version == 2 && cgroup_place_read(&p, "pids.max", text, sizeof(text)) < 0) {
		end_group(&p);
		(void)fprintf(
		    stderr, "skip: pids is not enabled below the root of the v2 tree\n");
		skip();
	}
	assert_int_equal(cgroup_place_write(&p, "pids.max", "17", &e), 0);
	assert_int_equal(cgroup_place_read(&p, "pids.max", text, sizeof(text)), 2);
	assert_string_equal(text, "17");
	assert_true(cgroup_place_write(&p, "pids.max", "-4", &e) < 0);
	assert_non_null(strstr(e.msg, "pids.max"));
	assert_int_equal(cgroup_place_read(&p, "no.such", text, sizeof(text)), -ENOENT);
	end_group(&p);
}

static void
what_is_not_there_is_said_with_its_tree(void **state)
{
	struct cgroup_place p;

	(void)state;
	assert_int_equal(cgroup_place_find("freezer", "/no/such/group", &p, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "/no/such/group"));
	assert_true(cgroup_place_find("nonsense", "/", &p, &e) < 0);
	assert_non_null(strstr(e.msg, "nonsense"));
	assert_true(cgroup_place_of("freezer", 4194303, &p, &e) < 0);
}

/* A path comes from who asks for a fault. */
static void
nothing_above_the_root_is_reached(void **state)
{
	static const char *const paths[] = { "..", "/../proc", "a/../../..", "./..",
		"/proc/self/cwd" };
	struct cgroup_place p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_true(cgroup_place_find("freezer", paths[i], &p, &e) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_group_is_found_by_path_and_by_member, begin),
		cmocka_unit_test_setup(its_files_are_read_and_written, begin),
		cmocka_unit_test_setup(what_is_not_there_is_said_with_its_tree, begin),
		cmocka_unit_test_setup(nothing_above_the_root_is_reached, begin),
	};

	(void)snprintf(name, sizeof(name), "stormdrill-place-%d", getpid());
	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
