/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESULTS_H
#define RESULTS_H
/* What a whole drill left in its directory, for the tests that run one. */
#include "cleanup.h"
#include "test.h"
#include "xalloc.h"
#include <jansson.h>
#include <string.h>

#define RESULT_MAX (1 << 20)

static char *
result_text(const char *dir, const char *file)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = xcalloc(1, RESULT_MAX);

	assert_non_null(f);
	assert_true(fread(text, 1, RESULT_MAX - 1, f) > 0);
	return text;
}

static void
expect_result(const char *dir, const char *file, const char *words)
{
	_cleanup_free_ char *text = result_text(dir, file);

	if (strstr(text, words) == NULL)
		fail_msg("%s does not say '%s':\n%s", file, words, text);
}

static void
remove_results(const char *dir)
{
	static const char *const files[] = { "events.ndjson", "journal.json",
		"summary.md" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, files[i]);

		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* First bad answer, decision, sent, received, undone, first good answer: all six are there,
 * in the order in which they can only have happened. */
static inline void
expect_six_stamps(const json_t *undo)
{
	static const char *const stamps[] = { "first_bad_us", "decision_us", "sent_us",
		"received_us", "undone_us" };
	const json_t *good = json_object_get(undo, "first_good_us");
	json_int_t last = INT64_MIN;

	for (size_t i = 0; i < ARRAY_LEN(stamps); i++) {
		const json_t *at = json_object_get(undo, stamps[i]);

		if (!json_is_integer(at) || json_integer_value(at) < last)
			fail_msg("%s is missing or too early", stamps[i]);
		last = json_integer_value(at);
	}
	assert_true(json_is_integer(good) && json_integer_value(good) > 0);
}

#endif
