/* SPDX-License-Identifier: Apache-2.0 */
/* When a character does not match, only the last star is given one more: what the stars
 * before it took can be left as it is. */
#include "glob.h"
#include <fnmatch.h>
#include <string.h>

#define BRACKET_MAX 128

/* "[!a-z[:digit:]]": its length, 0 when it is none and '[' stands for itself. */
static size_t
bracket_length(const char *glob)
{
	const char *p = glob + 1;

	p += *p == '!' || *p == '^';
	p += *p == ']';
	while (*p != '\0' && *p != ']') {
		if (p[0] == '[' && p[1] == ':' && strstr(p + 2, ":]") != NULL)
			p = strstr(p + 2, ":]") + 1;
		p++;
	}
	return *p == ']' && p - glob < BRACKET_MAX ? (size_t)(p - glob) + 1 : 0;
}

/* Does what the glob says next mean this character?  How long that is, or 0. */
static size_t
takes(const char *glob, char c)
{
	const char one[2] = { c, '\0' };
	char bracket[BRACKET_MAX + 1];
	size_t len;

	if (*glob == '?')
		return 1;
	if (*glob == '\\' && glob[1] != '\0')
		return glob[1] == c ? 2 : 0;
	len = *glob == '[' ? bracket_length(glob) : 0;
	if (len == 0)
		return *glob == c && *glob != '\0' ? 1 : 0;
	memcpy(bracket, glob, len);
	bracket[len] = '\0';
	return fnmatch(bracket, one, 0) == 0 ? len : 0;
}

bool
glob_matches(const char *glob, const char *text, size_t len)
{
	const char *star = NULL; /* behind the last one */
	size_t at = 0, taken = 0;

	while (at < len) {
		size_t step = *glob == '*' ? 0 : takes(glob, text[at]);

		if (*glob == '*') {
			star = ++glob;
			taken = at;
		} else if (step > 0) {
			glob += step;
			at++;
		} else if (star != NULL) {
			glob = star;
			at = ++taken;
		} else {
			return false;
		}
	}
	glob += strspn(glob, "*");
	return *glob == '\0';
}
