/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESULTS_H
#define RESULTS_H
/* What a whole drill left in its directory, for the tests that run one. */
#include "cleanup.h"
#include "test.h"
#include "xalloc.h"
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

#endif
