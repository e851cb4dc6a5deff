/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jq filters by the real stormctl-jq: what is true, what is not and why; and filters,
 * texts and deaths that mean harm.
 */
#include "cleanup.h"
#include "fdio.h"
#include "jq_wire.h"
#include "jq_worker.h"
#include "sanitized.h"
#include "spawn.h"
#include "test.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (60 * USEC_PER_SEC)

struct heard {
	size_t filter; /* that is asked */
	int times;
	enum jq_result result;
	char why[256];
};

static void
on_answer(void *asker, enum jq_result result, const char *why)
{
	struct heard *h = asker;

	h->times++;
	h->result = result;
	(void)snprintf(h->why, sizeof(h->why), "%s", why);
}

static struct jq_worker *
open_one(const char *filter)
{
	struct jq_worker *w = NULL;
	struct err e = { 0 };

	assert_ok(jq_worker_open(&w, &filter, 1, &e), e);
	return w;
}

static void
ask_of(struct jq_worker *w, const char *text, size_t len, usec_t span, struct heard *h)
{
	const struct jq_question q = {
		.filter = h->filter,
		.text = text,
		.len = len,
		.deadline = clock_boottime() + span,
		.answer = on_answer,
		.asker = h,
	};

	*h = (struct heard){ .filter = h->filter };
	jq_worker_ask(w, &q);
	assert_int_equal(h->times, 0); /* only from run */
}

static void
wait_for(struct jq_worker *w, const struct heard *h)
{
	struct pollfd p = { .fd = jq_worker_fd(w), .events = POLLIN };
	const usec_t until = clock_boottime() + PATIENCE;

	while (h->times == 0) {
		assert_true(clock_boottime() < until);
		(void)poll(&p, 1, 1000);
		jq_worker_run(w);
	}
	assert_int_equal(h->times, 1);
}

static void
ask(struct jq_worker *w, const char *text, struct heard *h)
{
	ask_of(w, text, strlen(text), PATIENCE, h);
	wait_for(w, h);
}

struct row {
	const char *filter, *text, *why; /* NULL: it is true */
};

static void
check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		struct jq_worker *w = open_one(r->filter);
		struct heard h = { 0 };

		ask(w, r->text, &h);
		if (strcmp(h.why, r->why != NULL ? r->why : "") != 0)
			fail_msg("%s of %.40s: '%s'", r->filter, r->text, h.why);
		assert_int_equal(h.result, r->why == NULL ? JQ_TRUE : JQ_NOT_TRUE);
		jq_worker_free(w);
	}
}

static void
every_output_must_be_true(void **state)
{
	static const struct row rows[] = {
		{ ".items | length > 0", "{\"items\": [1]}", NULL },
		{ ".items | length > 0", "{\"items\": []}", "the jq filter says false" },
		{ ".[]", "[true, true]", NULL },
		{ ".[]", "[false, true]", "the jq filter says false" },
		{ ".[]", "[]", "the jq filter has no output" },
		{ ".ok", "{}", "the jq filter says null, not true" },
		{ ".n", "{\"n\": 0}", "the jq filter says 0, not true" },
		{ ".n", "{\"n\": \"true\"}", "the jq filter says string, not true" },
		{ "true, halt", "1", "the jq filter halts" },
		{ "true, error(\"no\\tstock\")", "1", "the jq filter fails: no?stock" },
		{ "error({a: 1})", "1", "the jq filter fails: {\"a\":1}" },
		{ ".a.b", "{\"a\": 1}",
		    "the jq filter fails: Cannot index number with string \"b\"" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void
a_filter_sees_its_text_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{ "$ENV == {} and env == {}", "1", NULL },
		{ "[inputs] == []", "1", NULL },
		{ "input", "1", "the jq filter fails: break" },
		{ "input_filename == null", "1", NULL },
		{ "get_search_list == []", "1", NULL },
		{ "@sh \"\\(.)\" == \"'a b'\"", "\"a b\"", NULL },
		{ "now > 0", "1", NULL },
		{ "(\"x\" | stderr | debug) == \"x\"", "1", NULL },
	};

	(void)state;
	assert_int_equal(setenv("STORMDRILL_SECRET", "x", 1), 0);
	check_rows(rows, ARRAY_LEN(rows));
}

static void
what_is_no_json_says_so(void **state)
{
	static const struct row rows[] = {
		{ "true", "", "the body is not JSON: it is empty" },
		{ "true", "{} {}", "the body is not JSON: another value follows" },
	};
	static const char *const others[] = { "{", "<html>", "{\"a\": 1} x", "[1]]",
		"\"\\ud800", "tru" };
	struct jq_worker *w = open_one("true");
	struct heard h = { 0 };

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		ask(w, others[i], &h);
		assert_int_equal(h.result, JQ_NOT_TRUE);
		assert_non_null(strstr(h.why, "the body is not JSON: "));
	}
	ask(w, "[1]", &h); /* and has harmed nothing */
	assert_int_equal(h.result, JQ_TRUE);
	jq_worker_free(w);
}

static void
a_wrong_filter_is_refused_in_the_words_of_jq(void **state)
{
	static const struct {
		const char *filter, *words;
	} wrong[] = {
		{ ".a ^ 2", "jq filter '.a ^ 2': syntax error" },
		{ "$x", "$x is not defined" },
		{ "foo", "foo/0 is not defined" },
		{ "import \"m\" as m; true", "module not found" },
		{ "include \"m\"; true", "module not found" },
		{ "import \"/etc/passwd\" as $d; true", "module not found" },
	};
	struct err e = { 0 };

	(void)state;
	assert_ok(jq_check(".a == 2", &e), e);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(jq_check(wrong[i].filter, &e), -EINVAL);
		if (strstr(e.msg, wrong[i].words) == NULL)
			fail_msg("%s: %s", wrong[i].filter, e.msg);
	}
}

static void
a_filter_that_loops_is_killed_at_its_deadline_and_the_next_is_answered(void **state)
{
	struct jq_worker *w = open_one("if . then true else (def f: f; f) end");
	struct heard stuck = { 0 }, next = { 0 };

	(void)state;
	ask_of(w, "false", 5, 500 * USEC_PER_MSEC, &stuck);
	ask_of(w, "true", 4, PATIENCE, &next);
	wait_for(w, &stuck);
	/* Or, on a machine that has no CPU for it, that. */
	if (stuck.result == JQ_NOT_TRUE)
		assert_string_equal(stuck.why, "the jq filter was not done in time");
	else
		assert_string_equal(stuck.why, "stormctl-jq got no CPU in time");
	wait_for(w, &next);
	assert_int_equal(next.result, JQ_TRUE);
	jq_worker_free(w);
}

static void
a_loop_without_a_deadline_ends_with_its_cpu(void **state)
{
	struct jq_worker *w = open_one("last(range(infinite)) == 0");
	struct heard h = { 0 };

	(void)state;
	ask(w, "1", &h);
	assert_int_equal(h.result, JQ_NOT_TRUE);
	assert_string_equal(h.why, "the jq filter takes more than 2 s of CPU");
	jq_worker_free(w);
}

static void
a_filter_that_loops_holds_up_no_other(void **state)
{
	static const char *const filters[] = { "def f: f; f", ". == 1" };
	struct jq_worker *w = NULL;
	struct heard stuck = { 0 }, other = { .filter = 1 };
	struct err e = { 0 };

	(void)state;
	assert_ok(jq_worker_open(&w, filters, 2, &e), e);
	ask_of(w, "1", 1, PATIENCE, &stuck);
	ask_of(w, "1", 1, PATIENCE, &other);
	wait_for(w, &other);
	assert_int_equal(other.result, JQ_TRUE);
	assert_int_equal(stuck.times, 0);
	jq_worker_free(w);
}

static void
a_filter_that_takes_all_memory_is_ended_and_says_so(void **state)
{
	struct heard h = { 0 };

	(void)state;
	if (IS_SANITIZED)
		skip_test("no limit on memory with a sanitizer");
	struct jq_worker *w = open_one("if . then true else (def f: [f]; f) end");
	ask(w, "false", &h);
	assert_int_equal(h.result, JQ_NOT_TRUE);
	assert_string_equal(h.why, "the jq filter needs more than 256 MiB of memory");
	ask(w, "true", &h);
	assert_int_equal(h.result, JQ_TRUE);
	jq_worker_free(w);
}

static void
a_text_as_large_as_may_be_is_looked_at_and_a_larger_one_is_not(void **state)
{
	struct jq_worker *w = open_one("length == 262142");
	_cleanup_free_ char *text = xcalloc(1, JQ_TEXT_MAX + 1);
	struct heard h = { 0 };

	(void)state;
	memset(text, 'x', JQ_TEXT_MAX + 1);
	text[0] = text[JQ_TEXT_MAX - 1] = '"';
	ask_of(w, text, JQ_TEXT_MAX, PATIENCE, &h);
	wait_for(w, &h);
	assert_string_equal(h.why, "");
	ask_of(w, text, JQ_TEXT_MAX + 1, PATIENCE, &h);
	wait_for(w, &h);
	assert_int_equal(h.result, JQ_NOT_TRUE);
	assert_string_equal(h.why, "the body is larger than 256 KiB");
	jq_worker_free(w);
}

static void
many_are_answered_each_once_and_too_many_at_once_are_turned_away(void **state)
{
	enum { MANY = 3000 };
	struct jq_worker *w = open_one(". == 1");
	struct heard *all = xcalloc(MANY, sizeof(*all));
	size_t known = 0, away = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		ask_of(w, "1", 1, PATIENCE, &all[i]);
	for (size_t i = 0; i < MANY; i++) {
		wait_for(w, &all[i]);
		known += all[i].result == JQ_TRUE;
		away += all[i].result == JQ_UNKNOWN &&
			strstr(all[i].why, "stormctl-jq was busy") != NULL;
	}
	assert_int_equal(known + away, MANY);
	assert_true(known >= 1024);
	free(all);
	jq_worker_free(w);
}

static void
who_waits_behind_another_is_not_blamed_for_its_time(void **state)
{
	struct jq_worker *w = open_one("if . then true else (def f: f; f) end");
	struct heard stuck = { 0 }, behind = { 0 };

	(void)state;
	ask_of(w, "false", 5, PATIENCE, &stuck);
	ask_of(w, "true", 4, 100 * USEC_PER_MSEC, &behind);
	wait_for(w, &behind);
	assert_int_equal(behind.result, JQ_UNKNOWN);
	assert_string_equal(
	    behind.why, "stormctl-jq was busy with other answers (1 wait)");
	jq_worker_free(w);
}

static void
who_is_forgotten_hears_nothing(void **state)
{
	struct jq_worker *w = open_one(". == 1");
	struct heard first = { 0 }, second = { 0 }, third = { 0 };

	(void)state;
	ask_of(w, "1", 1, PATIENCE, &first);
	ask_of(w, "1", 1, PATIENCE, &second);
	ask_of(w, "1", 1, PATIENCE, &third);
	jq_worker_forget(w, &first);
	jq_worker_forget(w, &second);
	wait_for(w, &third);
	assert_int_equal(first.times + second.times, 0);
	jq_worker_free(w);
}

/* --- deaths --------------------------------------------------------------------------- */

/* Our child of that name; 0: there is none. */
static pid_t
child_jq(void)
{
	char path[64], line[256];
	DIR *dir = opendir("/proc");
	struct dirent *d;
	pid_t found = 0;

	assert_non_null(dir);
	while (found == 0 && (d = readdir(dir)) != NULL) {
		int pid, parent;
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", d->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fgets(line, sizeof(line), f) != NULL &&
		    sscanf(line, "%d (stormctl-jq) %*c %d", &pid, &parent) == 2 &&
		    parent == getpid())
			found = pid;
		(void)fclose(f);
	}
	(void)closedir(dir);
	return found;
}

static bool
has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at != NULL && at > text && at[-1] == '\n' && at[strlen(line)] == '\n';
}

static void
it_can_do_nothing_but_compute(void **state)
{
	struct jq_worker *w = open_one(". == 1");
	char path[64], text[8192], limits[8192];

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", child_jq());
	assert_true(read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	assert_true(has_line(text, "NoNewPrivs:\t1"));
	assert_true(has_line(text, "CapPrm:\t0000000000000000"));
	assert_true(has_line(text, "CapEff:\t0000000000000000"));
	if (geteuid() == 0)
		assert_true(has_line(text, "Uid:\t65534\t65534\t65534\t65534"));
	if (!IS_SANITIZED)
		assert_true(has_line(text, "Seccomp:\t2"));
	(void)snprintf(path, sizeof(path), "/proc/%d/limits", child_jq());
	assert_true(read_file_at(AT_FDCWD, path, limits, sizeof(limits)) > 0);
	assert_non_null(strstr(limits, "Max open files            0 "));
	assert_non_null(strstr(limits, "Max core file size        0 "));
	if (!IS_SANITIZED)
		assert_non_null(strstr(limits, "Max address space         268435456 "));
	jq_worker_free(w);
}

static void
one_that_is_killed_from_outside_is_replaced_and_the_question_asked_again(void **state)
{
	struct jq_worker *w = open_one(". == 1");
	pid_t pid = child_jq();
	struct heard h = { 0 };

	(void)state;
	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	ask_of(w, "1", 1, PATIENCE, &h);
	assert_int_equal(kill(pid, SIGKILL), 0);
	wait_for(w, &h);
	assert_int_equal(h.result, JQ_TRUE);
	assert_int_equal(kill(pid, 0), -1); /* reaped */
	assert_true(child_jq() > 0 && child_jq() != pid);
	jq_worker_free(w);
	assert_int_equal(child_jq(), 0);
}

static void
one_that_gets_no_cpu_is_not_blamed(void **state)
{
	struct jq_worker *w = open_one(". == 1");
	pid_t pid = child_jq();
	_cleanup_free_ char *text = xcalloc(1, JQ_TEXT_MAX);
	struct heard late = { 0 }, next = { 0 };

	(void)state;
	memset(text, ' ', JQ_TEXT_MAX);
	text[0] = '1';
	assert_int_equal(kill(pid, SIGSTOP), 0);
	/* More than the socket takes: the rest of it is sent when nobody asks any more. */
	ask_of(w, text, JQ_TEXT_MAX, 100 * USEC_PER_MSEC, &late);
	wait_for(w, &late);
	assert_int_equal(late.result, JQ_UNKNOWN);
	assert_string_equal(late.why, "stormctl-jq got no CPU in time");
	assert_int_equal(kill(pid, SIGCONT), 0);
	ask_of(w, "1", 1, PATIENCE, &next);
	wait_for(w, &next);
	assert_int_equal(next.result, JQ_TRUE);
	assert_int_equal(child_jq(), pid);
	jq_worker_free(w);
}

/* --- the program ---------------------------------------------------------------------- */

/* What jq_check says to a copy of this program in a directory of its own, beside `script`
 * as its stormctl-jq, if there is one. */
static void
check_elsewhere(const char *script, char *ret, size_t size)
{
	char dir[] = "/tmp/test-jq-XXXXXX", line[2 * PATH_MAX], self[PATH_MAX] = "";
	const char *argv[] = { "/bin/sh", "-c", line, NULL };
	struct run_tool t = {
		.argv = argv,
		.out = ret,
		.out_size = size,
		.keep_fd = -1,
		.timeout_ms = 60000,
	};
	struct err e = { 0 };

	assert_non_null(mkdtemp(dir));
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	(void)snprintf(line, sizeof(line),
	    "cp '%s' %s/test && %s { echo '%s' > %s/stormctl-jq && chmod +x %s/stormctl-jq; };"
	    " %s/test check; rm -rf %s",
	    self, dir, script != NULL ? "" : "true ||", script != NULL ? script : "", dir,
	    dir, dir, dir);
	assert_ok(run_tool(&t, &e), e);
}

static void
a_program_that_is_missing_or_broken_is_an_error(void **state)
{
	char out[1024];

	(void)state;
	check_elsewhere(NULL, out, sizeof(out));
	if (strncmp(out, "0 ", 2) == 0)
		skip_test("stormctl-jq is installed on this machine");
	assert_non_null(strstr(out, "-2 program 'stormctl-jq' is neither in /tmp/"));
	check_elsewhere("#!/bin/sh\nexit 3", out, sizeof(out));
	assert_non_null(strstr(out, "jq filter 'true': stormctl-jq ended by itself (3)"));
	check_elsewhere("#!/no/such/thing", out, sizeof(out));
	assert_non_null(strstr(out, "No such file or directory"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_output_must_be_true),
		cmocka_unit_test(a_filter_sees_its_text_and_nothing_else),
		cmocka_unit_test(what_is_no_json_says_so),
		cmocka_unit_test(a_wrong_filter_is_refused_in_the_words_of_jq),
		cmocka_unit_test(
		    a_filter_that_loops_is_killed_at_its_deadline_and_the_next_is_answered),
		cmocka_unit_test(a_loop_without_a_deadline_ends_with_its_cpu),
		cmocka_unit_test(a_filter_that_loops_holds_up_no_other),
		cmocka_unit_test(a_filter_that_takes_all_memory_is_ended_and_says_so),
		cmocka_unit_test(
		    a_text_as_large_as_may_be_is_looked_at_and_a_larger_one_is_not),
		cmocka_unit_test(
		    many_are_answered_each_once_and_too_many_at_once_are_turned_away),
		cmocka_unit_test(who_waits_behind_another_is_not_blamed_for_its_time),
		cmocka_unit_test(who_is_forgotten_hears_nothing),
		cmocka_unit_test(it_can_do_nothing_but_compute),
		cmocka_unit_test(
		    one_that_is_killed_from_outside_is_replaced_and_the_question_asked_again),
		cmocka_unit_test(one_that_gets_no_cpu_is_not_blamed),
		cmocka_unit_test(a_program_that_is_missing_or_broken_is_an_error),
	};
	struct err e = { 0 };

	if (argc == 2 && strcmp(argv[1], "check") == 0) {
		int r = jq_check("true", &e);
		(void)printf("%d %s\n", r, e.msg);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
