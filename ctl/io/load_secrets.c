/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of an experiment is nobody else's business: tokens and passwords in headers, URLs,
 * `auth` and the arguments of programs.  Found by their names before anything else is read,
 * so that no message shows the line they stand in, and whatever the drill writes out later
 * has them redacted.  What is secret by nothing but its owner's word is a variable with
 * `secret: true`.
 */
#include "cleanup.h"
#include "loader.h"
#include "secret.h"
#include "xalloc.h"
#include <string.h>
#include <strings.h>

/* Shorter ones would redact words that happen to be the same. */
#define LEAST 4

static void
add(struct loader *l, const char *text, size_t len, size_t least)
{
	_cleanup_free_ char *secret = xstrndup(text, len);

	if (len < least)
		return;
	string_list_add(&l->x->secrets, secret);
	l->diag.secrets = l->x->secrets;
}

/* "Bearer TOKEN": the token by itself, too, since it may be shown without its scheme. */
static void
add_value(struct loader *l, const char *text)
{
	size_t word = strcspn(text, " ");
	size_t blanks = strspn(text + word, " ");

	add(l, text, strlen(text), LEAST);
	if (blanks > 0)
		add(l, text + word + blanks, strlen(text + word + blanks), LEAST);
}

/* "user:password": both, and the password. */
static void
add_login(struct loader *l, const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);

	add(l, text, len, 1);
	if (colon != NULL)
		add(l, colon + 1, len - (size_t)(colon + 1 - text), LEAST);
}

/* "https://user:password@host/?token=…" */
static void
find_in_url(struct loader *l, const char *text)
{
	const char *host = strstr(text, "://"), *at = text + strcspn(text, "?");
	size_t len = host != NULL ? strcspn(host + 3, "/?# ") : 0;
	const char *login_end = len > 0 ? memrchr(host + 3, '@', len) : NULL;

	if (host == NULL)
		return;
	if (login_end != NULL)
		add_login(l, host + 3, (size_t)(login_end - (host + 3)));
	for (; *at == '?' || *at == '&'; at += strcspn(at, "&")) {
		size_t name = strcspn(++at, "=&#");
		_cleanup_free_ char *key = xstrndup(at, name);

		if (at[name] == '=' && is_secret_name(key))
			add(l, at + name + 1, strcspn(at + name + 1, "&#"), LEAST);
	}
}

/* "--password=…", "PGPASSWORD=…", "X-Api-Key: …", and "--password" before another. */
static void
find_in_command(struct loader *l, const struct node *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct node *n = list->items[i].value;
		const char *text = n->type == NODE_SCALAR ? n->text : "";
		size_t name = strcspn(text, "=:");
		_cleanup_free_ char *key = xstrndup(text, name);

		if (!is_secret_name(key))
			continue;
		if (text[name] != '\0')
			add_value(l, text + name + 1 + strspn(text + name + 1, " "));
		else if (text[0] == '-' && i + 1 < list->count &&
			 list->items[i + 1].value->type == NODE_SCALAR)
			add_value(l, list->items[i + 1].value->text);
	}
}

static void
find_in(struct loader *l, const char *key, const struct node *n)
{
	if (n->type == NODE_SCALAR) {
		if (strcmp(key, "bearer") == 0)
			add(l, n->text, strlen(n->text), 1);
		else if (is_secret_name(key))
			add_value(l, n->text);
		else if (strcmp(key, "basic") == 0)
			add_login(l, n->text, strlen(n->text));
		find_in_url(l, n->text);
		return;
	}
	if (n->type == NODE_LIST)
		find_in_command(l, n); /* or what was meant to be one */
	for (size_t i = 0; i < n->count; i++) {
		const char *name = n->items[i].key != NULL ? n->items[i].key : "";

		/* what answers are to look like; a name of it is no secret's */
		if (strcmp(name, "good") != 0)
			find_in(l, name, n->items[i].value);
	}
}

void
load_secrets(struct loader *l, const struct node *root)
{
	static const char *const sections[] = { "probes", "guards", "load" };

	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		const struct item *section = node_find(root, sections[i]);

		if (section != NULL)
			find_in(l, "", section->value);
	}
}
