/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.kill from its selectors to the deaths, in a pid namespace where everything that
 * could be hit is the test's own.
 */
#include "cleanup.h"
#include "err.h"
#include "fault.h"
#include "pidns.h"
#include "selection.h"
#include "test.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>

TEST_WITHOUT_LEAK_CHECK

static struct protect protect; /* nobody */

static struct spec
spec_of(const char *const *args)
{
	struct spec s;
	struct err e = { 0 };

	spec_init(&s, &kind_process_kill);
	for (; args[0] != NULL; args += 2)
		assert_int_equal(spec_set(&s, args[0], args[1], &e), 0);
	assert_int_equal(spec_finish(&s, &e), 0);
	return s;
}
#define SPEC(...) spec_of((const char *const[]){ __VA_ARGS__, NULL })

static size_t
choose(struct selection *c, struct spec s)
{
	struct err e = { 0 };
	int rc = selection_make(c, &s, &protect, &e);

	if (rc < 0)
		fail_msg("%s", e.msg);
	return c->count;
}

static int
refuse(struct spec s, struct err *e)
{
	struct selection c;

	*e = (struct err){ 0 };
	return selection_make(&c, &s, &protect, e);
}

static void
only_the_named_are_chosen(void **state)
{
	pid_t a = orphan("storm-web", NULL), b = orphan("storm-web", NULL),
	      c = orphan("storm-db", NULL);
	struct selection s;

	(void)state;
	assert_int_equal(choose(&s, SPEC("name", "storm-web")), 2);
	assert_int_equal(s.targets[0].id.pid, a);
	assert_int_equal(s.targets[1].id.pid, b);
	selection_release(&s);
	assert_int_equal(choose(&s, SPEC("name", "storm-db")), 1);
	assert_int_equal(s.targets[0].id.pid, c);
	selection_release(&s);
	end_orphan(a);
	end_orphan(b);
	end_orphan(c);
}

static void
selectors_are_joined_by_and(void **state)
{
	pid_t a = orphan("storm-web", NULL), b = orphan("storm-web", NULL);
	char pid[16];
	struct selection s;
	struct err e;

	(void)state;
	(void)snprintf(pid, sizeof(pid), "%d", b);
	assert_int_equal(choose(&s, SPEC("name", "storm-web", "pid", pid)), 1);
	assert_int_equal(s.targets[0].id.pid, b);
	selection_release(&s);
	assert_int_equal(refuse(SPEC("name", "storm-db", "pid", pid), &e), -ESRCH);
	assert_non_null(strstr(e.msg, "no process matches name=storm-db pid="));
	end_orphan(a);
	end_orphan(b);
}

static pid_t
start_sleep(const char *seconds)
{
	return orphan("", (const char *const[]){ "/bin/sleep", seconds, NULL });
}

static void
a_glob_is_over_the_whole_command_line(void **state)
{
	pid_t a = start_sleep("601"), b = start_sleep("602");
	struct selection s;
	struct err e;

	(void)state;
	assert_int_equal(choose(&s, SPEC("cmdline", "*602")), 1);
	assert_int_equal(s.targets[0].id.pid, b);
	selection_release(&s);
	assert_int_equal(choose(&s, SPEC("cmdline", "/bin/sleep 60[0-9]")), 2);
	selection_release(&s);
	assert_int_equal(refuse(SPEC("cmdline", "60"), &e), -ESRCH);
	end_orphan(a);
	end_orphan(b);
}

static void
a_program_is_found_by_path_and_by_the_name_of_its_file(void **state)
{
	pid_t a = start_sleep("600");
	char path[64], exe[256];
	struct selection s;
	ssize_t len;

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", a);
	len = readlink(path, exe, sizeof(exe) - 1);
	assert_true(len > 0);
	exe[len] = '\0';
	assert_int_equal(choose(&s, SPEC("exe", exe)), 1);
	assert_int_equal(s.targets[0].id.pid, a);
	selection_release(&s);
	assert_int_equal(choose(&s, SPEC("name", strrchr(exe, '/') + 1)), 1);
	selection_release(&s);
	end_orphan(a);
}

static void
a_port_means_its_listener(void **state)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET };
	socklen_t len = sizeof(to);
	char port[16];
	pid_t server;
	struct selection s;
	struct err e;

	(void)state;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	(void)snprintf(port, sizeof(port), "%d", ntohs(to.sin_port));
	assert_int_equal(refuse(SPEC("port", port), &e), -EPERM); /* only ourselves */
	server = orphan("storm-server", NULL);
	assert_int_equal(choose(&s, SPEC("port", port, "name", "storm-server")), 1);
	assert_int_equal(s.targets[0].id.pid, server);
	selection_release(&s);
	end_orphan(server);
}

static void
count_takes_the_oldest_the_newest_or_the_same_random_ones(void **state)
{
	pid_t pids[8], first;
	struct selection s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		pids[i] = orphan("storm-worker", NULL);
	assert_int_equal(choose(&s, SPEC("name", "storm-worker", "count", "2")), 2);
	assert_int_equal(s.matched, 8);
	assert_int_equal(s.targets[0].id.pid, pids[0]);
	assert_int_equal(s.targets[1].id.pid, pids[1]);
	selection_release(&s);
	(void)choose(&s, SPEC("name", "storm-worker", "count", "1", "pick", "newest"));
	assert_int_equal(s.targets[0].id.pid, pids[7]);
	selection_release(&s);
	(void)choose(&s,
	    SPEC("name", "storm-worker", "count", "3", "pick", "random", "seed", "7"));
	assert_int_equal(s.count, 3);
	first = s.targets[0].id.pid;
	selection_release(&s);
	(void)choose(&s,
	    SPEC("name", "storm-worker", "count", "3", "pick", "random", "seed", "7"));
	assert_int_equal(s.targets[0].id.pid, first);
	selection_release(&s);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		end_orphan(pids[i]);
}

static void
pid_1_the_agent_the_controller_and_policy_are_never_matched(void **state)
{
	pid_t web = orphan("storm-web", NULL), agent = orphan("storm-agent", NULL);
	struct err e;

	(void)state;
	protect.agent_pid = agent;
	assert_int_equal(refuse(SPEC("name", "storm-agent"), &e), -EPERM);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(e.msg, "storm-agent"));
	assert_non_null(strstr(e.msg, "of the agent"));
	protect.agent_pid = 0;
	protect.controller_pid = web;
	assert_int_equal(refuse(SPEC("name", "storm-web"), &e), -EPERM);
	assert_non_null(strstr(e.msg, "the controller"));
	protect.controller_pid = 0;
	memcpy(protect.processes, "sshd\0storm-web\0", 16);
	assert_int_equal(refuse(SPEC("name", "storm-web"), &e), -EPERM);
	assert_non_null(strstr(e.msg, "protected by policy"));
	memset(&protect, 0, sizeof(protect));
	assert_int_equal(refuse(SPEC("name", "test_process_ki"), &e), -EPERM);
	assert_non_null(strstr(e.msg, " 1 (pid 1)"));
	assert_non_null(strstr(e.msg, " 2 (of the agent)")); /* this test is the holder */
	end_orphan(web);
	end_orphan(agent);
}

static void
the_excluded_are_left_out(void **state)
{
	pid_t a = start_sleep("600"), b = orphan("storm-web", NULL);
	struct selection s;
	struct err e;

	(void)state;
	assert_int_equal(choose(&s, SPEC("cmdline", "*", "exclude", "storm-web")), 1);
	assert_int_equal(s.targets[0].id.pid, a);
	selection_release(&s);
	assert_int_equal(refuse(SPEC("name", "sleep", "exclude", "sleep"), &e), -ESRCH);
	assert_non_null(strstr(e.msg, "excluded"));
	end_orphan(a);
	end_orphan(b);
}

static void
a_signal_that_only_stops_is_invalid(void **state)
{
	struct spec s;
	struct err e = { 0 };

	(void)state;
	spec_init(&s, &kind_process_kill);
	assert_int_equal(spec_set(&s, "name", "storm-web", &e), 0);
	assert_int_equal(spec_set(&s, "signal", "STOP", &e), 0);
	assert_int_equal(spec_finish(&s, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "stopped for good"));
}

static struct fault_run *
prepare(struct spec *spec)
{
	static struct fault_run r;
	struct err e = { 0 };

	r = (struct fault_run){ .spec = spec, .protect = &protect, .barrier_fd = -1 };
	if (fault_process_kill.prepare(&r, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(r.undo.count, 0);
	assert_int_equal(fault_process_kill.stage(&r, &e), 0);
	return &r;
}

static void
the_signal_is_sent_and_the_deaths_are_seen(void **state)
{
	pid_t a = orphan("storm-web", NULL), b = orphan("storm-web", NULL);
	struct spec spec = SPEC("name", "storm-web");
	struct fault_run *r = prepare(&spec);
	struct err e = { 0 };

	(void)state;
	assert_non_null(strstr(r->ops, "send KILL to storm-web"));
	assert_non_null(strstr(r->note, "2 processes"));
	assert_int_equal(kill(a, 0), 0); /* nothing before apply */
	assert_int_equal(fault_process_kill.apply(r, &e), 0);
	assert_int_equal(fault_process_kill.verify(r, &e), 0);
	assert_int_equal(r->effect, 2);
	wait_gone(a);
	wait_gone(b);
}

static void
one_that_ends_before_the_signal_is_told_and_its_pid_left_alone(void **state)
{
	pid_t a = orphan("storm-web", NULL), b = orphan("storm-web", NULL);
	struct spec spec = SPEC("name", "storm-web");
	struct fault_run *r = prepare(&spec);
	struct err e = { 0 };

	(void)state;
	end_orphan(a);
	assert_int_equal(fault_process_kill.apply(r, &e), 0);
	assert_int_equal(fault_process_kill.verify(r, &e), 0);
	assert_int_equal(r->effect, 1);
	assert_non_null(strstr(r->note, "1 had ended by themselves"));
	wait_gone(b);
}

static void
nobody_left_to_signal_is_an_error(void **state)
{
	pid_t a = orphan("storm-web", NULL);
	struct spec spec = SPEC("name", "storm-web");
	struct fault_run *r = prepare(&spec);
	struct err e = { 0 };

	(void)state;
	end_orphan(a);
	assert_int_equal(fault_process_kill.apply(r, &e), -ESRCH);
	assert_non_null(strstr(e.msg, "no process left"));
}

static void
a_signal_that_is_survived_is_told(void **state)
{
	struct spec spec = SPEC("name", "storm-web", "signal", "USR1");
	pid_t a;
	struct fault_run *r;
	struct err e = { 0 };

	(void)state;
	(void)signal(SIGUSR1, SIG_IGN); /* inherited */
	a = orphan("storm-web", NULL);
	(void)signal(SIGUSR1, SIG_DFL);
	r = prepare(&spec);
	assert_int_equal(fault_process_kill.apply(r, &e), 0);
	assert_int_equal(fault_process_kill.verify(r, &e), 0);
	assert_int_equal(r->effect, 1);
	assert_non_null(strstr(r->note, "1 still alive"));
	end_orphan(a);
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
		cmocka_unit_test(only_the_named_are_chosen),
		cmocka_unit_test(selectors_are_joined_by_and),
		cmocka_unit_test(a_glob_is_over_the_whole_command_line),
		cmocka_unit_test(a_program_is_found_by_path_and_by_the_name_of_its_file),
		cmocka_unit_test(a_port_means_its_listener),
		cmocka_unit_test(
		    count_takes_the_oldest_the_newest_or_the_same_random_ones),
		cmocka_unit_test(
		    pid_1_the_agent_the_controller_and_policy_are_never_matched),
		cmocka_unit_test(the_excluded_are_left_out),
		cmocka_unit_test(a_signal_that_only_stops_is_invalid),
		cmocka_unit_test(the_signal_is_sent_and_the_deaths_are_seen),
		cmocka_unit_test(
		    one_that_ends_before_the_signal_is_told_and_its_pid_left_alone),
		cmocka_unit_test(nobody_left_to_signal_is_an_error),
		cmocka_unit_test(a_signal_that_is_survived_is_told),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, loopback_up, NULL);
}
