/* SPDX-License-Identifier: Apache-2.0 */
/* By value, so that a caller needs neither a buffer nor a release. */
#include "quote.h"
#include <string.h>

#define QUOTE_KEEP 64 /* and "..." behind what was cut */

struct quoted
quote(const char *s)
{
	struct quoted q = { "" };
	size_t len = strnlen(s, QUOTE_KEEP + 1), keep = len;

	if (len > QUOTE_KEEP) {
		keep = QUOTE_KEEP;
		while (keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80)
			keep--;
	}
	for (size_t i = 0; i < keep; i++) {
		unsigned char c = (unsigned char)s[i];
		q.text[i] = c < ' ' || c == 0x7f ? '?' : s[i];
	}
	if (keep < len)
		memcpy(q.text + keep, "...", sizeof("..."));
	return q;
}
