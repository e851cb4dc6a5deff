/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: codes, text, what is cut when there is no room. */
#include "err.h"
#include "test.h"
#include <errno.h>
#include <string.h>

static void
set_fills_code_and_sentence(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, -EBUSY, "'%s' is taken", "sd-1"), -EBUSY);
	assert_int_equal(e.code, -EBUSY);
	assert_int_equal(e.outcome, OUTCOME_FAILED);
	assert_string_equal(e.msg, "'sd-1' is taken");
}

static void
errno_is_appended_negated_and_kept(void **state)
{
	struct err e = { 0 };

	(void)state;
	errno = EPERM;
	assert_int_equal(err_errno(&e, "create set '%s'", "x"), -EPERM);
	assert_string_equal(e.msg, "create set 'x': Operation not permitted");
	assert_int_equal(errno, EPERM);
	errno = ENOSYS;
	assert_int_equal(err_errno(&e, "openat2"), -ENOSYS);
	assert_int_equal(e.outcome, OUTCOME_UNSUPPORTED);
	assert_non_null(strstr(e.msg, "Linux 5.10"));
	errno = 4095;
	assert_int_equal(err_errno(&e, "do"), -4095);
	assert_string_equal(e.msg, "do: error 4095");
	errno = 0;
	assert_true(err_errno(&e, "do") < 0);
}

static void
wrap_prefixes_and_keeps_code_and_outcome(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)err_refused(&e, "port 22 is protected");
	assert_int_equal(err_wrap(&e, "arm '%s'", "slow-db"), -EPERM);
	assert_string_equal(e.msg, "arm 'slow-db': port 22 is protected");
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
}

static void
long_wraps_keep_the_cause(void **state)
{
	struct err e = { 0 };
	char prefix[ERR_MSG_MAX * 2];

	(void)state;
	memset(prefix, 'p', sizeof(prefix));
	prefix[sizeof(prefix) - 1] = '\0';
	(void)err_set(&e, -EIO, "the cause");
	for (int i = 0; i < 4; i++)
		assert_int_equal(err_wrap(&e, "%s", prefix), -EIO);
	assert_non_null(strstr(e.msg, ": the cause"));
	assert_true(strlen(e.msg) < ERR_MSG_MAX);
}

static void
long_messages_keep_the_text_of_errno(void **state)
{
	struct err e = { 0 };
	char name[ERR_MSG_MAX * 2];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	errno = ENOENT;
	(void)err_errno(&e, "open %s", name);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
	assert_string_equal(
	    e.msg + ERR_MSG_MAX - 1 - strlen(": No such file or directory"),
	    ": No such file or directory");
}

static void
cut_falls_between_characters(void **state)
{
	char name[ERR_MSG_MAX + 8], *p;
	struct err e = { 0 };

	(void)state;
	for (size_t lead = 0; lead < 3; lead++) {
		memset(name, 'x', lead);
		for (p = name + lead; p + 3 < name + sizeof(name); p += 3)
			memcpy(p, "\xe2\x82\xac", 3); /* a euro sign */
		*p = '\0';
		(void)err_set(&e, -EIO, "%s", name);
		assert_int_equal((strlen(e.msg) - lead) % 3, 0);
	}
}

static void
arguments_may_come_from_the_error_itself(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)err_set(&e, -EIO, "inner");
	(void)err_invalid(&e, "outer (%s)", e.msg);
	assert_string_equal(e.msg, "outer (inner)");
}

static void
control_characters_do_not_reach_a_terminal(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)err_invalid(&e, "unknown word '%s'", "\033[2J\r\n.\177");
	assert_string_equal(e.msg, "unknown word '?[2J??.?'");
	(void)err_wrap(&e, "line\t1");
	assert_string_equal(e.msg, "line?1: unknown word '?[2J??.?'");
}

static void
no_error_wanted_is_fine(void **state)
{
	(void)state;
	errno = EINTR;
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_errno(NULL, "x"), -EINTR);
	assert_int_equal(err_unsupported(NULL, "x"), -EOPNOTSUPP);
	assert_int_equal(err_refused(NULL, "x"), -EPERM);
	assert_int_equal(err_invalid(NULL, "x"), -EINVAL);
}

static void
outcomes_have_names_both_ways(void **state)
{
	enum outcome o;

	(void)state;
	for (unsigned i = 0; i < OUTCOMES; i++) {
		assert_int_equal(outcome_parse(outcome_name((enum outcome)i), &o), 0);
		assert_int_equal(o, i);
	}
	assert_string_equal(outcome_name(OUTCOMES), "?");
	assert_int_equal(outcome_parse("fine", &o), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_code_and_sentence),
		cmocka_unit_test(errno_is_appended_negated_and_kept),
		cmocka_unit_test(wrap_prefixes_and_keeps_code_and_outcome),
		cmocka_unit_test(long_wraps_keep_the_cause),
		cmocka_unit_test(long_messages_keep_the_text_of_errno),
		cmocka_unit_test(cut_falls_between_characters),
		cmocka_unit_test(arguments_may_come_from_the_error_itself),
		cmocka_unit_test(control_characters_do_not_reach_a_terminal),
		cmocka_unit_test(no_error_wanted_is_fine),
		cmocka_unit_test(outcomes_have_names_both_ways),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
