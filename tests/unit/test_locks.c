/* SPDX-License-Identifier: Apache-2.0 */
/* Which resources faults need, and that one drill has them at a time. */
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "locks.h"
#include "resources.h"
#include "test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char host_dir[] = "/tmp/storm-locks.XXXXXX";
static int locks_dir = -1;

static struct lock_owner
owner_of(const char *text, usec_t left)
{
	struct lock_owner o = { .until = clock_boottime() + left };

	(void)snprintf(o.text, sizeof(o.text), "%s", text);
	return o;
}

static bool
is_there(const char *name)
{
	return faccessat(locks_dir, name, F_OK, 0) == 0;
}

static void
the_second_is_refused_and_told_by_whom(void **state)
{
	struct lock_owner first = owner_of("drill 'a' of alice", 90 * USEC_PER_SEC);
	struct lock_owner second = owner_of("drill 'b' of bob", USEC_PER_SEC);
	struct locks a, b;
	struct err e = { 0 };

	(void)state;
	locks_init(&a, locks_dir);
	locks_init(&b, locks_dir);
	assert_int_equal(locks_take(&a, "cpu-0", &first, &e), 0);
	assert_int_equal(locks_take(&a, "cpu-0", &first, &e), 0); /* it has it already */
	assert_int_equal(a.count, 1);
	assert_int_equal(locks_take(&b, "cpu-0", &second, &e), -EBUSY);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	assert_non_null(
	    strstr(e.msg, "cpu-0 is in use by drill 'a' of alice for another 90s"));
	assert_int_equal(locks_take(&b, "cpu-1", &second, &e), 0);
	locks_release(&a);
	assert_false(is_there("cpu-0"));
	assert_int_equal(locks_take(&b, "cpu-0", &second, &e), 0);
	locks_release(&b);
	assert_false(is_there("cpu-0"));
	assert_false(is_there("cpu-1"));
}

/* The lock of somebody alive stays. */
static void
files_of_the_dead_go_when_the_next_agent_comes(void **state)
{
	struct lock_owner owner = owner_of("drill 'a' of alice", USEC_PER_SEC);
	struct locks dead, alive;
	struct err e = { 0 };
	int again = -1, status;
	pid_t pid = fork();

	(void)state;
	locks_init(&dead, locks_dir);
	locks_init(&alive, locks_dir);
	if (pid == 0)
		_exit(locks_take(&dead, "disk-8:2", &owner, &e) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(locks_take(&alive, "cpu-7", &owner, &e), 0);
	assert_true(is_there("disk-8:2"));
	assert_int_equal(locks_open(&again, host_dir, &e), 0);
	assert_false(is_there("disk-8:2"));
	assert_true(is_there("cpu-7"));
	(void)close(again);
	locks_release(&alive);
}

static void
the_kernel_lets_go_of_a_dead_owners_locks(void **state)
{
	struct lock_owner owner = owner_of("drill 'a' of alice", USEC_PER_SEC);
	struct locks l;
	struct err e = { 0 };
	pid_t pid = fork();
	int status;

	(void)state;
	locks_init(&l, locks_dir);
	if (pid == 0)
		_exit(locks_take(&l, "disk-8:1", &owner, &e) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(is_there("disk-8:1"));
	assert_int_equal(locks_take(&l, "disk-8:1", &owner, &e), 0);
	locks_release(&l);
}

/* Many processes at once: never two inside, whoever removes the file. */
static void
removing_a_file_never_lets_two_in(void **state)
{
	char inside[64];
	pid_t pid[8];
	int bad = 0;

	(void)state;
	(void)snprintf(inside, sizeof(inside), "%s/inside", host_dir);
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		pid[i] = fork();
		if (pid[i] != 0)
			continue;
		for (int n = 0; n < 400; n++) {
			struct lock_owner owner = owner_of("x", 0);
			struct err e = { 0 };
			struct locks l;

			locks_init(&l, locks_dir);
			if (locks_take(&l, "one", &owner, &e) != 0)
				continue;
			if (mkdir(inside, 0700) != 0)
				_exit(1); /* somebody else is in */
			(void)rmdir(inside);
			locks_release(&l);
		}
		_exit(0);
	}
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		int status = 1;

		(void)waitpid(pid[i], &status, 0);
		bad += status != 0;
	}
	assert_int_equal(bad, 0);
	assert_false(is_there("one"));
}

static struct spec
spec_of(const char *kind, const char *name, const char *value)
{
	struct spec s;
	struct err e = { 0 };

	spec_init(&s, kind_find(kind));
	if (spec_set(&s, name, value, &e) != 0)
		fail_msg("%s", e.msg);
	s.duration = USEC_PER_SEC;
	return s;
}

static void
loads_clash_where_they_share_a_cpu(void **state)
{
	struct spec a = spec_of("cpu.load", "cpus", "0,2-3"), b, c;

	(void)state;
	b = spec_of("cpu.load", "cpus", "3-5");
	c = spec_of("cpu.load", "cpus", "1,4");
	assert_true(resources_shared(&a, &b));
	assert_false(resources_shared(&a, &c));
	assert_true(resources_shared(&b, &c));
}

static void
loads_that_only_add_share_a_cpu(void **state)
{
	struct spec a = spec_of("cpu.load", "cpus", "0"), b = a, c = a, d = a;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(spec_set(&b, "mode", "add", &e), 0);
	assert_int_equal(spec_set(&c, "cgroup", "/web", &e), 0);
	assert_int_equal(spec_set(&d, "cgroup", "/db", &e), 0);
	assert_false(resources_shared(&a, &b));
	assert_true(resources_shared(&b, &b)); /* its double */
	assert_false(resources_shared(&c, &d));
	assert_true(resources_shared(&c, &c));
}

static void
a_disk_that_stands_still_is_shared_with_nobody(void **state)
{
	struct spec fill = spec_of("disk.fill", "path", "/proc/x");
	struct spec freeze = spec_of("disk.freeze", "path", "/proc/y");
	struct spec other = spec_of("disk.freeze", "path", "/sys");

	(void)state;
	assert_true(resources_shared(&fill, &freeze));
	assert_true(resources_shared(&freeze, &fill));
	assert_true(resources_shared(&freeze, &freeze));
	assert_false(resources_shared(&fill, &other));
	assert_false(resources_shared(&freeze, &other));
}

static void
network_faults_clash_only_with_their_double(void **state)
{
	struct spec a = spec_of("net.partition", "to", "10.0.0.0/8"), b = a;
	struct spec c = spec_of("net.partition", "to", "10.0.0.0/9");
	struct spec d = spec_of("net.delay", "to", "10.0.0.0/8");
	struct err e = { 0 };

	(void)state;
	assert_true(resources_shared(&a, &b));
	assert_false(resources_shared(&a, &c));
	assert_false(resources_shared(&a, &d));
	assert_int_equal(spec_set(&c, "pid", "812", &e), 0);
	d = c;
	assert_true(resources_shared(&c, &d));
	d = spec_of("net.partition", "to", "10.0.0.0/9");
	assert_false(resources_shared(&c, &d)); /* another network */
	assert_int_equal(spec_set(&d, "pid", "813", &e), 0);
	assert_false(resources_shared(&c, &d));
	a.duration = 0; /* a one-shot holds nothing */
	assert_false(resources_shared(&a, &b));
}

static void
cpu_lists_are_expanded_and_checked(void **state)
{
	static const char *const bad[] = { "", "x", "3-1", "-2", "1-", "5000", "1,,2",
		"0-99999999999999999999", "1,2x" };
	unsigned char set[CPUS_MAX / 8];

	(void)state;
	assert_int_equal(resources_cpus("0,2-3,2\n", set), 3);
	assert_int_equal(set[0], 0x0d);
	assert_int_equal(resources_cpus("4095", set), 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(resources_cpus(bad[i], set), -EINVAL);
}

static void
the_device_is_that_of_the_nearest_mount(void **state)
{
	static const char table[] =
	    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	    "23 22 0:5 / /var rw - tmpfs t rw\n"
	    "24 23 7:0 / /var/with\\040blank rw - ext4 /dev/loop0 rw\n"
	    "25 22 9:9 / /varx rw - ext4 x rw\n"
	    "26 22 8:2 / /srv rw - ext4 a rw\n"
	    "27 26 8:3 / /srv rw - ext4 b rw\n"
	    "garbage\n";
	static const struct {
		const char *path, *device;
	} want[] = {
		{ "/", "8:1" },
		{ "/etc", "8:1" },
		{ "/var", "0:5" },
		{ "/var/lib", "0:5" },
		{ "/variable", "8:1" },
		{ "/varx/y", "9:9" },
		{ "/var/with blank/x", "7:0" },
		{ "/srv/data", "8:3" },
	};
	char device[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(resources_device(table, want[i].path, device, 24), 0);
		assert_string_equal(device, want[i].device);
	}
	assert_int_equal(resources_device("", "/x", device, 24), -ENOENT);
}

static int
setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (mkdtemp(host_dir) == NULL)
		return -1;
	return locks_open(&locks_dir, host_dir, &e);
}

static int
teardown(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/locks", host_dir);
	return rmdir(path) == 0 && rmdir(host_dir) == 0 ? 0 : -1; /* nothing is left */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_is_refused_and_told_by_whom),
		cmocka_unit_test(files_of_the_dead_go_when_the_next_agent_comes),
		cmocka_unit_test(the_kernel_lets_go_of_a_dead_owners_locks),
		cmocka_unit_test(removing_a_file_never_lets_two_in),
		cmocka_unit_test(loads_clash_where_they_share_a_cpu),
		cmocka_unit_test(loads_that_only_add_share_a_cpu),
		cmocka_unit_test(a_disk_that_stands_still_is_shared_with_nobody),
		cmocka_unit_test(network_faults_clash_only_with_their_double),
		cmocka_unit_test(cpu_lists_are_expanded_and_checked),
		cmocka_unit_test(the_device_is_that_of_the_nearest_mount),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
