/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `targets:`, each a set of hosts by name or by an expression, and how many of them.  Which
 * hosts there are is not known here: the roster finds them in the inventory.  What is wrong
 * whatever the inventory holds is said here, with its place.
 */
#include "cleanup.h"
#include "err.h"
#include "loader.h"
#include "parse.h"
#include "where.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL "localhost"

/* --- hosts ---------------------------------------------------------------------------- */

static bool
is_listed(const struct target_def *t, const char *host)
{
	for (char **at = t->hosts; at != NULL && *at != NULL; at++) {
		if (strcmp(*at, host) == 0)
			return true;
	}
	return false;
}

static void
add_host(struct loader *l, const struct item *i, const char *text, void *ctx)
{
	struct target_def *t = ctx;
	struct err e;

	if (parse_name(text, &e) < 0)
		diag_error(&l->diag, i->value->place, "name of a host: %s", e.msg);
	else if (is_listed(t, text))
		diag_error(&l->diag, i->value->place, "'%s' is listed twice", text);
	else if (t->hosts != NULL && (is_listed(t, LOCAL) || strcmp(text, LOCAL) == 0))
		diag_error(&l->diag, i->value->place,
		    "'" LOCAL
		    "' is this host, whatever the inventory says: it takes a target "
		    "of its own");
	else
		string_list_add(&t->hosts, text);
}

static void
set_hosts(struct loader *l, const struct item *i, void *object)
{
	load_each(l, i, add_host, object);
}

/* --- where ---------------------------------------------------------------------------- */

static unsigned
characters(const char *text, unsigned bytes)
{
	unsigned n = 0;

	for (unsigned i = 0; i < bytes && text[i] != '\0'; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* The file's own text at a place, or "". */
static const char *
text_at(const struct loader *l, struct place at)
{
	const char *text = l->diag.text;

	for (unsigned line = 1; line < at.line && text != NULL; line++) {
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	for (unsigned column = 1; text != NULL && column < at.column; column++) {
		if (*text == '\0' || *text == '\n')
			return "";
		do
			text++;
		while (((unsigned char)*text & 0xc0) == 0x80);
	}
	return text != NULL ? text : "";
}

/* An expression that stands in the file as it is gets the caret at the mistake; one that
 * came out of variables, escapes or several lines has the column in words. */
static void
say_where(struct loader *l, const struct node *n, unsigned column, const struct err *e)
{
	struct place at = n->place;
	const char *written = text_at(l, at);

	if (*written == '\'' || *written == '"') {
		written++;
		at.column++;
	}
	at.column += characters(n->text, column > 0 ? column - 1 : 0);
	if (strncmp(written, n->text, strlen(n->text)) == 0)
		diag_error(&l->diag, at, "where: %s", e->msg);
	else
		diag_error(&l->diag, n->place, "where: at column %u of '%s': %s", column,
		    n->text, e->msg);
}

static void
set_where(struct loader *l, const struct item *i, void *object)
{
	struct target_def *t = object;
	const char *text = load_text(l, i);
	struct where *w = NULL;
	unsigned column = 1;
	struct err e = { 0 };

	if (text == NULL)
		return;
	if (where_parse(&w, text, &column, &e) < 0) {
		say_where(l, i->value, column, &e);
		return;
	}
	where_free(w);
	free(t->where);
	t->where = xstrdup(text);
}

/* --- how many ------------------------------------------------------------------------- */

static void
set_pick(struct loader *l, const struct item *i, void *object)
{
	const char *text = load_text(l, i);
	struct err e = { 0 };

	if (text != NULL && pick_parse(text, object, &e) < 0)
		load_bad(l, i, &e);
}

static void
set_spread(struct loader *l, const struct item *i, void *object)
{
	struct target_def *t = object;
	const char *text = load_text(l, i);

	if (text == NULL)
		return;
	if (text[0] == '\0' || strlen(text) >= sizeof(t->spread))
		diag_error(
		    &l->diag, i->value->place, "spread: '%s' is no name of a tag", text);
	else
		(void)snprintf(t->spread, sizeof(t->spread), "%s", text);
}

/* --- a target as a whole -------------------------------------------------------------- */

static const struct field target_fields[] = {
	{ "hosts", FIELD_OWN, .own = set_hosts },
	{ "where", FIELD_OWN, .own = set_where },
	{ "pick", FIELD_OWN, .own = set_pick },
	{ "spread", FIELD_OWN, .own = set_spread },
	{ 0 },
};

/* Of this host alone nothing can be chosen. */
static void
check_local(struct loader *l, const struct node *map)
{
	static const char *const keys[] = { "pick", "spread" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct item *found = node_find(map, keys[i]);

		if (found != NULL)
			diag_error(&l->diag, found->place,
			    "'%s' chooses among hosts, and '" LOCAL "' is one", keys[i]);
	}
}

static void
check_choice(struct loader *l, const struct node *map, const struct target_def *t)
{
	const struct item *pick = node_find(map, "pick"),
			  *spread = node_find(map, "spread");
	struct err e = { 0 };
	size_t count;

	if (spread != NULL && t->pick == PICK_ALL)
		diag_error(&l->diag, spread->place,
		    "'spread' says how to choose, and all hosts are taken: write 'pick', too");
	if (t->hosts != NULL && pick_size(t, string_list_count(t->hosts), &count, &e) < 0)
		diag_error(&l->diag, pick->value->place, "pick: %s", e.msg);
}

static void
check_target(struct loader *l, const struct item *i, const struct target_def *t)
{
	const struct item *hosts = node_find(i->value, "hosts");
	const struct item *where = node_find(i->value, "where");

	if (hosts == NULL && where == NULL)
		diag_error(&l->diag, i->place,
		    "target '%s' names no hosts: write 'hosts: [db1, db2]' or "
		    "'where: role=database'",
		    t->name);
	else if (hosts != NULL && where != NULL)
		diag_error(&l->diag, where->place,
		    "'hosts' and 'where' are two ways to say it: leave one out");
	else if (target_is_local(t))
		check_local(l, i->value);
	else
		check_choice(l, i->value, t);
}

static void
load_target(struct loader *l, const struct item *i)
{
	unsigned before = l->diag.count;
	char what[NAME_MAX_LEN + 16];
	struct target_def *t;
	struct err e;

	if (parse_name(i->key, &e) < 0) {
		diag_error(&l->diag, i->place, "name of a target: %s", e.msg);
		return;
	}
	l->x->targets =
	    xrealloc(l->x->targets, (l->x->target_count + 1) * sizeof(*l->x->targets));
	t = &l->x->targets[l->x->target_count++];
	memset(t, 0, sizeof(*t));
	t->place = i->place;
	(void)snprintf(t->name, sizeof(t->name), "%s", i->key);
	(void)snprintf(what, sizeof(what), "target '%s'", i->key);
	load_fields(l, i->value, target_fields, t, what);
	if (l->diag.count == before)
		check_target(l, i, t);
}

void
load_targets(struct loader *l, const struct item *i, void *object)
{
	(void)object;
	if (l->has_targets)
		return;
	l->has_targets = true;
	if (!load_is_map(l, i->value, "'targets'"))
		return;
	for (size_t k = 0; k < i->value->count; k++)
		load_target(l, &i->value->items[k]);
}
