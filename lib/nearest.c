/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "did you mean": the optimal string alignment distance, so that swapped letters count
 * once.  A word that is part of a candidate ("delay" of "net.delay") is near as well.
 */
#include "parse.h"
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 48

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t
distance(const char *a, const char *b)
{
	size_t row[3][WORD_MAX + 1], a_len = strlen(a), b_len = strlen(b);
	size_t *before = row[0], *last = row[1], *now = row[2], *spare;

	memset(row, 0, sizeof(row));
	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;
			now[j] =
			    min_of(last[j - 1] + change, min_of(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]))
				now[j] = min_of(now[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b_len];
}

const char *
nearest(const char *word, const char *(*next)(const void *ctx, size_t i), const void *ctx)
{
	size_t len = strlen(word), best = len < 3 ? 1 : len / 3 + 1, d;
	const char *found = NULL, *candidate;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	best++; /* the first distance that is too far */
	for (size_t i = 0; (candidate = next(ctx, i)) != NULL; i++) {
		if (strlen(candidate) > WORD_MAX)
			continue;
		d = distance(word, candidate);
		if (len >= 3 && strcasestr(candidate, word) != NULL)
			d = min_of(d, 1);
		if (d < best) {
			best = d;
			found = candidate;
		}
	}
	return found;
}
