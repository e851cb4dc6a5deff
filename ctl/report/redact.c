/* SPDX-License-Identifier: Apache-2.0 */
/* Taking secrets out of text.  In place and of the same length, so that no buffer can be
 * too small for it. */
#include "redact.h"
#include <stddef.h>
#include <string.h>

void
redact(char *text, char *const *secrets)
{
	for (; secrets != NULL && *secrets != NULL; secrets++) {
		size_t len = strlen(*secrets);

		if (len == 0)
			continue;
		for (char *at = text; (at = strstr(at, *secrets)) != NULL; at += len)
			memset(at, '*', len);
	}
}

bool
has_secret(const char *text, char *const *secrets)
{
	for (; secrets != NULL && *secrets != NULL; secrets++)
		if (**secrets != '\0' && strstr(text, *secrets) != NULL)
			return true;
	return false;
}
