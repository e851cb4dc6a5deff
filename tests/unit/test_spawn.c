/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn() and run_tool() with real programs: what a child has, what it has not, and what
 * becomes of it.
 */
#include "cleanup.h"
#include "clock.h"
#include "ident.h"
#include "spawn.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run a shell line through run_tool; its output in `out`. */
static int
shell(const char *line, const char *input, char *out, size_t size, struct err *e)
{
	const char *argv[] = { "/bin/sh", "-c", line, NULL };
	struct run_tool t = {
		.argv = argv,
		.input = input,
		.out = out,
		.out_size = size,
		.keep_fd = -1,
		.timeout_ms = 20000,
	};

	return run_tool(&t, e);
}

static void
output_is_collected(void **state)
{
	struct err e = { 0 };
	char out[64];

	(void)state;
	assert_ok(shell("echo one; echo two", NULL, out, sizeof(out), &e), e);
	assert_string_equal(out, "one\ntwo\n");
}

static void
output_too_long_is_cut_and_the_tool_still_ends(void **state)
{
	struct err e = { 0 };
	char out[8];

	(void)state;
	assert_ok(shell("seq 1 200000", NULL, out, sizeof(out), &e), e);
	assert_string_equal(out, "1\n2\n3\n4");
}

static void
much_input_and_much_output_do_not_deadlock(void **state)
{
	size_t size = 1 << 20;
	_cleanup_free_ char *in = malloc(size), *out = malloc(size);
	struct err e = { 0 };

	(void)state;
	memset(in, 'x', size);
	in[size - 1] = '\0';
	assert_ok(shell("cat", in, out, size, &e), e);
	assert_int_equal(strlen(out), size - 1);
	assert_memory_equal(in, out, size);
}

static void
input_nobody_reads_is_no_error(void **state)
{
	size_t size = 1 << 20;
	_cleanup_free_ char *in = malloc(size);
	struct err e = { 0 };

	(void)state;
	memset(in, 'x', size);
	in[size - 1] = '\0';
	assert_ok(shell("exit 0", in, NULL, 0, &e), e);
}

static void
failure_says_the_first_line_of_stderr(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    shell("echo table full >&2; echo more >&2; exit 4", NULL, NULL, 0, &e), -EIO);
	assert_string_equal(e.msg, "sh: table full");
}

static void
silent_failure_says_the_exit_code(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(shell("exit 3", NULL, NULL, 0, &e), -EIO);
	assert_string_equal(e.msg, "sh: failed with exit code 3");
}

static void
death_by_signal_is_named(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(shell("kill -TERM $$", NULL, NULL, 0, &e), -EIO);
	assert_string_equal(e.msg, "sh: killed by signal TERM");
}

static void
tool_that_hangs_is_killed_and_reaped(void **state)
{
	const char *argv[] = { "/bin/sleep", "1000", NULL };
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 50 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(run_tool(&t, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.msg, "sleep: not done after 50 ms"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(errno, ECHILD);
}

static void
grandchild_that_keeps_the_pipe_holds_nobody_up(void **state)
{
	struct err e = { 0 };
	char out[64];
	pid_t pid;

	(void)state;
	assert_ok(shell("sleep 1000 & echo $!", NULL, out, sizeof(out), &e), e);
	pid = (pid_t)strtol(out, NULL, 10);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

static void
environment_is_path_and_lockfile(void **state)
{
	struct err e = { 0 };
	char out[4096];

	(void)state;
	setenv("XTABLES_LOCKFILE", "/tmp/lock-of-test", 1);
	setenv("LD_PRELOAD_NOT", "secret", 1);
	assert_ok(shell("exec /usr/bin/env", NULL, out, sizeof(out), &e), e);
	unsetenv("XTABLES_LOCKFILE");
	assert_non_null(strstr(out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"));
	assert_non_null(strstr(out, "XTABLES_LOCKFILE=/tmp/lock-of-test\n"));
	assert_null(strstr(out, "secret"));
	assert_null(strstr(out, "HOME="));
}

static void
only_passed_descriptors_arrive(void **state)
{
	int leak = open("/dev/null", O_RDONLY); /* not CLOEXEC, on purpose */
	int kept = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	const char *argv[] = { "/bin/ls", "/proc/self/fd", NULL };
	struct err e = { 0 };
	char out[256];
	struct run_tool t = { .argv = argv,
		.out = out,
		.out_size = sizeof(out),
		.keep_fd = kept,
		.timeout_ms = 20000 };

	(void)state;
	assert_ok(run_tool(&t, &e), e);
	assert_string_equal(out, "0\n1\n2\n3\n4\n"); /* 4 is the directory ls reads */
	close(leak);
	close(kept);
}

/* Descriptors whose numbers are each other's destinations. */
static void
overlapping_descriptors_arrive_in_order(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "cat <&3; cat <&4; cat <&5", NULL };
	_cleanup_close_ int r = -1;
	int out[2], saved[3], fds[3] = { 5, 3, 4 }, status;
	struct spawn s = { .path = argv[0],
		.argv = argv,
		.fds = fds,
		.fds_count = 3,
		.role = SPAWN_TOOL };
	struct err e = { 0 };
	char text[16] = "", name[2] = "";
	pid_t pid;
	int pidfd;

	(void)state;
	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 100);
	for (int i = 0; i < 3; i++) {
		int m = (int)syscall(SYS_memfd_create, "part", 0);
		name[0] = (char)('a' + i);
		assert_int_equal(write(m, name, 1), 1);
		lseek(m, 0, SEEK_SET);
		if (m != 3 + i) {
			dup2(m, 3 + i);
			close(m);
		}
	}
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s.out = out[1];
	assert_ok(spawn(&s, &pid, &pidfd, &e), e);
	close(out[1]);
	r = out[0];
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(read(r, text, sizeof(text) - 1), 3);
	assert_string_equal(text, "cab");
	close(pidfd);
	for (int i = 0; i < 3; i++) {
		close(3 + i);
		if (saved[i] >= 0) {
			dup2(saved[i], 3 + i);
			close(saved[i]);
		}
	}
}

static void
failing_exec_is_an_error_with_nothing_started(void **state)
{
	const char *argv[] = { "/nonexistent/tool", NULL };
	struct spawn s = { .path = argv[0], .argv = argv, .role = SPAWN_TOOL };
	struct err e = { 0 };
	pid_t pid = -1;
	int pidfd = -1;

	(void)state;
	assert_int_equal(spawn(&s, &pid, &pidfd, &e), -ENOENT);
	assert_string_equal(
	    e.msg, "execute '/nonexistent/tool': No such file or directory");
	assert_int_equal(pid, -1);
	assert_int_equal(pidfd, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
relative_path_is_refused(void **state)
{
	const char *argv[] = { "true", NULL };
	struct spawn s = { .path = "true", .argv = argv };
	struct err e = { 0 };
	pid_t pid;
	int pidfd;

	(void)state;
	assert_int_equal(spawn(&s, &pid, &pidfd, &e), -EINVAL);
}

static void
signals_are_unblocked_and_at_their_defaults(void **state)
{
	struct err e = { 0 };
	char out[512];
	sigset_t set, old;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_ok(shell("grep -E 'SigBlk|SigIgn' /proc/self/status", NULL, out,
		      sizeof(out), &e),
	    e);
	(void)signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	/* 32 and 33 are the C library's: out of reach, whatever was inherited. */
	assert_non_null(strstr(out, "SigBlk:\t0000000000000000\n"));
	assert_string_equal(out + strlen(out) - 8, "0000000\n");
}

static void
burner_dies_first_when_memory_is_short(void **state)
{
	const char *argv[] = { "/bin/cat", "/proc/self/oom_score_adj", NULL };
	int out[2];
	struct spawn s = { .path = argv[0], .argv = argv, .role = SPAWN_BURNER };
	struct err e = { 0 };
	char text[16] = "";
	pid_t pid;
	int pidfd;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s.out = out[1];
	assert_ok(spawn(&s, &pid, &pidfd, &e), e);
	close(out[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(read(out[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "500\n");
	close(out[0]);
	close(pidfd);
}

static void
user_is_changed_without_groups(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "id -u; id -G", NULL };
	int out[2];
	struct spawn s = { .path = argv[0],
		.argv = argv,
		.role = SPAWN_AGENT,
		.uid = 65534,
		.gid = 65534 };
	struct err e = { 0 };
	char text[64] = "";
	pid_t pid;
	int pidfd;

	(void)state;
	if (geteuid() != 0)
		skip_test("needs root");
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s.out = out[1];
	assert_ok(spawn(&s, &pid, &pidfd, &e), e);
	close(out[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(read(out[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "65534\n65534\n");
	close(out[0]);
	close(pidfd);
}

/* A parent that is SIGKILLed; its child's pid comes through a pipe. */
static struct process_id
orphan(enum spawn_role role)
{
	const char *argv[] = { "/bin/sleep", "1000", NULL };
	struct spawn s = { .path = argv[0], .argv = argv, .role = role };
	struct process_id id = { 0 };
	struct err e;
	int ends[2], pidfd;
	pid_t parent, pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		if (role == SPAWN_AGENT)
			s.uid = s.gid = geteuid() == 0 ? 65534 : 0;
		if (spawn(&s, &pid, &pidfd, &e) < 0 || process_id_get(pid, &id) < 0 ||
		    write(ends[1], &id, sizeof(id)) != sizeof(id))
			_exit(1);
		(void)kill(getpid(), SIGKILL);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &id, sizeof(id)), sizeof(id));
	close(ends[0]);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	return id;
}

static void
child_dies_with_its_parent_even_as_another_user(void **state)
{
	struct process_id id = orphan(SPAWN_AGENT);
	int tries = 2000;

	(void)state;
	while (process_id_alive(id) && tries-- > 0)
		sleep_usec(5 * USEC_PER_MSEC);
	assert_false(process_id_alive(id));
}

static void
guardian_survives_its_parent_in_its_own_session(void **state)
{
	struct process_id id = orphan(SPAWN_GUARDIAN);

	(void)state;
	sleep_usec(50 * USEC_PER_MSEC);
	assert_true(process_id_alive(id));
	assert_int_equal(getsid(id.pid), id.pid);
	assert_int_equal(process_id_kill(id, 10000), 0);
}

static void
child_is_out_of_reach_of_ctrl_c(void **state)
{
	struct err e = { 0 };
	char out[64];

	(void)state;
	assert_ok(
	    shell("echo $(($$ == $(ps -o pgid= -p $$)))", NULL, out, sizeof(out), &e), e);
	assert_string_equal(out, "1\n");
}

/* Its outcome once it is over, reaped. */
static int
begin_and_see(const char *path, struct err *e)
{
	const char *argv[] = { path, NULL };
	const struct spawn s = { .path = path, .argv = argv, .role = SPAWN_TOOL };
	struct spawned child;

	assert_ok(spawn_begin(&s, &child, e), *e);
	assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
	int r = spawn_outcome(&s, child.report, e);
	(void)close(child.report);
	(void)close(child.pidfd);
	return r;
}

static void
who_does_not_wait_for_exec_hears_of_it_later(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(begin_and_see("/bin/true", &e), e);
	assert_int_equal(begin_and_see("/no/such/program", &e), -ENOENT);
	assert_non_null(strstr(e.msg, "execute '/no/such/program': No such file"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_collected),
		cmocka_unit_test(output_too_long_is_cut_and_the_tool_still_ends),
		cmocka_unit_test(much_input_and_much_output_do_not_deadlock),
		cmocka_unit_test(input_nobody_reads_is_no_error),
		cmocka_unit_test(failure_says_the_first_line_of_stderr),
		cmocka_unit_test(silent_failure_says_the_exit_code),
		cmocka_unit_test(death_by_signal_is_named),
		cmocka_unit_test(tool_that_hangs_is_killed_and_reaped),
		cmocka_unit_test(grandchild_that_keeps_the_pipe_holds_nobody_up),
		cmocka_unit_test(environment_is_path_and_lockfile),
		cmocka_unit_test(only_passed_descriptors_arrive),
		cmocka_unit_test(overlapping_descriptors_arrive_in_order),
		cmocka_unit_test(failing_exec_is_an_error_with_nothing_started),
		cmocka_unit_test(who_does_not_wait_for_exec_hears_of_it_later),
		cmocka_unit_test(relative_path_is_refused),
		cmocka_unit_test(signals_are_unblocked_and_at_their_defaults),
		cmocka_unit_test(burner_dies_first_when_memory_is_short),
		cmocka_unit_test(user_is_changed_without_groups),
		cmocka_unit_test(child_dies_with_its_parent_even_as_another_user),
		cmocka_unit_test(guardian_survives_its_parent_in_its_own_session),
		cmocka_unit_test(child_is_out_of_reach_of_ctrl_c),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
