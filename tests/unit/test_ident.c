/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: names of faults, processes that are who they were. */
#include "clock.h"
#include "ident.h"
#include "parse.h"
#include "test.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRILL "9f0b1c2d-0000-4000-8000-0123456789ab"

static pid_t
child_that_waits(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void
uuids_are_version_4_and_differ(void **state)
{
	char a[UUID_LEN], b[UUID_LEN];

	(void)state;
	for (int i = 0; i < 100; i++) {
		uuid_make(a);
		uuid_make(b);
		assert_int_equal(parse_uuid(a, NULL), 0);
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
		assert_string_not_equal(a, b);
	}
}

static void
fault_ids_are_stable_and_tell_faults_apart(void **state)
{
	char a[FAULT_ID_LEN], b[FAULT_ID_LEN];

	(void)state;
	fault_id_make(DRILL, "slow-db", 0, a);
	fault_id_make(DRILL, "slow-db", 0, b);
	assert_string_equal(a, b);
	assert_true(is_fault_id(a));
	fault_id_make(DRILL, "slow-db", 1, b);
	assert_string_not_equal(a, b);
	fault_id_make(DRILL, "slow-dc", 0, b);
	assert_string_not_equal(a, b);
	fault_id_make(DRILL "s", "low-db", 0, b);
	assert_string_not_equal(a, b);
}

static void
fault_id_is_eight_hex_digits(void **state)
{
	(void)state;
	assert_true(is_fault_id("7b1c09aa"));
	assert_false(is_fault_id("7B1C09AA"));
	assert_false(is_fault_id("7b1c09a"));
	assert_false(is_fault_id("7b1c09aa0"));
	assert_false(is_fault_id("7b1c09ag"));
	assert_false(is_fault_id("../../.."));
	assert_false(is_fault_id(""));
}

static void
odd_names_do_not_confuse_the_start_time(void **state)
{
	struct process_id plain, odd;

	(void)state;
	assert_int_equal(process_id_get(getpid(), &plain), 0);
	assert_int_equal(prctl(PR_SET_NAME, ") S 1 (a b) 2"), 0);
	assert_int_equal(process_id_get(getpid(), &odd), 0);
	assert_true(plain.start > 0);
	assert_true(plain.start == odd.start);
	assert_int_equal(prctl(PR_SET_NAME, "test_ident"), 0);
}

static void
no_such_process_is_esrch(void **state)
{
	struct process_id id = { .pid = 0x3ffffff, .start = 1 };

	(void)state;
	assert_int_equal(process_id_get(0x3ffffff, &id), -ESRCH);
	assert_int_equal(process_id_get(0, &id), -ESRCH);
	assert_int_equal(process_id_get(-1, &id), -ESRCH);
	assert_int_equal(process_id_open(id), -ESRCH);
	assert_false(process_id_alive(id));
	assert_int_equal(process_id_kill(id, 0), 0);
}

static void
other_start_time_is_another_process(void **state)
{
	struct process_id id;
	pid_t pid = child_that_waits();

	(void)state;
	assert_int_equal(process_id_get(pid, &id), 0);
	id.start++;
	assert_int_equal(process_id_open(id), -ESRCH);
	assert_false(process_id_alive(id));
	assert_int_equal(process_id_kill(id, 1000), 0); /* nobody of that name: gone */
	id.start--;
	assert_true(process_id_alive(id)); /* and it was not touched */
	assert_int_equal(process_id_kill(id, 10000), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
kill_waits_until_it_is_gone(void **state)
{
	struct process_id id;
	pid_t pid = child_that_waits();
	int fd, status;

	(void)state;
	assert_int_equal(process_id_get(pid, &id), 0);
	fd = process_id_open(id);
	assert_true(fd >= 0);
	assert_true(process_id_alive(id));
	assert_int_equal(process_id_kill(id, 10000), 0);
	assert_false(process_id_alive(id)); /* a zombie by now, not reaped yet */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(process_id_kill(id, 0), 0);
	close(fd);
}

static void
network_namespace_is_ours(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_true(netns_inode() == st.st_ino);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uuids_are_version_4_and_differ),
		cmocka_unit_test(fault_ids_are_stable_and_tell_faults_apart),
		cmocka_unit_test(fault_id_is_eight_hex_digits),
		cmocka_unit_test(odd_names_do_not_confuse_the_start_time),
		cmocka_unit_test(no_such_process_is_esrch),
		cmocka_unit_test(other_start_time_is_another_process),
		cmocka_unit_test(kill_waits_until_it_is_gone),
		cmocka_unit_test(network_namespace_is_ours),
	};

	return cmocka_run_group_tests_name("ident", tests, NULL, NULL);
}
