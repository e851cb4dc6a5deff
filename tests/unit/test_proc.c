/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc, in a pid namespace where everything to be found is the test's own. */
#include "cleanup.h"
#include "cpu_ran.h"
#include "err.h"
#include "pidns.h"
#include "proc.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <net/if.h>

TEST_WITHOUT_LEAK_CHECK

static int
open_dir(pid_t pid)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void
a_comm_with_parentheses_and_blanks_does_not_shift_the_fields(void **state)
{
	pid_t pid = sleeper("a) R 1 (b");
	struct process_id id;
	struct proc p;

	(void)state;
	assert_int_equal(proc_read(pid, &p), 0);
	assert_string_equal(p.comm, "a) R 1 (b");
	assert_int_equal(p.ppid, getpid());
	assert_non_null(strchr("RS", p.state)); /* on its way to sleep */
	assert_false(p.is_kernel);
	assert_int_equal(process_id_get(pid, &id), 0);
	assert_int_equal(p.id.start, id.start);
	end_sleeper(pid);
	assert_int_equal(proc_read(pid, &p), -ESRCH);
}

static void
a_directory_never_comes_to_mean_another_process(void **state)
{
	pid_t pid = sleeper("storm-first");
	_cleanup_close_ int dir = open_dir(pid);
	struct proc p;
	char comm[16];

	(void)state;
	assert_int_equal(proc_comm(dir, comm), 0);
	assert_string_equal(comm, "storm-first");
	end_sleeper(pid);
	assert_int_equal(proc_comm(dir, comm), -ESRCH);
	assert_int_equal(proc_read_at(pid, dir, &p), -ESRCH);
}

static void
cmdline_is_joined_by_blanks_and_exe_is_a_path(void **state)
{
	pid_t pid = fork();
	char text[128];
	int tries = 30000;

	(void)state;
	if (pid == 0) {
		(void)execl("/bin/sleep", "sleep", "600", (char *)NULL);
		_exit(127);
	}
	_cleanup_close_ int dir = open_dir(pid);
	while (proc_cmdline(dir, text, sizeof(text)) != 9 && tries-- > 0)
		(void)usleep(1000); /* until it has exec'd */
	assert_string_equal(text, "sleep 600");
	assert_true(proc_exe(dir, text, sizeof(text)) > 0);
	assert_string_equal(text + strlen(text) - 6, "/sleep");
	end_sleeper(pid);
}

struct seen {
	size_t count;
	pid_t pids[8];
};

static int
note_proc(void *ctx, const struct proc *p, int dir)
{
	struct seen *s = ctx;

	assert_true(dir >= 0);
	assert_true(s->count < ARRAY_LEN(s->pids));
	s->pids[s->count++] = p->id.pid;
	return 0;
}

static int
stop_at_once(void *ctx, const struct proc *p, int dir)
{
	(void)p;
	(void)dir;
	++*(int *)ctx;
	return 7;
}

static void
a_walk_sees_every_process_once_and_stops_when_told(void **state)
{
	pid_t a = sleeper("storm-a"), b = sleeper("storm-b");
	struct seen s = { 0 };
	struct err e = { 0 };
	int calls = 0;

	(void)state;
	assert_int_equal(proc_each(note_proc, &s, &e), 0);
	assert_int_equal(s.count, 4);
	assert_int_equal(s.pids[0], 1);
	assert_int_equal(s.pids[1], getpid());
	assert_int_equal(s.pids[2], a);
	assert_int_equal(s.pids[3], b);
	assert_int_equal(proc_each(stop_at_once, &calls, &e), 7);
	assert_int_equal(calls, 1);
	end_sleeper(a);
	end_sleeper(b);
}

static uint16_t
bind_to(int fd, int family)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_addr = in6addr_loopback };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr *sa =
	    family == AF_INET6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t len = family == AF_INET6 ? sizeof(v6) : sizeof(v4);

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, sa, len), 0);
	assert_int_equal(getsockname(fd, sa, &len), 0);
	return ntohs(family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

static void
listeners_are_those_who_hold_the_socket(void **state)
{
	_cleanup_close_ int tcp = socket(AF_INET6, SOCK_STREAM, 0);
	_cleanup_close_ int udp = socket(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int quiet = socket(AF_INET, SOCK_STREAM, 0);
	uint16_t port = bind_to(tcp, AF_INET6), silent = bind_to(quiet, AF_INET);
	struct err e = { 0 };
	pid_t pids[4] = { 0 }, child;

	(void)state;
	assert_int_equal(listen(tcp, 1), 0);
	assert_int_equal(proc_listeners(port, pids, 4, &e), 1);
	assert_int_equal(pids[0], getpid());
	child = sleeper("storm-worker"); /* inherits it, as a server's workers do */
	assert_int_equal(proc_listeners(port, pids, 4, &e), 2);
	assert_int_equal(pids[1], child);
	assert_int_equal(proc_listeners(port, pids, 1, &e), 2);
	end_sleeper(child);
	assert_int_equal(proc_listeners(bind_to(udp, AF_INET), pids, 4, &e), 1);
	assert_int_equal(proc_listeners(silent, pids, 4, &e), 0);
	assert_int_equal(e.code, 0);
}

static void
idle_time_is_of_each_cpu_and_never_shrinks(void **state)
{
	uint64_t before[4096], after[4096];
	struct err e = { 0 };
	size_t online = 0;

	(void)state;
	assert_int_equal(proc_cpu_idle(before, ARRAY_LEN(before), &e), 0);
	(void)usleep(50000);
	assert_int_equal(proc_cpu_idle(after, ARRAY_LEN(after), &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		if (before[i] == PROC_CPU_OFFLINE)
			continue;
		online++;
		assert_true(before[i] > 0);
		assert_true(after[i] >= before[i]);
	}
	assert_int_equal(online, sysconf(_SC_NPROCESSORS_ONLN));
}

/* Of the same CPUs, and on this one at least what this test spins. */
static void
run_time_is_of_each_cpu_where_it_is_told(void **state)
{
	static uint64_t before[4096], after[4096];
	struct cpu_ran c;
	struct err e = { 0 };
	cpu_set_t all, one;
	clock_t until;

	(void)state;
	cpu_ran_open(&c);
	assert_int_equal(c.source == CPU_RAN_NONE, cpu_ran_name(c.source)[0] == '\0');
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cpu_ran_read(&c, before, ARRAY_LEN(before), &e), 0);
	until = clock() + CLOCKS_PER_SEC / 20;
	while (clock() < until)
		;
	(void)usleep(1000); /* schedstat counts a turn when it is over */
	assert_int_equal(cpu_ran_read(&c, after, ARRAY_LEN(after), &e), 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (c.source == CPU_RAN_NONE)
			assert_true(after[i] == CPU_RAN_UNKNOWN);
		else if (CPU_ISSET(i, &one))
			assert_true(after[i] >= before[i] + 40000000);
	}
	assert_true(after[ARRAY_LEN(after) - 1] == CPU_RAN_UNKNOWN);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	if (c.tree >= 0)
		(void)close(c.tree);
}

static int
loopback_up(void **state)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_comm_with_parentheses_and_blanks_does_not_shift_the_fields),
		cmocka_unit_test(a_directory_never_comes_to_mean_another_process),
		cmocka_unit_test(cmdline_is_joined_by_blanks_and_exe_is_a_path),
		cmocka_unit_test(a_walk_sees_every_process_once_and_stops_when_told),
		cmocka_unit_test(listeners_are_those_who_hold_the_socket),
		cmocka_unit_test(idle_time_is_of_each_cpu_and_never_shrinks),
		cmocka_unit_test(run_time_is_of_each_cpu_where_it_is_told),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, loopback_up, NULL);
}
