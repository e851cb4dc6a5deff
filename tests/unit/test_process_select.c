/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The selectors that the process family shares beyond a name: expressions, owners, groups,
 * descendants, shares; and who is passed over.  In a pid namespace where everything that
 * could be hit is the test's own.
 */
#include "cleanup.h"
#include "err.h"
#include "fault.h"
#include "glob.h"
#include "pidns.h"
#include "pidns_cgroup.h"
#include "selection.h"
#include "xalloc.h"
#include <errno.h>
#include <string.h>

TEST_WITHOUT_LEAK_CHECK

static struct protect protect; /* nobody */

static int
try_spec(struct spec *s, const char *const *args, struct err *e)
{
	spec_init(s, &kind_process_kill);
	for (; args[0] != NULL; args += 2) {
		if (spec_set(s, args[0], args[1], e) < 0)
			return e->code;
	}
	return spec_finish(s, e);
}

static struct spec
spec_of(const char *const *args)
{
	struct spec s;
	struct err e = { 0 };

	assert_ok(try_spec(&s, args, &e), e);
	return s;
}
#define SPEC(...) spec_of((const char *const[]){ __VA_ARGS__, NULL })

static void
expect_invalid(const char *why, const char *const *args)
{
	struct spec s;
	struct err e = { 0 };

	assert_int_equal(try_spec(&s, args, &e), -EINVAL);
	if (strstr(e.msg, why) == NULL)
		fail_msg("%s", e.msg);
}
#define INVALID(why, ...) expect_invalid(why, (const char *const[]){ __VA_ARGS__, NULL })

static size_t
choose(struct selection *c, struct spec s)
{
	struct err e = { 0 };

	assert_ok(selection_make(c, &s, &protect, &e), e);
	return c->count;
}

static size_t
count_of(struct spec s)
{
	struct selection c;
	size_t count = choose(&c, s);

	selection_release(&c);
	return count;
}

static int
refuse(struct spec s, struct err *e)
{
	struct selection c;

	*e = (struct err){ 0 };
	return selection_make(&c, &s, &protect, e);
}

static pid_t
start_sleep(const char *seconds)
{
	return orphan("", (const char *const[]){ "/bin/sleep", seconds, NULL });
}

/* --- tests ------------------------------------------------------------------------------ */

static void
an_expression_matches_somewhere_in_the_command_line(void **state)
{
	pid_t a = start_sleep("601"), b = start_sleep("602"), c = start_sleep("6020");
	struct selection s;
	struct err e;

	(void)state;
	assert_int_equal(count_of(SPEC("cmdline_regex", "sleep 60[12]$")), 2);
	assert_int_equal(choose(&s, SPEC("cmdline_regex", " 602$")), 1);
	assert_int_equal(s.targets[0].id.pid, b);
	selection_release(&s);
	assert_int_equal(
	    count_of(SPEC("cmdline_regex", "602", "cmdline", "*6020")), 1); /* and */
	assert_int_equal(refuse(SPEC("cmdline_regex", "^602"), &e), -ESRCH);
	assert_non_null(strstr(e.msg, "cmdline_regex=^602"));
	end_orphan(a);
	end_orphan(b);
	end_orphan(c);
}

static void
what_cannot_be_meant_is_invalid(void **state)
{
	(void)state;
	INVALID("character 2: a '(' is not closed", "cmdline_regex", "(");
	INVALID("nothing before this '*'", "cmdline_regex", "*nginx*");
	INVALID("out of range", "name", "x", "percent", "0");
	INVALID("finer than", "name", "x", "percent", "0.0001%");
	INVALID("one of them", "name", "x", "percent", "50%", "count", "2");
	INVALID("neither a name nor a number", "user", "a b");
	INVALID("every process", "cgroup", "/");
	INVALID("from the root of the cgroups", "cgroup", "/sys/fs/cgroup/x");
	INVALID("cannot be the id", "container", "../x");
	INVALID("cannot be the name", "unit", "a/b");
	INVALID("pick=random", "name", "x", "seed", "1");
	INVALID("needs at least one of name", "count", "2");
	INVALID("needs a 'for'", "name", "x", "every", "1s");
}

static void
a_user_is_the_effective_one_by_name_or_number(void **state)
{
	static const uid_t uid = 64123;
	pid_t a, b;
	struct selection s;
	struct err e;

	(void)state;
	/* a daemon that dropped its privileges: its files in /proc are root's */
	assert_int_equal(setresuid(0, uid, 0), 0);
	a = orphan("storm-user", NULL);
	assert_int_equal(setresuid(0, 0, 0), 0);
	b = orphan("storm-user", NULL);
	assert_int_equal(choose(&s, SPEC("user", "64123")), 1);
	assert_int_equal(s.targets[0].id.pid, a);
	selection_release(&s);
	assert_int_equal(choose(&s, SPEC("name", "storm-user", "user", "root")), 1);
	assert_int_equal(s.targets[0].id.pid, b);
	selection_release(&s);
	assert_int_equal(refuse(SPEC("user", "no-such-user-here"), &e), -ENOENT);
	end_orphan(a);
	end_orphan(b);
}

static void
a_cgroup_means_all_below_it_in_either_tree(void **state)
{
	static const char *const trees[] = { "", "freezer" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		struct test_group top, below;
		pid_t a, b;
		struct err e;

		if (!has_tree(trees[i])) {
			printf("skip: no tree '%s' here\n", trees[i]);
			continue;
		}
		top = group_make(trees[i], NULL, "storm-test-%s");
		below = group_make(trees[i], &top, "below-%s");
		a = orphan("storm-grouped", NULL);
		b = orphan("storm-grouped", NULL);
		group_join(&top, a);
		group_join(&below, b);
		assert_int_equal(count_of(SPEC("cgroup", top.path)), 2);
		assert_int_equal(count_of(SPEC("cgroup", below.path)), 1);
		top.path[strlen(top.path) - 1] = '\0'; /* half a name is another's */
		assert_int_equal(refuse(SPEC("cgroup", top.path), &e), -ESRCH);
		end_orphan(a);
		end_orphan(b);
		(void)snprintf(top.path, sizeof(top.path), "%.*s",
		    (int)(strrchr(below.path, '/') - below.path), below.path);
		group_remove(&below);
		group_remove(&top);
	}
}

static void
a_unit_is_a_component_of_the_cgroup(void **state)
{
	struct test_group slice, unit;
	char name[64];
	struct err e;
	pid_t a;

	(void)state;
	if (!has_tree(""))
		skip();
	slice = group_make("", NULL, "storm%s.slice");
	unit = group_make("", &slice, "storm%s.service");
	a = orphan("storm-unit", NULL);
	group_join(&unit, a);
	(void)snprintf(name, sizeof(name), "%s", strrchr(unit.path, '/') + 1);
	assert_int_equal(count_of(SPEC("unit", name)), 1);
	*strrchr(name, '.') = '\0';
	assert_int_equal(count_of(SPEC("unit", name)), 1); /* a service is meant */
	assert_int_equal(count_of(SPEC("unit", slice.path + 1)), 1);
	name[strlen(name) - 1] = '\0';
	assert_int_equal(refuse(SPEC("unit", name), &e), -ESRCH);
	end_orphan(a);
	group_remove(&unit);
	group_remove(&slice);
}

static void
a_container_is_found_by_its_id(void **state)
{
	static const char id[] =
	    "3f2a9c0d1e4b3f2a9c0d1e4b3f2a9c0d1e4b3f2a9c0d1e4b3f2a9c0d"
	    "1e4b77aa";
	struct test_group top, scope;
	struct err e;
	char name[128];
	pid_t a, b;

	(void)state;
	if (!has_tree(""))
		skip();
	top = group_make("", NULL, "storm-containers-%s");
	(void)snprintf(name, sizeof(name), "docker-%s.scope", id);
	scope = group_make("", &top, name);
	a = orphan("storm-inside", NULL);
	b = orphan("storm-inside", NULL);
	group_join(&scope, a);
	assert_int_equal(count_of(SPEC("container", id)), 1);
	assert_int_equal(
	    count_of(SPEC("container", "3f2a9c0d1e4b", "name", "storm-inside")), 1);
	assert_int_equal(refuse(SPEC("container", "aaaaaaaaaaaa"), &e), -ESRCH);
	end_orphan(a);
	end_orphan(b);
	group_remove(&scope);
	group_remove(&top);
}

/* A process that is nobody's child here, with `depth` generations below it. */
static pid_t
family(const char *comm, int depth)
{
	int said[2];
	pid_t pid = 0;
	char c;

	assert_int_equal(pipe(said), 0);
	if (fork() == 0) {
		if (fork() != 0)
			_exit(0);
		(void)prctl(PR_SET_NAME, comm);
		pid = getpid();
		for (int i = 0; i < depth; i++) {
			if (fork() != 0)
				break;
			(void)prctl(PR_SET_NAME, "storm-child");
			(void)!write(said[1], i + 1 == depth ? "d" : "c", 1);
		}
		if (getpid() == pid)
			(void)!write(said[1], &pid, sizeof(pid));
		for (;;)
			(void)pause();
	}
	for (int seen = 0; seen < depth;) {
		char text[sizeof(pid)];

		/* the parent's pid comes in among its descendants' letters */
		assert_int_equal(read(said[0], &c, 1), 1);
		if (c == 'c' || c == 'd') {
			seen++;
			continue;
		}
		text[0] = c;
		assert_int_equal(read(said[0], text + 1, sizeof(pid) - 1), 3);
		memcpy(&pid, text, sizeof(pid));
	}
	if (pid == 0)
		assert_int_equal(read(said[0], &pid, sizeof(pid)), sizeof(pid));
	(void)close(said[0]);
	(void)close(said[1]);
	(void)wait(NULL);
	return pid;
}

static void
descendants_come_with_whom_is_chosen(void **state)
{
	pid_t a = family("storm-parent", 3), b = family("storm-parent", 1);
	struct selection s;
	struct err e;

	(void)state;
	assert_int_equal(count_of(SPEC("name", "storm-parent")), 2);
	assert_int_equal(count_of(SPEC("name", "storm-parent", "children", "true")), 6);
	assert_int_equal(
	    choose(&s, SPEC("name", "storm-parent", "children", "true", "count", "1")),
	    4);
	assert_int_equal(s.matched, 2);
	assert_int_equal(s.targets[0].id.pid, a);
	for (size_t i = 1; i < s.count; i++)
		assert_string_equal(s.targets[i].comm, "storm-child");
	selection_release(&s);
	assert_int_equal(count_of(SPEC("name", "storm-parent", "children", "yes",
			     "exclude", "storm-child")),
	    2);
	memcpy(protect.processes, "storm-child\0", 13); /* never, whosever they are */
	assert_int_equal(choose(&s, SPEC("name", "storm-parent", "children", "true")), 2);
	assert_int_equal(s.spared, 4);
	selection_release(&s);
	assert_int_equal(
	    refuse(SPEC("name", "storm-child", "children", "true"), &e), -EPERM);
	memset(&protect, 0, sizeof(protect));
	(void)b; /* ended with the rest */
}

static void
end_everybody(const char *name)
{
	struct selection s;
	struct spec spec = SPEC("name", name);
	struct err e = { 0 };

	if (selection_make(&s, &spec, &protect, &e) < 0)
		return;
	for (size_t i = 0; i < s.count; i++)
		end_orphan(s.targets[i].id.pid);
	selection_release(&s);
}

static void
a_share_is_rounded_up(void **state)
{
	pid_t pids[5];
	struct selection s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		pids[i] = orphan("storm-share", NULL);
	assert_int_equal(count_of(SPEC("name", "storm-share", "percent", "100%")), 5);
	assert_int_equal(count_of(SPEC("name", "storm-share", "percent", "40%")), 2);
	assert_int_equal(count_of(SPEC("name", "storm-share", "percent", "41%")), 3);
	assert_int_equal(count_of(SPEC("name", "storm-share", "percent", "0.001%")), 1);
	assert_int_equal(
	    choose(&s, SPEC("name", "storm-share", "percent", "20%", "pick", "newest")),
	    1);
	assert_int_equal(s.targets[0].id.pid, pids[4]);
	selection_release(&s);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		end_orphan(pids[i]);
}

static void
the_protected_among_the_matches_are_counted(void **state)
{
	pid_t a = orphan("storm-mixed", NULL), b = orphan("storm-mixed", NULL);
	struct spec spec = SPEC("name", "storm-mixed");
	struct selection s;
	char text[80];

	(void)state;
	protect.agent_pid = b;
	assert_int_equal(choose(&s, spec), 1);
	assert_int_equal(s.targets[0].id.pid, a);
	assert_int_equal(s.spared, 1);
	assert_string_equal(selection_remarks(&s, &spec, text, sizeof(text)),
	    "; 1 protected passed over");
	selection_release(&s);
	memset(&protect, 0, sizeof(protect));
	end_orphan(a);
	end_orphan(b);
}

/* The pid is the same by accident: it was never what was meant. */
static void
a_pid_is_the_process_that_had_it(void **state)
{
	struct selector *s = NULL;
	struct selection c;
	struct spec spec;
	struct err e = { 0 };
	char text[16];
	pid_t a = orphan("storm-reused", NULL), b = 0;
	FILE *f;

	(void)state;
	(void)snprintf(text, sizeof(text), "%d", a);
	spec = SPEC("pid", text);
	assert_ok(selector_open(&s, &spec, &protect, &e), e);
	assert_ok(selector_choose(s, &c, &e), e);
	selection_release(&c);
	end_orphan(a);
	(void)usleep(30000); /* start times are told by ticks */
	for (int i = 0; i < 100 && b != a; i++) {
		if (b > 0)
			end_orphan(b);
		f = fopen("/proc/sys/kernel/ns_last_pid", "we");
		if (f == NULL)
			skip();
		/* orphan() forks twice */
		(void)fprintf(f, "%d", a - 2);
		(void)fclose(f);
		b = orphan("storm-reused", NULL);
	}
	if (b != a) {
		end_orphan(b);
		skip();
	}
	assert_int_equal(selector_choose(s, &c, &e), -ESRCH);
	selector_free(s);
	end_orphan(b);
}

static void
a_glob_means_what_it_means_to_a_shell(void **state)
{
	static const struct {
		const char *glob, *text;
		bool is_match;
	} rows[] = { { "*", "", true }, { "", "", true }, { "", "a", false },
		{ "a*b*c", "a1b2c", true }, { "a*b*c", "a1b2", false },
		{ "*ab", "aab", true }, { "*aab", "aaaab", true }, { "?", "", false },
		{ "[!a-c]x", "dx", true }, { "[!a-c]x", "bx", false },
		{ "[]]", "]", true }, { "[[:digit:]]*", "7up", true },
		{ "a\\*b", "a*b", true }, { "a\\*b", "axb", false },
		{ "[ab", "[ab", true },
		{ "*/nginx: worker*", "/nginx: worker 3", true } };
	char *line = xcalloc(1, 65537);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (glob_matches(rows[i].glob, rows[i].text, strlen(rows[i].text)) !=
		    rows[i].is_match)
			fail_msg("'%s' and '%s'", rows[i].glob, rows[i].text);
	}
	memset(line, 'a', 65536); /* fnmatch(3) does not come back from this */
	assert_false(glob_matches("*a*a*a*a*a*a*a*a*a*b", line, 65536));
	free(line);
}

static int
end_leftovers(void **state)
{
	(void)state;
	memset(&protect, 0, sizeof(protect));
	end_everybody("storm-parent");
	end_everybody("storm-child");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expression_matches_somewhere_in_the_command_line),
		cmocka_unit_test(what_cannot_be_meant_is_invalid),
		cmocka_unit_test(a_user_is_the_effective_one_by_name_or_number),
		cmocka_unit_test(a_cgroup_means_all_below_it_in_either_tree),
		cmocka_unit_test(a_unit_is_a_component_of_the_cgroup),
		cmocka_unit_test(a_container_is_found_by_its_id),
		cmocka_unit_test_teardown(
		    descendants_come_with_whom_is_chosen, end_leftovers),
		cmocka_unit_test(a_share_is_rounded_up),
		cmocka_unit_test(the_protected_among_the_matches_are_counted),
		cmocka_unit_test(a_pid_is_the_process_that_had_it),
		cmocka_unit_test(a_glob_means_what_it_means_to_a_shell),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
