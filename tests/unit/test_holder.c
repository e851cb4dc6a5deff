/* SPDX-License-Identifier: Apache-2.0 */
/* What a holder believes of stormd's message, and what it can no longer do afterwards. */
#include "err.h"
#include "holder.h"
#include "kind.h"
#include "process.h"
#include "sanitized.h"
#include "test.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct msg_hold hold;

static void
make_hold(void)
{
	struct err e = { 0 };

	hold = (struct msg_hold){ .head.type = MSG_HOLD };
	spec_init(&hold.spec, kind_find("cpu.load"));
	assert_int_equal(spec_set(&hold.spec, "percent", "5", &e), 0);
	assert_int_equal(spec_finish(&hold.spec, &e), 0);
	hold.spec.duration = USEC_PER_SEC;
	memcpy(hold.spec.id, "7b1c09aa", FAULT_ID_LEN);
	memcpy(hold.spec.name, "load", 5);
}

static int
check(void)
{
	struct err e = { 0 };

	return hold_check(&hold, "cpu.load", "7b1c09aa", &e);
}

static void
a_sound_message_is_taken(void **state)
{
	(void)state;
	make_hold();
	assert_int_equal(check(), 0);
	memcpy(hold.protect.processes, "sshd\0etcd\0", 11);
	assert_int_equal(check(), 0);
}

static void
strings_without_an_end_are_refused(void **state)
{
	(void)state;
	make_hold();
	memset(hold.drill, 'a', sizeof(hold.drill));
	assert_int_not_equal(check(), 0);
	make_hold();
	memset(hold.protect.processes, 'a', sizeof(hold.protect.processes));
	assert_int_not_equal(check(), 0);
	/* the last string ends, the list does not */
	hold.protect.processes[sizeof(hold.protect.processes) - 1] = '\0';
	assert_int_not_equal(check(), 0);
	make_hold();
	memset(hold.protect.interfaces, 'a', sizeof(hold.protect.interfaces));
	assert_int_not_equal(check(), 0);
	make_hold();
	memset(hold.protect.paths, '/', sizeof(hold.protect.paths));
	assert_int_not_equal(check(), 0);
}

static void
another_fault_than_that_of_the_command_line_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	make_hold();
	assert_int_not_equal(hold_check(&hold, "disk.fill", "7b1c09aa", &e), 0);
	assert_int_not_equal(hold_check(&hold, "cpu.load", "7b1c09ab", &e), 0);
	hold.head.type = MSG_APPLY;
	assert_int_not_equal(check(), 0);
}

static void
a_bent_spec_is_refused(void **state)
{
	(void)state;
	make_hold();
	hold.spec.args_count = 60000;
	assert_int_not_equal(check(), 0);
	make_hold();
	hold.spec.args[0].num = INT64_MAX;
	assert_int_not_equal(check(), 0);
}

/* How a confined child ended that made this system call. */
static int
try_call(const struct fault *f, long call)
{
	struct err e = { 0 };
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		(void)close(STDERR_FILENO); /* the filter's own word is expected */
		if (holder_confine(f, &e) != 0)
			_exit(99);
		_exit(syscall(call, 0, 0, 0, 0, 0) < 0 ? errno : 0);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void
a_holder_makes_no_other_calls_than_its_own(void **state)
{
	static const struct kind powerless = { .name = "test.nothing" };
	static const int swap[] = { SYS_swapoff, -1 };
	struct fault f = { .kind = &powerless };

	(void)state;
	if (geteuid() != 0) {
		print_message("skip: needs root\n");
		skip();
	}
	if (IS_SANITIZED) {
		print_message("skip: a sanitized holder is not confined\n");
		skip();
	}
	assert_int_equal(try_call(&f, SYS_getpid), 0);
	assert_int_equal(try_call(&f, SYS_swapoff), 128 + SIGSYS);
	assert_int_equal(try_call(&f, SYS_execve), 128 + SIGSYS);
	f.runs_tools = true; /* a tool meets an old kernel, not its death */
	assert_int_equal(try_call(&f, SYS_swapoff), ENOSYS);
	f.runs_tools = false;
	f.syscalls = swap; /* allowed by the filter, and then by no capability */
	assert_int_equal(try_call(&f, SYS_swapoff), EPERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_message_is_taken),
		cmocka_unit_test(strings_without_an_end_are_refused),
		cmocka_unit_test(another_fault_than_that_of_the_command_line_is_refused),
		cmocka_unit_test(a_bent_spec_is_refused),
		cmocka_unit_test(a_holder_makes_no_other_calls_than_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
