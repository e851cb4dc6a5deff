/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A where-expression.  It is refused with a sentence, or its negation chooses exactly the
 * hosts that it does not.
 */
#include "fuzz.h"
#include "where.h"

static struct tag tags[] = { { "role", "db" }, { "canary", "false" },
	{ "note", "eu west" } };
static const struct host hosts[] = {
	{ .name = "db1", .tags = tags, .tag_count = 3 },
	{ .name = "web1" },
};

static void
is_opposite(const struct where *w, const char *text)
{
	size_t size = strlen(text) + sizeof("not ()");
	char *negated = malloc(size);
	struct where *n = NULL;
	struct err e = { 0 };

	MUST(negated != NULL);
	(void)snprintf(negated, size, "not (%s)", text);
	if (where_parse(&n, negated, NULL, &e) == 0) {
		for (size_t i = 0; i < 2; i++)
			MUST(where_match(w, &hosts[i]) != where_match(n, &hosts[i]));
	} else { /* as much of it as can be */
		fuzz_refused(e.code, &e);
	}
	where_free(n);
	free(negated);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct where *w = NULL;
	struct err e = { 0 };
	unsigned column = 0;
	int rc = where_parse(&w, text, &column, &e);

	MUST((rc == 0) == (w != NULL));
	MUST((rc < 0) == (column > 0) && column <= size + 1);
	if (rc == 0)
		is_opposite(w, text);
	else
		fuzz_refused(rc, &e);
	where_free(w);
	free(text);
	return 0;
}
