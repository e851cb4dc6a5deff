/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking secrets out of text.  In place and of the same length, so that no buffer can be
 * too small for it.  Only what has been passed is overwritten, so that of two secrets that
 * overlap both are found.
 */
#include "redact.h"
#include "cleanup.h"
#include "secret.h"
#include "xalloc.h"
#include <stddef.h>
#include <string.h>

static size_t
longest_at(const char *text, char *const *secrets)
{
	size_t longest = 0;

	for (; *secrets != NULL; secrets++) {
		size_t len = secret_at(text, *secrets);

		if (len > longest)
			longest = len;
	}
	return longest;
}

void
redact(char *text, char *const *secrets)
{
	size_t hidden = 0; /* from here on */

	if (secrets == NULL)
		return;
	for (; *text != '\0'; text++) {
		size_t len = longest_at(text, secrets);

		if (len > hidden)
			hidden = len;
		if (hidden == 0)
			continue;
		*text = '*';
		hidden--;
	}
}

void
redact_event(struct event *v, char *const *secrets)
{
	redact(v->subject, secrets);
	redact(v->host, secrets);
	redact(v->text, secrets);
}

static void
redact_string(json_t *j, char *const *secrets)
{
	_cleanup_free_ char *clean = xstrdup(json_string_value(j));

	redact(clean, secrets);
	/* Refused when a secret ended in the middle of a character. */
	if (json_string_set(j, clean) != 0)
		(void)json_string_set(j, "***");
}

void
redact_json(json_t *j, char *const *secrets)
{
	const char *key;
	json_t *each;
	size_t i;

	if (secrets == NULL)
		return;
	if (json_is_string(j))
		redact_string(j, secrets);
	json_array_foreach(j, i, each) redact_json(each, secrets);
	json_object_foreach(j, key, each) redact_json(each, secrets);
}
