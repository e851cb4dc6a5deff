/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret is compared with text that quote(), JSON or a full buffer has changed already,
 * since whoever builds a message knows nothing of secrets.  Escapes are another thing: what
 * escapes (JSON, Markdown) gets text that was redacted before.
 */
#include "secret.h"
#include "cleanup.h"
#include <stdbool.h>
#include <string.h>

/* So much of a secret is not in a text by chance. */
#define CUT_LEAST 8

static bool
shows(char shown, char c)
{
	unsigned char byte = (unsigned char)c;

	return shown == c || (shown == '?' && (byte < ' ' || byte >= 0x7f));
}

size_t
secret_at(const char *text, const char *secret)
{
	size_t len = 0;

	while (secret[len] != '\0' && shows(text[len], secret[len]))
		len++;
	if (secret[len] == '\0')
		return len;
	bool is_cut = text[len] == '\0' || strncmp(text + len, "...", 3) == 0;
	return is_cut && len >= CUT_LEAST ? len : 0;
}

bool
is_secret_name(const char *name)
{
	static const char *const words[] = { "password", "passwd", "passphrase", "secret",
		"token", "api_key", "api-key", "apikey", "access_key", "access-key",
		"private_key", "credential", "signature", "authorization", "cookie" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasestr(name, words[i]) != NULL)
			return true;
	}
	return false;
}
