/* SPDX-License-Identifier: Apache-2.0 */
/* Whose packets: users by the passwd file, cgroups by a real v2 tree. */
#include "flows_owner.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "test.h"

static char passwd[] = "/tmp/stormdrill-passwd-XXXXXX";
static struct err e;

static int
make_passwd(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
				   "\n"
				   "not a line\n"
				   "www-data:x:33:33::/var/www:/usr/sbin/nologin\n"
				   "0700:x:1234:1234::/:/bin/false\n";
	int fd = mkstemp(passwd);

	(void)state;
	if (fd < 0 || write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
		return -1;
	return close(fd);
}

static int
remove_passwd(void **state)
{
	(void)state;
	return unlink(passwd);
}

static void
a_user_is_found_by_name_and_by_number(void **state)
{
	uint32_t uid = 1;

	(void)state;
	assert_ok(user_find(passwd, "root", &uid, &e), e);
	assert_int_equal(uid, 0);
	assert_ok(user_find(passwd, "www-data", &uid, &e), e);
	assert_int_equal(uid, 33);
	assert_ok(user_find("/nonexistent", "4294967294", &uid, &e), e);
	assert_int_equal(uid, 4294967294u);
}

static void
who_is_not_there_is_told(void **state)
{
	uint32_t uid;

	(void)state;
	assert_int_equal(user_find(passwd, "postgres", &uid, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "no user 'postgres' in "));
	assert_int_equal(user_find(passwd, "www", &uid, &e), -ENOENT);
	assert_int_equal(user_find(passwd, "", &uid, &e), -ENOENT);
	assert_int_equal(user_find("/nonexistent", "root", &uid, &e), -ENOENT);
	/* (uid_t)-1 means "nobody at all" to the kernel */
	assert_int_equal(user_find(passwd, "4294967295", &uid, &e), -EINVAL);
	assert_int_equal(user_find(passwd, "18446744073709551616", &uid, &e), -ENOENT);
}

static int
open_tree(void)
{
	int root = cgroup_root(&e);

	if (root < 0)
		skip_test("%s", e.msg);
	return root;
}

static void
a_cgroup_is_found_whatever_slashes_are_around_it(void **state)
{
	_cleanup_close_ int root = open_tree();
	_cleanup_close_ int dir = -1;
	char name[64], deep[96], path[128];
	struct flows f = { 0 };
	struct stat st;

	(void)state;
	(void)snprintf(name, sizeof(name), "storm-test-flows-%d", (int)getpid());
	(void)snprintf(deep, sizeof(deep), "%s/inner", name);
	assert_ok(cgroup_create(root, name, &dir, &e), e);
	assert_int_equal(mkdirat(root, deep, 0755), 0);
	(void)snprintf(path, sizeof(path), "/%s/", deep);
	assert_int_equal(fstatat(root, deep, &st, 0), 0);
	assert_ok(flows_read_cgroup(&f, root, path, &e), e);
	assert_true(f.has_cgroup);
	assert_string_equal(f.cgroup, deep);
	assert_int_equal(f.cgroup_level, 2);
	assert_true(f.cgroup_id == st.st_ino);
	assert_ok(flows_read_cgroup(&f, root, name, &e), e);
	assert_int_equal(f.cgroup_level, 1);
	assert_ok(cgroup_remove(root, deep, &e), e);
	assert_ok(cgroup_remove(root, name, &e), e);
	assert_int_equal(flows_read_cgroup(&f, root, name, &e), -ENOENT);
}

static void
no_cgroup_lies_outside_the_tree(void **state)
{
	_cleanup_close_ int root = open_tree();
	struct flows f = { 0 };
	char path[400];

	(void)state;
	assert_int_equal(flows_read_cgroup(&f, root, "/", &e), -EINVAL);
	assert_int_equal(flows_read_cgroup(&f, root, "", &e), -EINVAL);
	assert_true(flows_read_cgroup(&f, root, "../../../etc", &e) < 0);
	assert_true(flows_read_cgroup(&f, root, "cgroup.procs", &e) < 0);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(flows_read_cgroup(&f, root, path, &e), -EINVAL);
	assert_false(f.has_cgroup);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_is_found_by_name_and_by_number),
		cmocka_unit_test(who_is_not_there_is_told),
		cmocka_unit_test(a_cgroup_is_found_whatever_slashes_are_around_it),
		cmocka_unit_test(no_cgroup_lies_outside_the_tree),
	};

	return cmocka_run_group_tests(tests, make_passwd, remove_passwd);
}
