/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knobs on real cgroups of the test's own, and their values as the kernel shows
 * them: what we turned is turned back, what somebody else has set since is not,
 * and nothing outside the list can be named.
 */
#include "test.h"

#include "cgroup_place.h"
#include "cleanup.h"
#include "err.h"
#include "knob.h"
#include "knob_value.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct undo_ctx *ctx;   /* of the holder, who has its knobs open and locked */
static struct undo_ctx *other; /* of whoever undoes by record */
static struct err e;
static char group[64]; /* below the root of its tree; each test has its own */

static struct undo
device_knob(const char *now)
{
	struct undo u = { .op = UNDO_KNOB, .dev = KNOB_CGROUP2, .num = { 1 } };

	(void)snprintf(u.name, sizeof(u.name), "a/io.max");
	(void)snprintf(u.now, sizeof(u.now), "%s", now);
	return u;
}

/* What stands in `file` of those items that `now` names, as text. */
static const char *
shown(const char *file, const char *now)
{
	const struct undo u = device_knob(now);
	static char text[UNDO_VALUE_MAX];
	struct knob_value asked, is;

	assert_true(knob_value_parse(&u, u.now, &asked));
	assert_ok(knob_value_find(file, &asked, &is, &e), e);
	return knob_value_format(&is, text, sizeof(text));
}

static void
only_the_line_of_our_device_and_our_keys_count(void **state)
{
	static const char file[] = "8:16 rbps=5 wbps=max riops=max wiops=max\n"
				   "8:1 rbps=max wbps=7 riops=max wiops=9\n";

	(void)state;
	assert_string_equal(shown(file, "8:1 wbps=1"), "8:1 wbps=7");
	assert_string_equal(shown(file, "8:1 wiops=1 rbps=2"), "8:1 wiops=9 rbps=max");
	assert_string_equal(shown(file, "8:16 rbps=1"), "8:16 rbps=5");
	assert_string_equal(shown(file, "18:1 rbps=1"), "18:1 rbps=max");
	assert_string_equal(shown("", "8:1 rbps=1"), "8:1 rbps=max");
	assert_string_equal(shown("8:1 wbps=7", "8:1 wbps=1"), "8:1 wbps=7");
}

static void
values_are_read_strictly(void **state)
{
	static const char *const wrong[] = { "", "8:1", "8:1 ", "8:1 rbps",
		"8:1 rbps=", "8:1 rbps=-1", "8:1 rbps=01", "8:1 rbps=1 rbps=2",
		"8:1 rbps=1  wbps=2", "8:1 rbps=1 ", "8 rbps=1", ":1 rbps=1", "8: rbps=1",
		"8:1 speed=1", "8:1 rbps=1\nrbps",
		"8:1 rbps=1 wbps=1 riops=1 wiops=1 rbps=1",
		"8:1 rbps=99999999999999999999", "123456789:123456789 rbps=1", "max" };
	struct undo u = device_knob("");
	struct knob_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (knob_value_parse(&u, wrong[i], &v))
			fail_msg("'%s' was taken for a value", wrong[i]);
	}
	assert_true(knob_value_parse(&u, "8:1 rbps=0 wiops=max", &v));
}

/* Whatever a record says, only these few files can be written. */
static void
only_what_is_in_the_list_can_be_named(void **state)
{
	static const struct undo wrong[] = {
		{ UNDO_KNOB, "kernel/core_pattern", "sysctl", { 0 }, "1", "2" },
		{ UNDO_KNOB, "fs/file-max", "sysctl", { 7 }, "1", "2" },
		{ UNDO_KNOB, "fs/file-max", "proc", { 0 }, "1", "2" },
		{ UNDO_KNOB, "../fs/file-max", "sysctl", { 0 }, "1", "2" },
		{ UNDO_KNOB, "fs/file-max", "sysctl", { 0 }, "1", "|/bin/sh" },
		{ UNDO_KNOB, "fs/file-max", "sysctl", { 0 }, "", "2" },
		{ UNDO_KNOB, "a/memory.max", "cgroup2", { 7 }, "1", "2" },
		{ UNDO_KNOB, "a/pids.max", "cgroup2", { 0 }, "1", "2" },
		{ UNDO_KNOB, "pids.max", "cgroup2", { 7 }, "1", "2" },
		{ UNDO_KNOB, "a/../pids.max", "cgroup2", { 7 }, "1", "2" },
		{ UNDO_KNOB, "a//pids.max", "cgroup2", { 7 }, "1", "2" },
		{ UNDO_KNOB, "/a/pids.max", "cgroup2", { 7 }, "1", "2" },
		{ UNDO_KNOB, "a\n/pids.max", "cgroup2", { 7 }, "1", "2" },
		{ UNDO_KNOB, "a/pids.max", "blkio", { 7 }, "1", "2" },
		{ UNDO_KNOB, "a/io.max", "cgroup2", { 7 }, "8:1 rbps=1", "8:0 rbps=1" },
		{ UNDO_KNOB, "a/io.max", "cgroup2", { 7 }, "8:1 rbps=1", "8:1 wbps=1" },
	};
	static const struct undo right[] = {
		{ UNDO_KNOB, "fs/file-max", "sysctl", { 0 }, "1", "2" },
		{ UNDO_KNOB, "a b/pids.max", "cgroup2", { 7 }, "max", "2" },
		{ UNDO_KNOB, "a/b/pids.max", "pids", { 7 }, "max", "2" },
		{ UNDO_KNOB, "a/io.max", "cgroup2", { 7 }, "8:1 rbps=max", "8:1 rbps=1" },
		{ UNDO_KNOB, "a/blkio.throttle.read_bps_device", "blkio", { 7 }, "8:1 0",
		    "8:1 5" },
	};
	char line[UNDO_LINE_MAX], again[UNDO_LINE_MAX];
	struct undo u;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		(void)undo_format(&wrong[i], line, sizeof(line));
		if (undo_parse(line, "7e57dd01", &u, &e) == 0)
			fail_msg("'%s' was taken", line);
	}
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		assert_true(undo_format(&right[i], line, sizeof(line)) > 0);
		assert_ok(undo_parse(line, "7e57dd01", &u, &e), e);
		assert_true(undo_format(&u, again, sizeof(again)) > 0);
		assert_string_equal(line, again);
	}
}

/* --- real ones
 * ------------------------------------------------------------------------- */

static bool
make_group(const char *controller, struct cgroup_place *ret)
{
	_cleanup_close_ int tree = -1;

	if (cgroup_place_find(controller, "/", ret, &e) < 0)
		return false;
	cgroup_place_close(ret);
	tree = cgroup_tree(ret->tree, &e);
	assert_true(tree >= 0);
	assert_int_equal(mkdirat(tree, group, 0755), 0);
	assert_ok(cgroup_place_find(controller, group, ret, &e), e);
	if (faccessat(ret->dir, "pids.max", F_OK, 0) == 0)
		return true;
	cgroup_place_close(ret);
	(void)unlinkat(tree, group, AT_REMOVEDIR);
	(void)err_unsupported(&e, "the pids controller is not enabled in the v2 root");
	return false;
}

static void
end_group(struct cgroup_place *p)
{
	_cleanup_close_ int tree = cgroup_tree(p->tree, &e);

	cgroup_place_close(p);
	(void)unlinkat(tree, group, AT_REMOVEDIR); /* a test may have done so */
}

static const char *
value_of(const struct cgroup_place *p, const char *file)
{
	static char text[4096];

	assert_true(cgroup_place_read(p, file, text, sizeof(text)) >= 0);
	return text;
}

static int
undo_by(struct undo_ctx *by, const struct undo *u, bool check)
{
	const struct undo_list l = { .count = 1, .op = { *u } };

	return (check ? undo_check : undo_run)(by, &l, BEAT_DISARM, &e);
}

static int
undo_it(const struct undo *u, bool check)
{
	return undo_by(ctx, u, check);
}

static struct undo
turned(struct cgroup_place *p)
{
	struct undo u = { .now = "100" };

	assert_ok(knob_plan(ctx, p, "pids.max", &u, &e), e);
	assert_string_equal(u.was, "max");
	assert_ok(undo_it(&u, true), e);
	assert_ok(knob_turn(ctx, &u, &e), e);
	assert_ok(knob_verify(ctx, &u, &e), e);
	assert_string_equal(value_of(p, "pids.max"), "100");
	assert_int_equal(undo_it(&u, true), -EBUSY);
	return u;
}

static void
a_knob_is_turned_back_once_and_twice(void **state)
{
	struct cgroup_place p;
	struct undo u;

	(void)state;
	if (!make_group("pids", &p))
		skip_test("%s", e.msg);
	u = turned(&p);
	for (int i = 0; i < 2; i++) {
		assert_ok(undo_it(&u, false), e);
		assert_ok(undo_it(&u, true), e);
		assert_string_equal(value_of(&p, "pids.max"), "max");
	}
	assert_int_equal(knob_verify(ctx, &u, &e), -ESTALE);
	end_group(&p);
}

static void
what_somebody_else_has_set_since_stays(void **state)
{
	struct cgroup_place p;
	struct undo u;

	(void)state;
	if (!make_group("pids", &p))
		skip_test("%s", e.msg);
	u = turned(&p);
	assert_ok(cgroup_place_write(&p, "pids.max", "77", &e), e);
	assert_int_equal(knob_verify(ctx, &u, &e), -ESTALE);
	assert_ok(undo_it(&u, false), e);
	assert_ok(undo_it(&u, true), e);
	assert_string_equal(value_of(&p, "pids.max"), "77");
	/* nor is it turned again */
	assert_int_equal(knob_turn(ctx, &u, &e), -EBUSY);
	end_group(&p);
}

static void
a_group_that_is_gone_needs_nothing_and_its_successor_is_left_alone(void **state)
{
	struct cgroup_place p, successor;
	struct undo u;

	(void)state;
	if (!make_group("pids", &p))
		skip_test("%s", e.msg);
	u = turned(&p);
	end_group(&p);
	assert_ok(undo_it(&u, false), e);
	assert_ok(undo_it(&u, true), e);
	assert_ok(undo_by(other, &u, false), e);
	assert_true(make_group("pids", &successor));
	assert_ok(cgroup_place_write(&successor, "pids.max", "100", &e), e);
	(void)snprintf(u.dev, sizeof(u.dev), "%s",
	    successor.version == 2 ? KNOB_CGROUP2 : successor.tree);
	assert_ok(undo_by(other, &u, false), e);
	assert_ok(undo_by(other, &u, true), e);
	assert_string_equal(value_of(&successor, "pids.max"), "100");
	end_group(&successor);
}

static void
a_knob_that_is_held_needs_no_descriptor(void **state)
{
	struct cgroup_place p;
	struct rlimit few = { .rlim_cur = 32 }, was;
	int full[64], count = 0;
	struct undo u;

	(void)state;
	if (!make_group("pids", &p))
		skip_test("%s", e.msg);
	u = turned(&p);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (count < (int)ARRAY_LEN(full) && (full[count] = dup(2)) >= 0)
		count++;
	assert_true(count < (int)ARRAY_LEN(full));
	assert_ok(undo_it(&u, false), e);
	assert_ok(undo_it(&u, true), e);
	while (count-- > 0)
		(void)close(full[count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_string_equal(value_of(&p, "pids.max"), "max");
	end_group(&p);
}

static void
what_one_fault_has_turned_another_cannot(void **state)
{
	struct undo u = { .now = "50" };
	struct cgroup_place p;

	(void)state;
	if (!make_group("pids", &p))
		skip_test("%s", e.msg);
	(void)turned(&p);
	assert_int_equal(knob_plan(other, &p, "pids.max", &u, &e), -EBUSY);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(e.msg, "another fault"));
	end_group(&p);
}

/* Of this host, by one at the end of a range that nobody ever reaches. */
static void
a_sysctl_is_turned_back(void **state)
{
	struct undo u = { .now = "9223372036854775000" };
	char was[UNDO_VALUE_MAX], text[UNDO_HAND_MAX], hand[UNDO_HAND_MAX];

	(void)state;
	if (knob_plan(ctx, NULL, "fs/file-max", &u, &e) < 0)
		skip_test("%s", e.msg);
	(void)snprintf(was, sizeof(was), "%s", u.was);
	if (knob_turn(ctx, &u, &e) < 0)
		skip_test("%s", e.msg);
	assert_ok(knob_verify(ctx, &u, &e), e);
	assert_ok(undo_it(&u, false), e);
	assert_ok(undo_it(&u, true), e);
	u = (struct undo){ .now = "9223372036854775000" };
	assert_ok(knob_plan(ctx, NULL, "fs/file-max", &u, &e), e);
	assert_string_equal(u.was, was);
	(void)snprintf(hand, sizeof(hand), "echo '%s' > /proc/sys/fs/file-max", was);
	assert_string_equal(undo_by_hand(&u, text, sizeof(text)), hand);
}

static void
what_cannot_be_planned_says_why(void **state)
{
	struct undo u = { .now = "1" };
	struct cgroup_place p;

	(void)state;
	assert_int_equal(knob_plan(ctx, NULL, "fs/no-such", &u, &e), -EINVAL);
	if (!make_group("pids", &p))
		skip_test("%s", e.msg);
	u = (struct undo){ .now = "max" };
	assert_int_equal(knob_plan(ctx, &p, "pids.max", &u, &e), -EALREADY);
	u = (struct undo){ .now = "much" };
	assert_int_equal(knob_plan(ctx, &p, "pids.max", &u, &e), -EINVAL);
	p.path[0] = '\0';
	u = (struct undo){ .now = "5" };
	assert_int_equal(knob_plan(ctx, &p, "pids.max", &u, &e), -EPERM);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	end_group(&p);
}

static int
setup(void **state)
{
	static int number;

	(void)state;
	memset(&e, 0, sizeof(e));
	undo_ctx_free(ctx);
	assert_ok(undo_ctx_open(&ctx, -1, true, &e), e);
	(void)snprintf(
	    group, sizeof(group), "stormdrill-test-knob-%d-%d", getpid(), number++);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_line_of_our_device_and_our_keys_count),
		cmocka_unit_test(values_are_read_strictly),
		cmocka_unit_test(only_what_is_in_the_list_can_be_named),
		cmocka_unit_test_setup(a_knob_is_turned_back_once_and_twice, setup),
		cmocka_unit_test_setup(what_somebody_else_has_set_since_stays, setup),
		cmocka_unit_test_setup(
		    a_group_that_is_gone_needs_nothing_and_its_successor_is_left_alone,
		    setup),
		cmocka_unit_test_setup(a_knob_that_is_held_needs_no_descriptor, setup),
		cmocka_unit_test_setup(what_one_fault_has_turned_another_cannot, setup),
		cmocka_unit_test_setup(a_sysctl_is_turned_back, setup),
		cmocka_unit_test_setup(what_cannot_be_planned_says_why, setup),
	};

	int failed;

	if (undo_ctx_open(&other, -1, false, &e) < 0)
		skip_all("%s", e.msg);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	undo_ctx_free(ctx);
	undo_ctx_free(other);
	return failed;
}
