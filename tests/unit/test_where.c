/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that choose hosts: what they choose, and what is said of wrong ones. */
#include "test.h"
#include "where.h"
#include <errno.h>
#include <string.h>

static struct tag db1_tags[] = { { "role", "db" }, { "zone", "a" }, { "canary", "true" },
	{ "note", "eu west" } };
static struct tag web1_tags[] = { { "role", "web" }, { "zone", "b" },
	{ "canary", "false" } };
static const struct host db1 = { .name = "db1", .tags = db1_tags, .tag_count = 4 };
static const struct host web1 = { .name = "web1", .tags = web1_tags, .tag_count = 3 };
static const struct host bare = { .name = "bare" };

static struct err e;

static bool
match(const char *text, const struct host *h)
{
	struct where *w = NULL;
	bool matches;

	assert_ok(where_parse(&w, text, NULL, &e), e);
	matches = where_match(w, h);
	where_free(w);
	return matches;
}

static void
says(const char *text, const char *message)
{
	struct where *w = NULL;
	unsigned column = 0;
	char shown[300];

	memset(&e, 0, sizeof(e));
	assert_int_equal(where_parse(&w, text, &column, &e), -EINVAL);
	(void)snprintf(shown, sizeof(shown), "column %u: %s", column, e.msg);
	assert_null(w);
	assert_int_equal(e.outcome, OUTCOME_INVALID);
	assert_string_equal(shown, message);
}

static void
a_value_is_compared(void **state)
{
	(void)state;
	assert_true(match("role=db", &db1));
	assert_false(match("role=db", &web1));
	assert_false(match("role=db", &bare));
	assert_true(match(" role = db ", &db1));
	assert_false(match("role=d", &db1));
	assert_false(match("role=dbx", &db1));
	assert_false(match("role!=db", &db1));
	assert_true(match("role!=db", &web1));
}

static void
not_equal_holds_without_the_tag(void **state)
{
	(void)state;
	assert_true(match("role!=db", &bare));
	assert_true(match("role not in (db, web)", &bare));
	assert_false(match("role in (db, web)", &bare));
}

static void
a_bare_tag_holds_unless_it_says_false(void **state)
{
	(void)state;
	assert_true(match("canary", &db1));
	assert_false(match("canary", &web1));
	assert_false(match("canary", &bare));
	assert_true(match("not canary", &web1));
	assert_true(match("not not role", &web1));
	assert_true(match("canary=false", &web1));
}

static void
sets_name_several_values(void **state)
{
	(void)state;
	assert_true(match("zone in (a, b)", &db1));
	assert_true(match("zone in(b)", &web1));
	assert_false(match("zone in (c,d)", &web1));
	assert_true(match("zone not in (c, d)", &web1));
	assert_false(match("zone not in (a, b)", &web1));
}

static void
and_binds_closer_than_or(void **state)
{
	(void)state;
	assert_true(match("role=db or role=web and zone=c", &db1));
	assert_false(match("(role=db or role=web) and zone=c", &db1));
	assert_true(match("zone=c and role=web or role=db", &db1));
	assert_false(match("not role=db or zone=b", &db1));
	assert_false(match("not (role=db or zone=b)", &web1));
	assert_true(match("role=web and zone in (a, b) and not canary", &web1));
}

static void
the_name_is_a_tag(void **state)
{
	(void)state;
	assert_true(match("name=db1", &db1));
	assert_true(match("name in (bare)", &bare));
	assert_true(match("name!=db1", &web1));
}

static void
values_may_hold_wildcards(void **state)
{
	(void)state;
	assert_true(match("name=db*", &db1));
	assert_true(match("name=*1", &web1));
	assert_true(match("name=?b?", &db1));
	assert_true(match("name=w*b*1*", &web1));
	assert_true(match("name=*", &bare));
	assert_false(match("name=?b", &db1));
	assert_false(match("name=*2", &web1));
	assert_false(match("role=*", &bare));
	assert_true(match("name in (x*, web?)", &web1));
}

static void
quotes_make_a_value_literal(void **state)
{
	(void)state;
	assert_true(match("note='eu west'", &db1));
	assert_true(match("note=\"eu west\"", &db1));
	assert_false(match("note='eu*'", &db1));
	assert_true(match("note=eu*", &db1));
	assert_false(match("role='and'", &db1));
}

static void
says_where_it_is_wrong_and_what_was_expected(void **state)
{
	(void)state;
	says("", "column 1: expected a tag, 'not' or '(', but it ends here");
	says("role=", "column 6: expected a value, but it ends here");
	says("role=db zone=a", "column 9: expected 'and', 'or' or the end, found 'zone'");
	says("role=db nad zone=a",
	    "column 9: expected 'and', 'or' or the end, found 'nad' (did you mean 'and'?)");
	says("role=db AND zone=a",
	    "column 9: expected 'and', 'or' or the end, found 'AND' (did you mean 'and'?)");
	says("(role=db", "column 9: expected 'and', 'or' or ')', but it ends here");
	says("role=db)", "column 8: expected 'and', 'or' or the end, found ')'");
	says("zone in a", "column 9: expected '(' after 'in', found 'a'");
	says("zone in (a b)", "column 12: expected ',' or ')', found 'b'");
	says("zone in ()", "column 10: expected a value, found ')'");
	says("zone not a", "column 10: expected 'in', found 'a'");
	says("and", "column 1: expected a tag, 'not' or '(', found 'and'");
	says("role=and", "column 6: expected a value, found 'and'");
	says("größe=1",
	    "column 1: 'größe' is not a name: letters, digits, '.', '_' and '-', not "
	    "starting with '.' or '-'");
	says("note='ä' x", "column 10: expected 'and', 'or' or the end, found 'x'");
}

static void
knows_what_other_languages_write(void **state)
{
	(void)state;
	says("role==db", "column 5: '==' is no operator: write '='");
	says("role=~db",
	    "column 5: '=~' is no operator: write '=', a value may hold * and ?");
	says("a && b", "column 3: write 'and'");
	says("a || b", "column 3: write 'or'");
	says("!a", "column 1: write 'not' before a test, or '!=' in one");
	says("a > 3", "column 3: tags are not ordered: use '=', '!=' or 'in'");
	says("a='", "column 3: a quote that is never closed");
	says("a=''", "column 3: an empty value");
}

static void
depth_and_length_are_bounded(void **state)
{
	char deep[200], longest[5000];

	(void)state;
	memset(deep, '(', 33);
	(void)snprintf(deep + 33, sizeof(deep) - 33, "a");
	says(deep, "column 33: too many parentheses in each other");
	memset(deep, '(', 32);
	(void)snprintf(deep + 32, sizeof(deep) - 32, "a or b and role");
	memset(deep + strlen(deep), ')', 33);
	deep[32 + 15 + 32] = '\0';
	assert_false(match(deep, &bare));
	memset(longest, 'a', sizeof(longest));
	longest[4097] = '\0';
	says(longest, "column 1: longer than 4096 characters");
	(void)snprintf(longest, sizeof(longest), "a");
	for (size_t used = 1; used + 5 < 4096; used += 5)
		(void)snprintf(longest + used, sizeof(longest) - used, " or a");
	assert_false(match(longest, &bare));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_compared),
		cmocka_unit_test(not_equal_holds_without_the_tag),
		cmocka_unit_test(a_bare_tag_holds_unless_it_says_false),
		cmocka_unit_test(sets_name_several_values),
		cmocka_unit_test(and_binds_closer_than_or),
		cmocka_unit_test(the_name_is_a_tag),
		cmocka_unit_test(values_may_hold_wildcards),
		cmocka_unit_test(quotes_make_a_value_literal),
		cmocka_unit_test(says_where_it_is_wrong_and_what_was_expected),
		cmocka_unit_test(knows_what_other_languages_write),
		cmocka_unit_test(depth_and_length_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
