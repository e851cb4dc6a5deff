/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Done once, where an answer comes in, so that no message, table or report has to think of
 * it.  The depth is jansson's: it refuses what is nested deeper than it can read.
 */
#include "printable.h"
#include "cleanup.h"
#include "xalloc.h"
#include <stdbool.h>
#include <string.h>

/* Also U+0080 to U+009F, which are C2 80 to C2 9F: some terminals obey them. */
static bool
is_control(const char *s)
{
	unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];

	return c < ' ' || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

/* Of the character that begins here; 0: there is none.  Overlong forms and surrogates are
 * let through: no terminal obeys what it cannot decode. */
static size_t
utf8_len(const char *s)
{
	unsigned char c = (unsigned char)s[0];
	size_t len = c < 0x80 ? 1 :
		     c < 0xc2 ? 0 :
		     c < 0xe0 ? 2 :
		     c < 0xf0 ? 3 :
		     c < 0xf5 ? 4 :
				0;

	for (size_t i = 1; i < len; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

void
text_make_printable(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0';) {
		size_t len = utf8_len(from);

		if (len == 0 || is_control(from))
			*to++ = '?';
		else
			to = (char *)memmove(to, from, len) + len;
		from += len > 0 ? len : 1;
	}
	*to = '\0';
}

static void
clean_string(json_t *j)
{
	_cleanup_free_ char *clean = xstrdup(json_string_value(j));

	text_make_printable(clean);
	if (strcmp(clean, json_string_value(j)) != 0)
		(void)json_string_set(j, clean);
}

void
json_make_printable(json_t *j)
{
	const char *key;
	json_t *each;
	size_t i;

	if (json_is_string(j))
		clean_string(j);
	json_array_foreach(j, i, each) json_make_printable(each);
	json_object_foreach(j, key, each) json_make_printable(each);
}
