/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Embedding the agent as it ships: started, found, left, lost.  In a network namespace of
 * its own, with directories of its own.
 */
#include "api.h"
#include "cleanup.h"
#include "clock.h"
#include "embed.h"
#include "fleet_ear.h"
#include "ident.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	char dir[64], host[80], state[80];
	struct agent_options options;
};

static int
place_make(void **state)
{
	static struct place p;

	(void)snprintf(p.dir, sizeof(p.dir), "/tmp/stormdrill-embed-XXXXXX");
	if (mkdtemp(p.dir) == NULL || chmod(p.dir, 0755) < 0)
		return -1;
	(void)snprintf(p.host, sizeof(p.host), "%s/run", p.dir);
	(void)snprintf(p.state, sizeof(p.state), "%s/state", p.dir);
	p.options = (struct agent_options){ .host_dir = p.host, .state_dir = p.state };
	*state = &p;
	return 0;
}

static int
place_clear(void **state)
{
	const struct place *p = *state;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", p->dir, NULL);
		_exit(127);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void
expect_answer(const struct agent *a)
{
	struct endpoint p = { .name = "here", .socket = a->socket };
	struct fleet_options o = { 0 };
	struct err e = { 0 };
	struct ear ear;

	ear_open(&ear, &o);
	assert_ok(fleet_add(ear.fleet, &p, &e), e);
	fleet_get(ear.fleet, 0, FLEET_STATUS);
	assert_true(json_is_true(json_object_get(ear_await(&ear, 1)->json, "ephemeral")));
	ear_close(&ear);
}

static void
embedded_agent_answers_and_leaves_nothing(void **state)
{
	const struct place *p = *state;
	struct err e = { 0 };
	struct agent a;

	assert_ok(agent_find(&a, &p->options, &e), e);
	assert_true(a.is_embedded);
	expect_answer(&a);
	assert_ok(agent_leave(&a, &e), e);
	assert_int_equal(access(a.run_dir, F_OK), -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody of ours is left */
}

static void
agent_that_answers_is_used_as_it_is(void **state)
{
	const struct place *p = *state;
	struct agent_options o = p->options;
	struct err e = { 0 };
	struct agent first, second;
	char run_dir[128];

	(void)snprintf(run_dir, sizeof(run_dir), "%s/" INSTANCE_DEFAULT, p->host);
	o.run_dir = run_dir;
	assert_ok(agent_find(&first, &o, &e), e);
	assert_ok(agent_find(&second, &p->options, &e), e);
	assert_false(second.is_embedded);
	assert_string_equal(second.socket, first.socket);
	assert_int_equal(second.pidfd, -1);
	assert_ok(agent_leave(&second, &e), e);
	expect_answer(&first); /* leaving somebody else's agent does not end it */
	assert_ok(agent_leave(&first, &e), e);
}

static void
killed_agent_is_cleaned_up_after(void **state)
{
	const struct place *p = *state;
	struct err e = { 0 };
	struct agent a;
	struct pollfd end;

	assert_ok(agent_find(&a, &p->options, &e), e);
	assert_int_equal(kill(a.pid, SIGKILL), 0);
	end = (struct pollfd){ .fd = a.pidfd, .events = POLLIN };
	assert_int_equal(poll(&end, 1, 20000), 1);
	assert_ok(agent_recover(&a, &e), e);
	assert_int_equal(access(a.run_dir, F_OK), -1);
}

static void
stopped_agent_is_killed_and_cleaned_up_after(void **state)
{
	const struct place *p = *state;
	struct err e = { 0 };
	struct agent a;

	assert_ok(agent_find(&a, &p->options, &e), e);
	assert_int_equal(kill(a.pid, SIGSTOP), 0);
	assert_ok(agent_recover(&a, &e), e);
	assert_int_equal(access(a.run_dir, F_OK), -1);
}

/* stormctl dies without a word: its agent must undo and go, all by itself. */
static void
agent_ends_when_we_die(void **state)
{
	const struct place *p = *state;
	struct err e = { 0 };
	struct process_id stormd;
	struct agent a;
	int ends[2], tries = 4000;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (agent_find(&a, &p->options, &e) < 0 ||
		    write(ends[1], &a, sizeof(a)) != sizeof(a))
			_exit(1);
		(void)kill(getpid(), SIGKILL);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &a, sizeof(a)), sizeof(a));
	close(ends[0]);
	if (process_id_get(a.pid, &stormd) == 0) {
		while (process_id_alive(stormd) && tries-- > 0)
			sleep_usec(5 * USEC_PER_MSEC);
		assert_false(process_id_alive(stormd));
	}
	while (access(a.run_dir, F_OK) == 0 && tries-- > 0)
		sleep_usec(5 * USEC_PER_MSEC);
	assert_int_equal(access(a.run_dir, F_OK), -1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
agent_that_cannot_start_is_an_error(void **state)
{
	const struct place *p = *state;
	struct agent_options o = p->options;
	struct err e = { 0 };
	struct agent a;

	o.policy = "/nonexistent/policy";
	assert_int_equal(agent_find(&a, &o, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "policy '/nonexistent/policy'"));
	o.policy = "/proc/self/comm"; /* not in the language of policies */
	assert_int_equal(agent_find(&a, &o, &e), -EIO);
	assert_non_null(strstr(e.msg, "embed an agent: stormd did not start"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
without_root_both_ways_out_are_said(void **state)
{
	const struct place *p = *state;
	struct err e = { 0 };
	struct agent a;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresuid(12345, 12345, 12345) < 0)
			_exit(1);
		if (agent_find(&a, &p->options, &e) != -EPERM)
			_exit(2);
		_exit(
		    strstr(e.msg, "start stormd there, or run stormctl as root") ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Programs are looked for beside the one that asks: bin is shown where this test is. */
static int
show_programs(void)
{
	char self[PATH_MAX] = "", bin[PATH_MAX];

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	*strrchr(self, '/') = '\0';
	(void)snprintf(bin, sizeof(bin), "%.*s/bin",
	    (int)(strlen(self) - strlen("/tests/unit")), self);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return mount(bin, self, NULL, MS_BIND, NULL);
}

int
main(void)
{
#define IN_PLACE(t) cmocka_unit_test_setup_teardown(t, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		IN_PLACE(embedded_agent_answers_and_leaves_nothing),
		IN_PLACE(agent_that_answers_is_used_as_it_is),
		IN_PLACE(killed_agent_is_cleaned_up_after),
		IN_PLACE(stopped_agent_is_killed_and_cleaned_up_after),
		IN_PLACE(agent_ends_when_we_die),
		IN_PLACE(agent_that_cannot_start_is_an_error),
		IN_PLACE(without_root_both_ways_out_are_said),
	};

	if (geteuid() != 0)
		skip_all("an agent of one's own needs root");
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		skip_all("no namespaces here");
	if (show_programs() < 0)
		skip_all("no bind mounts here");
	return cmocka_run_group_tests_name("embed", tests, NULL, NULL);
}
