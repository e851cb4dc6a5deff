/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does to itself, tried in children; and what a log line looks like. */
#include "fdio.h"
#include "log.h"
#include "process.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* 0 when fn returned 0 in a child of ours; the step that failed otherwise. */
static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
limit_to_kill(void)
{
	struct err e = { 0 };

	if (caps_limit(CAP_BIT(CAP_KILL), &e) < 0)
		return 1;
	if ((caps_permitted() & ~CAP_BIT(CAP_KILL)) != 0)
		return 2;
	if (prctl(PR_CAPBSET_READ, CAP_NET_ADMIN) != 0)
		return 3;
	if (prctl(PR_CAPBSET_READ, CAP_KILL) != 1)
		return 4;
	if (no_new_privs(&e) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 5;
	return caps_limit(0, &e) < 0 || caps_permitted() != 0 ? 6 : 0;
}

static void
capabilities_are_limited_to_what_is_kept(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip_test("needs root");
	assert_int_equal(in_child(limit_to_kill), 0);
}

static int
fortify_then_soften(void)
{
	(void)process_fortify();
	process_soften();
	return sched_getscheduler(0) == SCHED_OTHER ? 0 : 1;
}

static void
fortifying_never_fails_and_softening_takes_it_back(void **state)
{
	(void)state;
	assert_int_equal(in_child(fortify_then_soften), 0);
}

static void
program_beside_us_is_found(void **state)
{
	char path[4096];
	struct err e = { 0 };

	(void)state;
	assert_ok(program_path("test_process", path, sizeof(path), &e), e);
	assert_int_equal(access(path, X_OK), 0);
	assert_int_equal(
	    program_path("no-such-program", path, sizeof(path), &e), -ENOENT);
	assert_non_null(strstr(e.msg, LIBEXECDIR));
	assert_int_equal(program_path("test_process", path, 4, &e), -ENAMETOOLONG);
}

static const char *
logged(void (*fn)(void))
{
	static char text[4096];
	int ends[2], saved = dup(2);
	ssize_t n;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)dup2(ends[1], 2);
	close(ends[1]);
	fn();
	(void)dup2(saved, 2);
	close(saved);
	n = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
log_some(void)
{
	log_open("stormd", LOG_L_INFO);
	errno = 7;
	log_warn("fault '%s' is stuck", "7b1c09aa\n<3>stormd: forged\x1b[2J");
	assert_int_equal(errno, 7);
	log_debug("not shown");
}

static void
lines_have_a_priority_and_cannot_be_forged(void **state)
{
	(void)state;
	assert_string_equal(logged(log_some),
	    "<4>stormd: fault '7b1c09aa?<3>stormd: forged?[2J' is stuck\n");
}

static void
log_long(void)
{
	static char x[5000];

	memset(x, 'x', sizeof(x) - 1);
	log_open("stormd", LOG_L_INFO);
	log_error("%s", x);
}

static void
long_line_is_cut_and_still_a_line(void **state)
{
	const char *text = logged(log_long);

	(void)state;
	assert_true(strlen(text) > 900 && strlen(text) <= 1024);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capabilities_are_limited_to_what_is_kept),
		cmocka_unit_test(fortifying_never_fails_and_softening_takes_it_back),
		cmocka_unit_test(program_beside_us_is_found),
		cmocka_unit_test(lines_have_a_priority_and_cannot_be_forged),
		cmocka_unit_test(long_line_is_cut_and_still_a_line),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
