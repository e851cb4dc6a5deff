/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hearing of new processes from the kernel.  Not in a pid namespace, where it does not tell:
 * only the test's own children are looked for.
 */
#include "cleanup.h"
#include "err.h"
#include "pidns.h"
#include "proc_events.h"
#include "test.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>

TEST_WITHOUT_LEAK_CHECK

static struct expected {
	pid_t pid;
	unsigned seen;
} expected;

static void
on_event(void *ctx, pid_t pid)
{
	struct expected *e = ctx;

	e->seen += pid == e->pid;
}

/* The child waits until its name is known to be looked for. */
static pid_t
child(const char *program)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)usleep(20000);
		if (program != NULL)
			(void)execl(program, program, NULL);
		(void)prctl(PR_SET_NAME, "storm-renamed");
		_exit(0);
	}
	return pid;
}

static void
await_events(int fd, unsigned count)
{
	while (expected.seen < count) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int rc;

		assert_int_equal(poll(&p, 1, 60000), 1);
		rc = proc_events_read(fd, 64, on_event, &expected);
		if (rc == -ENOBUFS)
			skip(); /* a machine on which more happens than we can hear */
		assert_int_equal(rc, 0);
	}
}

static void
another_program_and_another_name_are_heard_of(void **state)
{
	static const char *const programs[] = { "/bin/true", NULL };
	struct err e = { 0 };
	int fd = proc_events_open(&e);

	(void)state;
	if (fd < 0) {
		printf("skip: %s\n", e.msg);
		skip();
	}
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		expected = (struct expected){ .pid = child(programs[i]) };
		await_events(fd, 2); /* the fork, and then what it became */
		assert_int_equal(waitpid(expected.pid, NULL, 0), expected.pid);
	}
	proc_events_close(fd);
}

static void
a_pid_namespace_is_told_that_it_hears_nothing(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		struct err e = { 0 };
		int rc;

		if (unshare(CLONE_NEWPID) < 0)
			_exit(77);
		pid = fork();
		if (pid == 0) {
			rc = proc_events_open(&e);
			_exit(rc == -EOPNOTSUPP ? 0 : 1);
		}
		(void)waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_program_and_another_name_are_heard_of),
		cmocka_unit_test(a_pid_namespace_is_told_that_it_hears_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
