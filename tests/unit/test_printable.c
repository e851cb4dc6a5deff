/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent says never speaks to a terminal. */
#include "cleanup.h"
#include "printable.h"
#include "test.h"
#include <string.h>

static void
becomes(const char *before, const char *after)
{
	json_t *j = json_loads(before, 0, NULL);
	_cleanup_free_ char *text = NULL;

	assert_non_null(j);
	json_make_printable(j);
	text = json_dumps(j, JSON_COMPACT);
	assert_string_equal(text, after);
	json_decref(j);
}

static void
control_characters_are_replaced_at_any_depth(void **state)
{
	(void)state;
	becomes(
	    "{\"a\": \"x\\u001b[2Jy\", \"b\": [{\"c\": \"\\n\\u007f\"}, 3, null, \"\\t\"]}",
	    "{\"a\":\"x?[2Jy\",\"b\":[{\"c\":\"??\"},3,null,\"?\"]}");
	becomes("[\"\\u009b2J\", \"\\u0085\\u009f\"]", "[\"?2J\",\"??\"]");
}

static void
the_rest_is_left_as_it_is(void **state)
{
	(void)state;
	becomes("[\"größe × 1000 — …\", \"\", \"\\u00a0\"]",
	    "[\"größe × 1000 — …\",\"\",\"\u00a0\"]");
	json_make_printable(NULL);
}

static void
text_of_any_bytes_becomes_utf8_without_controls(void **state)
{
	char text[] = "a\033[2J\tb \xc2\x9b \xff \xc3\xa4 \xe2\x82";

	(void)state;
	text_make_printable(text);
	assert_string_equal(text, "a?[2J?b ? ? \xc3\xa4 ??");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_replaced_at_any_depth),
		cmocka_unit_test(the_rest_is_left_as_it_is),
		cmocka_unit_test(text_of_any_bytes_becomes_utf8_without_controls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
