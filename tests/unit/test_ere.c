/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions: what is refused and where, and that nothing makes them hang. */
#include "ere.h"
#include "err.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
matches(const char *pattern, const char *text)
{
	struct err e = { 0 };
	regex_t re;
	bool found;

	if (ere_compile(pattern, &re, &e) < 0)
		fail_msg("%s", e.msg);
	found = ere_matches(&re, text, strlen(text));
	regfree(&re);
	return found;
}

static void
refuses(const char *pattern, const char *why)
{
	struct err e = { 0 };
	regex_t re;

	assert_int_equal(ere_compile(pattern, &re, &e), -EINVAL);
	if (strstr(e.msg, why) == NULL)
		fail_msg("'%s': %s", pattern, e.msg);
}

static void
it_matches_anywhere_unless_anchored(void **state)
{
	(void)state;
	assert_true(matches("ngin", "/usr/sbin/nginx -g daemon"));
	assert_true(matches("^/usr", "/usr/sbin/nginx"));
	assert_false(matches("^ngin", "/usr/sbin/nginx"));
	assert_true(matches("nginx$", "/usr/sbin/nginx"));
	assert_false(matches("sbin$", "/usr/sbin/nginx"));
	assert_true(matches("a|^b", "bc"));
	assert_false(matches("x|^b", "cb"));
}

static void
it_is_an_extended_expression(void **state)
{
	(void)state;
	assert_true(matches("java .*-Dapp=(cart|shop)( |$)", "java -Xmx1g -Dapp=shop"));
	assert_false(matches("java .*-Dapp=(cart|shop)( |$)", "java -Dapp=shopping"));
	assert_true(matches("x{2,3}y", "wxxy"));
	assert_false(matches("x{2,3}y", "wxy"));
	assert_true(matches("[[:digit:]]+[]ab-]", "12]"));
	assert_true(matches("a\\+b\\(", "a+b("));
	assert_true(matches("postgres: .*writer", "postgres: walwriter"));
}

static void
an_error_says_where_and_why(void **state)
{
	(void)state;
	refuses("", "empty");
	refuses("a(b", "a '(' is not closed");
	refuses("ab)", "character 3: this ')' closes nothing");
	refuses("ab[cd", "character 3: this '[' is not closed");
	refuses("*.conf", "character 1: there is nothing before this '*'");
	refuses("a|+", "character 3: there is nothing before this");
	refuses("ab\\", "character 3: a '\\' at the end");
	refuses("x{", "character 2: this '{' begins no");
	refuses("x{3,2}", "not {n}, {n,} or {n,m}");
	refuses("x{1,300}", "of at most 255");
	refuses("(a)\\1", "reference back");
	refuses("[[:nonsense:]]", "no regular expression");
	refuses("[z-a]", "no regular expression");
}

static void
what_would_take_all_memory_is_refused(void **state)
{
	char nested[ERE_LEN_MAX], *longer = xcalloc(1, ERE_LEN_MAX + 2);

	(void)state;
	refuses("((a{200}){200}){200}", "repeats too much");
	memset(nested, 0, sizeof(nested));
	memset(nested, '(', 12);
	strncat(nested, "a", 2);
	for (int i = 0; i < 12; i++)
		strncat(nested, ")+", 3);
	refuses(nested, "repeats too much");
	memset(longer, 'a', ERE_LEN_MAX + 1);
	refuses(longer, "at most");
	free(longer);
}

/* Each of these takes for ever in a matcher that goes back, or one that begins anew at every
 * character. */
static void
a_long_line_takes_no_time(void **state)
{
	const size_t len = 128 * 1024 - 1;
	char *line = xcalloc(1, len + 1);

	(void)state;
	memset(line, 'a', len);
	assert_false(matches("(a*)*b", line));
	assert_false(matches("(a|aa)+$b", line));
	assert_false(matches("a.*a.*a.*a.*a.*b", line));
	assert_false(matches("(a|b)*a(a|b){12}c", line));
	assert_true(matches("a{255}", line));
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_matches_anywhere_unless_anchored),
		cmocka_unit_test(it_is_an_extended_expression),
		cmocka_unit_test(an_error_says_where_and_why),
		cmocka_unit_test(what_would_take_all_memory_is_refused),
		cmocka_unit_test(a_long_line_takes_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
