/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an expression matches nothing: most often a word in it is none that any host has.
 * The words are taken as they stand, without the grammar: it is a hint.
 */
#include "parse.h"
#include "roster_target.h"
#include "xalloc.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
	const char **word; /* NULL-terminated */
	size_t count;
};

static const char *
next_word(const void *ctx, size_t i)
{
	const struct words *w = ctx;

	return w->word[i];
}

static bool
is_known(const struct words *w, const char *word)
{
	static const char *const grammar[] = { "and", "or", "not", "in", "name", NULL };

	for (size_t i = 0; i < w->count; i++) {
		if (strcmp(w->word[i], word) == 0)
			return true;
	}
	for (const char *const *g = grammar; *g != NULL; g++) {
		if (strcmp(*g, word) == 0)
			return true;
	}
	return strpbrk(word, "*?") != NULL;
}

static void
collect(struct words *w, const struct inventory *v)
{
	size_t room = v->count + 1;

	for (size_t i = 0; i < v->count; i++)
		room += 2 * v->hosts[i].tag_count;
	w->word = xcalloc(room, sizeof(*w->word));
	for (size_t i = 0; i < v->count; i++) {
		const struct host *h = &v->hosts[i];

		for (size_t k = 0; k < h->tag_count; k++) {
			w->word[w->count++] = h->tags[k].name;
			w->word[w->count++] = h->tags[k].value;
		}
	}
	for (size_t i = 0; i < v->count; i++) /* of equally near words the first wins */
		w->word[w->count++] = v->hosts[i].name;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("_-.*?/:@", c) != NULL;
}

const char *
roster_where_hint(const struct inventory *v, const char *where, char *buf, size_t size)
{
	struct words w = { 0 };
	char word[NAME_MAX_LEN];

	buf[0] = '\0';
	collect(&w, v);
	for (size_t len; *where != '\0' && buf[0] == '\0'; where += len > 0 ? len : 1) {
		for (len = 0; where[len] != '\0' && is_word(where[len]);)
			len++;
		if (len == 0 || len >= sizeof(word))
			continue;
		memcpy(word, where, len);
		word[len] = '\0';
		if (is_known(&w, word))
			continue;
		const char *near = nearest(word, next_word, &w);
		(void)snprintf(buf, size,
		    near != NULL ? ": none has '%s' (did you mean '%s'?)" :
				   ": none has '%s'",
		    word, near);
	}
	free(w.word);
	return buf;
}
