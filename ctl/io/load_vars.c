/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables: where their values come from, and putting them into the rest of the file.
 * A value is put in once and not looked at again, so that nothing can grow without bound;
 * a default may use variables that stand before it.  "$${" is a literal "${".
 */
#include "cleanup.h"
#include "loader.h"
#include "parse.h"
#include "xalloc.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX (256 * 1024) /* of one value, after putting in */

struct var_def {
	char *def, *env, *help;
	bool secret;
};

static void
set_default(struct loader *l, const struct item *i, void *object)
{
	struct var_def *v = object;

	/* `default: ""` is a value, `default:` is not */
	if (i->value->type == NODE_SCALAR && !i->value->is_plain)
		v->def = xstrdup(i->value->text);
	else if (load_text(l, i) != NULL)
		v->def = xstrdup(i->value->text);
}

static const struct field var_fields[] = {
	{ "default", FIELD_OWN, 0, .own = set_default },
	{ "env", FIELD_TEXT, offsetof(struct var_def, env) },
	{ "help", FIELD_TEXT, offsetof(struct var_def, help) },
	{ "secret", FIELD_BOOL, offsetof(struct var_def, secret) },
	{ 0 },
};

static struct var *
find_var(const struct loader *l, const char *name, size_t len)
{
	for (size_t i = 0; i < l->var_count; i++) {
		if (strlen(l->vars[i].name) == len &&
		    memcmp(l->vars[i].name, name, len) == 0)
			return &l->vars[i];
	}
	return NULL;
}

static const char *
next_var(const void *ctx, size_t i)
{
	const struct loader *l = ctx;

	return i < l->var_count ? l->vars[i].name : NULL;
}

static void
say_unknown(struct loader *l, struct place at, const char *name, size_t len)
{
	_cleanup_free_ char *word = xstrndup(name, len);
	char hint[80];

	diag_error(&l->diag, at, "variable '%s' is not declared in vars%s", word,
	    load_hint(nearest(word, next_var, l), hint, sizeof(hint)));
}

/* One "${name}" at `from`: its end, or NULL when something is wrong and was said. */
static const char *
put_one(struct loader *l, struct place at, const char *from, FILE *f)
{
	const char *name = from + 2, *end = strchr(name, '}');
	const struct var *v;

	if (end == NULL) {
		diag_error(
		    &l->diag, at, "'${' without its '}' (write $${ for a literal one)");
		return NULL;
	}
	v = find_var(l, name, (size_t)(end - name));
	if (v == NULL) {
		say_unknown(l, at, name, (size_t)(end - name));
		return NULL;
	}
	if (v->value == NULL)
		return NULL; /* said where it is declared */
	(void)fputs(v->value, f);
	return end + 1;
}

/* `text` with its variables put in; NULL when that failed and was said. */
static char *
substitute(struct loader *l, struct place at, const char *text)
{
	char *result = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&result, &size);

	if (f == NULL)
		abort(); /* out of memory, as in xalloc */
	while (text != NULL && *text != '\0') {
		if (strncmp(text, "$${", 3) == 0) {
			(void)fputs("${", f);
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			text = put_one(l, at, text, f);
		} else {
			(void)fputc(*text++, f);
		}
		if (text != NULL && ftell(f) > VALUE_MAX) {
			diag_error(
			    &l->diag, at, "a value longer than %d bytes", VALUE_MAX);
			text = NULL;
		}
	}
	(void)fclose(f);
	if (text != NULL)
		return result;
	free(result);
	return NULL;
}

static void
substitute_tree(struct loader *l, struct node *n)
{
	for (size_t i = 0; i < n->count; i++)
		substitute_tree(l, n->items[i].value);
	if (n->type == NODE_SCALAR && strstr(n->text, "${") != NULL) {
		char *text = substitute(l, n->place, n->text);

		n->is_broken = text == NULL;
		n->is_plain = false;
		if (text != NULL) {
			free(n->text);
			n->text = text;
		}
	}
}

/* The value --var gives to a name; the last one wins, as options do. */
static const char *
given_value(const char *const *given, const char *name)
{
	const char *value = NULL;
	size_t len = strlen(name);

	for (; given != NULL && *given != NULL; given++) {
		if (strncmp(*given, name, len) == 0 && (*given)[len] == '=')
			value = *given + len + 1;
	}
	return value;
}

static char *
choose_value(struct loader *l, const struct item *i, const struct var_def *d,
    const char *const *given)
{
	const char *value = given_value(given, i->key);

	if (value == NULL && d->env != NULL)
		value = getenv(d->env);
	if (value != NULL)
		return xstrdup(value);
	if (d->def != NULL)
		return substitute(l, i->place, d->def);
	if (d->env != NULL)
		diag_error(&l->diag, i->place,
		    "variable '%s' has no value: %s is not in the environment, and there is no "
		    "default (or give --var %s=…)",
		    i->key, d->env, i->key);
	else
		diag_error(&l->diag, i->place,
		    "variable '%s' has no value: give --var %s=…%s%s%s", i->key, i->key,
		    d->help != NULL ? " (" : "", d->help != NULL ? d->help : "",
		    d->help != NULL ? ")" : "");
	return NULL;
}

static bool
is_var_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (; *s != '\0'; s++) {
		if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-')
			return false;
	}
	return true;
}

static void
note_value(struct loader *l, const struct var *v)
{
	_cleanup_free_ char *line =
	    xasprintf("%s=%s", v->name, v->secret ? "***" : v->value);

	string_list_add(&l->x->vars, line);
	if (v->secret && v->value[0] != '\0') {
		string_list_add(&l->x->secrets, v->value);
		l->diag.secrets = l->x->secrets;
	}
}

static void
load_var(struct loader *l, const struct item *i, const char *const *given)
{
	unsigned before = l->diag.count;
	struct var_def d = { 0 };
	struct var v = { 0 };

	if (!is_var_name(i->key)) {
		diag_error(&l->diag, i->place,
		    "'%s' is not a name of a variable: use letters, digits, '_' and '-'",
		    i->key);
		return;
	}
	if (i->value->type == NODE_SCALAR)
		set_default(l, i, &d);
	else
		load_fields(l, i->value, var_fields, &d, "a variable");
	v.name = xstrdup(i->key);
	v.secret = d.secret;
	if (l->diag.count == before)
		v.value = choose_value(l, i, &d, given);
	if (v.value != NULL)
		note_value(l, &v);
	l->vars = xrealloc(l->vars, (l->var_count + 1) * sizeof(*l->vars));
	l->vars[l->var_count++] = v;
	free(d.def);
	free(d.env);
	free(d.help);
}

static void
check_given(struct loader *l, const char *const *given)
{
	const struct place nowhere = { 0 };
	char hint[80];

	for (; given != NULL && *given != NULL; given++) {
		size_t len = strcspn(*given, "=");
		_cleanup_free_ char *name = xstrndup(*given, len);

		if ((*given)[len] == '\0')
			diag_error(
			    &l->diag, nowhere, "--var %s: write NAME=VALUE", *given);
		else if (find_var(l, name, len) == NULL)
			diag_error(&l->diag, nowhere,
			    "--var %s: the file has no such variable%s", name,
			    load_hint(nearest(name, next_var, l), hint, sizeof(hint)));
	}
}

void
load_vars(struct loader *l, struct node *root, const char *const *given)
{
	const struct item *vars = node_find(root, "vars");

	if (vars != NULL && load_is_map(l, vars->value, "vars")) {
		for (size_t i = 0; i < vars->value->count; i++)
			load_var(l, &vars->value->items[i], given);
	}
	check_given(l, given);
	for (size_t i = 0; i < root->count; i++) {
		if (&root->items[i] != vars)
			substitute_tree(l, root->items[i].value);
	}
}

void
load_vars_free(struct loader *l)
{
	for (size_t i = 0; i < l->var_count; i++) {
		free(l->vars[i].name);
		free(l->vars[i].value);
	}
	free(l->vars);
}
