/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Done once, where an answer comes in, so that no message, table or report has to think of
 * it.  The depth is jansson's: it refuses what is nested deeper than it can read.
 */
#include "printable.h"
#include "xalloc.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Also U+0080 to U+009F, which are C2 80 to C2 9F: some terminals obey them. */
static bool
is_control(const char *s)
{
	unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];

	return c < ' ' || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

static void
clean_string(json_t *j)
{
	const char *text = json_string_value(j);
	char *clean, *to;

	while (*text != '\0' && !is_control(text))
		text++;
	if (*text == '\0')
		return;
	clean = to = xstrdup(json_string_value(j));
	for (const char *from = json_string_value(j); *from != '\0'; from++) {
		bool is_two = (unsigned char)*from == 0xc2 && is_control(from);

		*to++ = is_control(from) ? '?' : *from;
		from += is_two;
	}
	*to = '\0';
	(void)json_string_set(j, clean);
	free(clean);
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
