/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd-undo beside a live agent: it asks for a halt when the lock is held, believes the
 * answer only if the records are gone too, and takes the lock itself when the one who had
 * it dies without a word.
 */
#include "test.h"

#include "pidns.h"

#include "clock.h"
#include "recover.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char dir[] = "/tmp/storm-recover.XXXXXX";
static char run_dir[64], undo_dir[80];

/* What the agent in the test does: it has the lock, and says `answer` when it is asked. */
struct agent {
	const char *answer; /* NULL: accepts and is silent */
	bool is_deaf;       /* no socket at all */
	bool dies_when_asked;
	int ready;
};

static void
serve(const struct agent *a)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	static const char wanted[] = "POST /v1/halt HTTP/1.1\r\nHost: ";
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c;
	char request[512] = "";

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/api.sock", run_dir);
	(void)unlink(at.sun_path);
	if (bind(s, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(s, 4) < 0)
		_exit(1);
	(void)!write(a->ready, "r", 1);
	c = accept(s, NULL, NULL);
	(void)!read(c, request, sizeof(request) - 1);
	if (strncmp(request, wanted, sizeof(wanted) - 1) != 0 ||
	    strstr(request, "\r\n\r\n") == NULL)
		_exit(1);
	if (a->dies_when_asked)
		_exit(0);
	if (a->answer != NULL)
		(void)!write(c, a->answer, strlen(a->answer));
	for (;;)
		(void)pause();
}

static pid_t
start(struct agent a)
{
	int said[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(said), 0);
	a.ready = said[1];
	pid = fork();
	if (pid == 0) {
		struct err e = { 0 };

		if (instance_lock(run_dir, &e) < 0)
			_exit(1);
		if (!a.is_deaf)
			serve(&a);
		(void)!write(a.ready, "r", 1);
		for (;;)
			(void)pause();
	}
	(void)close(said[1]);
	assert_int_equal(read(said[0], &c, 1), 1);
	(void)close(said[0]);
	return pid;
}

static int
halt(pid_t agent, struct err *e)
{
	int lock = -1, r = halt_or_lock(run_dir, &lock, e);

	if (r == 0)
		assert_true(lock >= 0);
	if (lock >= 0)
		(void)close(lock);
	end_sleeper(agent);
	return r;
}

static void
a_live_agent_that_halts_is_believed(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    halt(start((struct agent){ .answer = "HTTP/1.1 200 OK\r\n\r\n{}" }), &e), 1);
}

static void
an_agent_that_is_stuck_is_reported(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    halt(start((struct agent){ .answer = "HTTP/1.1 500 Oh\r\n\r\n{}" }), &e),
	    -EBUSY);
	assert_non_null(strstr(e.msg, "500"));
}

static void
an_agent_that_dies_leaves_us_its_lock(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(halt(start((struct agent){ .dies_when_asked = true }), &e), 0);
}

static void
an_agent_without_a_socket_is_waited_for(void **state)
{
	struct err e = { 0 };
	pid_t agent = start((struct agent){ .is_deaf = true });
	pid_t killer = fork();

	(void)state;
	if (killer == 0) {
		sleep_usec(200 * USEC_PER_MSEC);
		(void)kill(agent, SIGKILL);
		_exit(0);
	}
	assert_int_equal(halt(agent, &e), 0);
	(void)waitpid(killer, NULL, 0);
}

static void
garbage_for_an_answer_is_no_answer(void **state)
{
	struct err e = { 0 };
	pid_t agent = start((struct agent){ .answer = "SSH-2.0-OpenSSH_9.2\r\n" });
	pid_t killer = fork();

	(void)state;
	if (killer == 0) {
		sleep_usec(200 * USEC_PER_MSEC);
		(void)kill(agent, SIGKILL);
		_exit(0);
	}
	assert_int_equal(halt(agent, &e), 0);
	(void)waitpid(killer, NULL, 0);
}

static int
run(const char *a, const char *b, const char *c, const char *d)
{
	const char *argv[] = { "stormd-undo", a, b, c, d, NULL };
	int argc = 1;

	while (argv[argc] != NULL)
		argc++;
	optind = 0; /* getopt starts anew */
	return recover_main(argc, (char **)(uintptr_t)argv);
}

static void
a_liar_that_leaves_records_is_found_out(void **state)
{
	char path[128];
	FILE *f;
	pid_t agent;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/7e57aa01", undo_dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs("still here\n", f);
	(void)fclose(f);
	agent = start((struct agent){ .answer = "HTTP/1.1 200 OK\r\n\r\n{}" });
	assert_int_equal(run("--run-dir", run_dir, "--all", NULL), EXIT_DIRTY);
	end_sleeper(agent);
	(void)unlink(path);
}

static void
an_empty_instance_and_none_at_all_are_clean(void **state)
{
	(void)state;
	assert_int_equal(run("--run-dir", run_dir, "--list", NULL), EXIT_CLEAN);
	assert_int_equal(run("--run-dir", "/nowhere/at/all", "--all", NULL), EXIT_CLEAN);
	assert_int_equal(run("--host-dir", "/nowhere/at/all", "--all", NULL), EXIT_CLEAN);
	assert_int_equal(access("/nowhere", F_OK), -1);
}

static void
the_mark_of_an_embedded_agent_takes_its_directory_along(void **state)
{
	struct instance in = { 0 };
	char path[128];

	(void)state;
	(void)snprintf(in.run_dir, sizeof(in.run_dir), "%s", run_dir);
	(void)snprintf(path, sizeof(path), "%s/.7e57aa01.tmp", undo_dir);
	(void)fclose(fopen(path, "w"));
	instance_tidy(&in, "/nonexistent");
	assert_int_equal(access(path, F_OK), -1); /* a write that was cut off */
	assert_int_equal(access(undo_dir, F_OK), 0);
	(void)snprintf(path, sizeof(path), "%s/ephemeral", run_dir);
	(void)fclose(fopen(path, "w"));
	(void)snprintf(path, sizeof(path), "%s/7e57aa01", undo_dir);
	(void)fclose(fopen(path, "w"));
	instance_tidy(&in, "/nonexistent");
	assert_int_equal(access(path, F_OK), 0); /* an obligation keeps it */
	(void)unlink(path);
	instance_tidy(&in, "/nonexistent");
	assert_int_equal(access(run_dir, F_OK), -1);
	assert_int_equal(mkdir(run_dir, 0755), 0);
	assert_int_equal(mkdir(undo_dir, 0755), 0);
}

static void
wrong_usage_is_told_apart(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, NULL, NULL, NULL), EXIT_USAGE);
	assert_int_equal(run("--all", "--list", NULL, NULL), EXIT_USAGE);
	assert_int_equal(run("--fault", "7B1C09AA", NULL, NULL), EXIT_USAGE);
	assert_int_equal(run("--fault", "../../x", NULL, NULL), EXIT_USAGE);
	assert_int_equal(run("--instance", "../x", "--all", NULL), EXIT_USAGE);
	assert_int_equal(run("--all", "--lock-fd", "3", NULL), EXIT_USAGE);
	assert_int_equal(run("--guard", NULL, NULL, NULL), EXIT_USAGE);
	assert_int_equal(run("--all", "now", NULL, NULL), EXIT_USAGE);
	assert_int_equal(run("--frobnicate", NULL, NULL, NULL), EXIT_USAGE);
	assert_int_equal(run("--help", NULL, NULL, NULL), EXIT_CLEAN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_live_agent_that_halts_is_believed),
		cmocka_unit_test(an_agent_that_is_stuck_is_reported),
		cmocka_unit_test(an_agent_that_dies_leaves_us_its_lock),
		cmocka_unit_test(an_agent_without_a_socket_is_waited_for),
		cmocka_unit_test(garbage_for_an_answer_is_no_answer),
		cmocka_unit_test(a_liar_that_leaves_records_is_found_out),
		cmocka_unit_test(an_empty_instance_and_none_at_all_are_clean),
		cmocka_unit_test(the_mark_of_an_embedded_agent_takes_its_directory_along),
		cmocka_unit_test(wrong_usage_is_told_apart),
	};
	int failed;

	pidns_enter();
	if (mkdtemp(dir) == NULL)
		skip_all("mkdtemp: %s", strerror(errno));
	(void)snprintf(run_dir, sizeof(run_dir), "%s/test", dir);
	(void)snprintf(undo_dir, sizeof(undo_dir), "%s/undo", run_dir);
	if (mkdir(run_dir, 0755) < 0 || mkdir(undo_dir, 0755) < 0)
		skip_all("mkdir: %s", strerror(errno));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	{
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/api.sock", run_dir);
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/lock", run_dir);
		(void)unlink(path);
	}
	(void)rmdir(undo_dir);
	(void)rmdir(run_dir);
	(void)rmdir(dir);
	return failed;
}
