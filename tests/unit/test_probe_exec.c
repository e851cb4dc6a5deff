/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes that run programs: real ones, in a pid namespace of the test's own, whose only
 * child besides them is the test itself, so that whatever is left behind is seen.
 */
#include "pidns.h"
#include "probing.h"
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct probe_def
shell_probe(char *argv[static 4], const char *script)
{
	argv[0] = (char *)"/bin/sh";
	argv[1] = (char *)"-c";
	argv[2] = (char *)(uintptr_t)script;
	argv[3] = NULL;
	return (struct probe_def){
		.name = "p",
		.type = PROBE_EXEC,
		.exec = { .argv = argv, .timeout = PROBING_PATIENCE },
		.rate_mhz = 20 * 1000,
		.good = { .within = PROBING_PATIENCE },
		.objective = 0.99,
	};
}

static void
expect_script(const char *script, enum sample_class class, const char *why)
{
	char *argv[4];
	struct probe_def d = shell_probe(argv, script);

	(void)expect_sample(&d, class, why);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* not even a zombie */
	assert_int_equal(errno, ECHILD);
}

static void
expect_output(
    const char *script, const char *pattern, enum sample_class class, const char *why)
{
	char *argv[4];
	struct probe_def d = shell_probe(argv, script);

	d.good.body = (char *)(uintptr_t)pattern;
	(void)expect_sample(&d, class, why);
}

static void
the_exit_status_decides(void **state)
{
	char *argv[4];
	struct probe_def d = shell_probe(argv, "exit 3");

	(void)state;
	expect_script("exit 0", SAMPLE_OK, "");
	expect_script("exit 3", SAMPLE_STATUS, "exit status 3");
	expect_script("kill -TERM $$", SAMPLE_STATUS, "killed by SIGTERM");
	d.good.exit_status = 3;
	(void)expect_sample(&d, SAMPLE_OK, "");
}

static void
the_last_words_say_why(void **state)
{
	(void)state;
	expect_script("echo first >&2; printf 'no \\033[31mdb\\n\\n' >&2; exit 1",
	    SAMPLE_STATUS, "exit status 1: no ?[31mdb");
	expect_script("seq 20000 >&2; exit 1", SAMPLE_STATUS, "exit status 1: 20000");
}

static void
output_must_match(void **state)
{
	(void)state;
	expect_output("echo 1 row", "^1 row$", SAMPLE_OK, "");
	expect_output("echo 0 rows", "^1 row$", SAMPLE_BODY, "does not match (7 bytes)");
	expect_output("echo 1 row >&2", "1 row", SAMPLE_BODY, "(0 bytes)");
	expect_output("true", "^$", SAMPLE_OK, "");
	expect_output("seq 100000", "\n99999\n", SAMPLE_BODY, "in the first 256 KiB");
	expect_output("seq 100000", "\n20000\n", SAMPLE_OK, "");
}

static void
there_is_no_shell_and_no_input(void **state)
{
	char *argv[] = { (char *)"/bin/echo", (char *)"$HOME;", NULL };
	struct probe_def d = shell_probe((char *[4]){ NULL }, "");

	(void)state;
	d.exec.argv = argv;
	d.good.body = (char *)"^\\$HOME;$";
	(void)expect_sample(&d, SAMPLE_OK, "");
	expect_output("cat; echo end", "^end$", SAMPLE_OK, "");
}

static void
who_writes_without_end_is_ended(void **state)
{
	(void)state;
	expect_output("exec yes", "y", SAMPLE_BODY, "longer than 16 MiB");
	expect_script("yes 2>/dev/null | head -c 50000000", SAMPLE_OK, "");
}

static void
what_cannot_be_executed_is_told(void **state)
{
	char path[] = "/tmp/test_probe_exec.XXXXXX";
	char *argv[] = { path, NULL };
	struct probe_def d = shell_probe((char *[4]){ NULL }, "");
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	d.exec.argv = argv;
	expect_refused(&d, "Permission denied");
	assert_int_equal(write(fd,
			     "\x7f"
			     "ELF no",
			     7),
	    7);
	assert_int_equal(fchmod(fd, 0700), 0);
	(void)close(fd);
	(void)expect_sample(&d, SAMPLE_CONNECT, "cannot be executed: Exec format error");
	assert_int_equal(unlink(path), 0);
	expect_refused(&d, "No such file");
	argv[0] = (char *)"/tmp";
	expect_refused(&d, "it is no file");
	d.exec.argv[0] = (char *)"/bin/true";
	d.good.body = (char *)"a(b";
	expect_refused(&d, "character 4");
}

/* How many processes there are besides init and this one, once the dead are reaped. */
static int
others(void)
{
	int found = 0;

	for (pid_t pid = 3; pid < 5000; pid++)
		found += kill(pid, 0) == 0;
	return found;
}

static void
expect_nobody_left(void)
{
	usec_t end = clock_boottime() + PROBING_PATIENCE;

	while (others() > 0) {
		assert_true(clock_boottime() < end);
		sleep_usec(USEC_PER_MSEC);
	}
}

static void
who_takes_too_long_is_ended_with_its_group(void **state)
{
	char *argv[4];
	struct probe_def d =
	    shell_probe(argv, "trap '' TERM HUP; sleep 1000 & sleep 1000 & wait");

	(void)state;
	d.exec.timeout = d.good.within = 300 * USEC_PER_MSEC;
	(void)expect_sample(&d, SAMPLE_TIMEOUT, "not done within 300ms");
	expect_nobody_left();
	d.exec.timeout = PROBING_PATIENCE;
	(void)expect_sample(&d, SAMPLE_SLOW, "still running after 300ms");
	expect_nobody_left();
}

static void
past_its_timeout_it_is_ended_while_the_probe_goes_on(void **state)
{
	char *argv[4];
	struct probe_def d = shell_probe(argv, "exec sleep 1000");
	struct probing p;

	(void)state;
	d.exec.timeout = d.good.within = 100 * USEC_PER_MSEC;
	probing_open(&p, &d);
	probing_run(&p, 30);
	assert_true(others() < 15); /* in flight, and a few that are dying */
	prober_free(p.prober);
	expect_nobody_left();
}

static void
what_it_leaves_behind_ends_with_it(void **state)
{
	(void)state;
	expect_script("sleep 1000 & exit 0", SAMPLE_OK, "");
	expect_nobody_left();
	expect_output("(sleep 1000; echo late) & echo now", "now", SAMPLE_OK, "");
	expect_nobody_left();
}

static void
no_more_run_at_a_time_than_may_be(void **state)
{
	char *argv[4];
	struct probe_def d = shell_probe(argv, "exec sleep 1000");
	struct probing p;

	(void)state;
	d.max_in_flight = 2;
	probing_open(&p, &d);
	probing_run(&p, 3);
	assert_int_equal(others(), 2);
	for (size_t i = 0; i < p.count; i++)
		assert_int_equal(p.sample[i].class, SAMPLE_SKIPPED);
	prober_free(p.prober);
	expect_nobody_left();
}

/* The drill may be what took it: no judgement on the system under test, and no end. */
static void
without_a_descriptor_it_is_skipped(void **state)
{
	char *argv[4];
	struct probe_def d = shell_probe(argv, "exit 0");
	struct rlimit was, few;
	struct probing p;

	(void)state;
	d.max_in_flight = 1;
	probing_open(&p, &d);
	(void)first_sent(&p);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	do { /* on a busy machine two are due at once, and there is room for one */
		p.count = 0;
		probing_run(&p, 1);
		assert_int_equal(p.sample[0].class, SAMPLE_SKIPPED);
	} while (strcmp(p.sample[0].why, "Too many open files") != 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	p.count = 0;
	assert_int_equal(first_sent(&p).class, SAMPLE_OK);
	prober_free(p.prober);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exit_status_decides),
		cmocka_unit_test(the_last_words_say_why),
		cmocka_unit_test(output_must_match),
		cmocka_unit_test(there_is_no_shell_and_no_input),
		cmocka_unit_test(who_writes_without_end_is_ended),
		cmocka_unit_test(what_cannot_be_executed_is_told),
		cmocka_unit_test(who_takes_too_long_is_ended_with_its_group),
		cmocka_unit_test(past_its_timeout_it_is_ended_while_the_probe_goes_on),
		cmocka_unit_test(what_it_leaves_behind_ends_with_it),
		cmocka_unit_test(no_more_run_at_a_time_than_may_be),
		cmocka_unit_test(without_a_descriptor_it_is_skipped),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
