/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a spec from written values: the one way in for experiment files, the command
 * line and the API alike, so that all three accept and refuse the same things in the same
 * words.
 */
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "param.h"
#include "quote.h"
#include "spec.h"
#include <stdio.h>
#include <string.h>

void
spec_init(struct spec *s, const struct kind *k)
{
	memset(s, 0, sizeof(*s));
	(void)snprintf(s->kind, sizeof(s->kind), "%s", k->name);
}

static struct arg *
find_arg(struct spec *s, const char *name)
{
	for (size_t i = 0; i < s->args_count; i++) {
		if (strcmp(s->args[i].name, name) == 0)
			return &s->args[i];
	}
	return NULL;
}

/* The argument to fill, made if it is not there; nothing else can make one. */
static int
want_arg(struct spec *s, const char *name, struct arg **ret, struct err *e)
{
	struct arg *a = find_arg(s, name);

	if (a == NULL) {
		if (s->args_count == SPEC_ARGS_MAX)
			return err_invalid(e, "more than %d parameters", SPEC_ARGS_MAX);
		a = &s->args[s->args_count++];
		(void)snprintf(a->name, sizeof(a->name), "%s", name);
	}
	*ret = a;
	return 0;
}

/* Append one string with its NUL.  An argument that grows must lie last in spec.text. */
static int
add_text(struct spec *s, struct arg *a, const char *text, struct err *e)
{
	size_t len = strlen(text) + 1, moved = 0;

	if (a->len > 0 && a->text + a->len != s->text_used)
		moved = a->len;
	if (s->text_used + moved + len > SPEC_TEXT_MAX)
		return err_invalid(
		    e, "more than %d bytes of text in one fault", SPEC_TEXT_MAX);
	if (a->len == 0 || moved > 0) {
		memmove(s->text + s->text_used, s->text + a->text, moved);
		a->text = s->text_used;
		s->text_used = (uint16_t)(s->text_used + moved);
	}
	memcpy(s->text + s->text_used, text, len);
	s->text_used = (uint16_t)(s->text_used + len);
	a->len = (uint16_t)(a->len + len);
	return 0;
}

static int
add_net(struct spec *s, const struct net *n, struct err *e)
{
	for (size_t i = 0; i < s->nets_count; i++) {
		if (memcmp(&s->nets[i], n, sizeof(*n)) == 0)
			return 0;
	}
	if (s->nets_count == SPEC_NETS_MAX)
		return err_invalid(
		    e, "more than %d networks in one fault", SPEC_NETS_MAX);
	s->nets[s->nets_count++] = *n;
	return 0;
}

static int
set_net(struct spec *s, const char *text, struct err *e)
{
	static const struct net any4 = { .family = 4 }, any6 = { .family = 6 };
	struct net n = { 0 };
	int r;

	if (strcmp(text, "any") == 0) {
		r = add_net(s, &any4, e);
		return r < 0 ? r : add_net(s, &any6, e);
	}
	r = parse_net(text, &n, e);
	return r < 0 ? r : add_net(s, &n, e);
}

/* One item of a list of text.  An address that is there already counts once: two names
 * may lead to it. */
static int
set_text_item(struct spec *s, const struct param *p, const char *item, struct err *e)
{
	const char *other;
	struct arg *a;
	int r;

	for (size_t i = 0; p->type == PARAM_ADDRS; i++) {
		other = spec_string(s, p->name, i);
		if (other == NULL)
			break;
		if (strcmp(item, other) == 0)
			return 0;
	}
	r = want_arg(s, p->name, &a, e);
	if (r == 0)
		r = param_check_next(p, s->text + a->text, a->len, item, e);
	return r == 0 ? add_text(s, a, item, e) : r;
}

static int
set_item(struct spec *s, const struct param *p, const char *item, struct err *e)
{
	struct arg *a;
	int r;

	if (param_is_list(p))
		return set_text_item(s, p, item, e);
	if (item[0] == '\0')
		return err_invalid(e, "an item of the list is empty");
	r = want_arg(s, p->name, &a, e);
	return r == 0 ? set_net(s, item, e) : r;
}

static int
set_list(struct spec *s, const struct param *p, const char *text, struct err *e)
{
	char item[SPEC_TEXT_MAX];
	size_t len;
	int r;

	for (;; text += len + 1) {
		len = strcspn(text, ",");
		if (len >= sizeof(item))
			return err_invalid(e, "an item of the list is too long");
		memcpy(item, text, len);
		item[len] = '\0';
		r = set_item(s, p, item, e);
		if (r < 0 || text[len] == '\0')
			return r;
	}
}

static int
set_one(struct spec *s, const struct param *p, const char *text, struct err *e)
{
	struct arg *a;
	int64_t num = 0;
	int r;

	if (spec_has(s, p->name))
		return err_invalid(e, "given twice");
	if (param_is_number(p))
		r = param_parse(p, text, &num, e);
	else
		r = param_check_text(p, text, e);
	if (r == 0)
		r = want_arg(s, p->name, &a, e);
	if (r != 0)
		return r;
	a->num = num;
	return param_is_number(p) ? 0 : add_text(s, a, text, e);
}

static int
unknown_param(const struct kind *k, const char *name, struct err *e)
{
	const char *near = kind_param_nearest(k, name);

	if (near != NULL)
		return err_invalid(e, "unknown parameter '%s' of %s (did you mean '%s'?)",
		    quote(name).text, k->name, near);
	return err_invalid(e, "unknown parameter '%s' of %s (see stormctl faults %s)",
	    quote(name).text, k->name, k->name);
}

/* On failure the spec is as it was: a half-set list would otherwise be a shorter one. */
int
spec_set(struct spec *s, const char *name, const char *text, struct err *e)
{
	const struct kind *k = kind_find(s->kind);
	const struct param *p;
	struct spec before;
	int r;

	if (k == NULL)
		return err_invalid(e, "unknown fault kind '%s'", quote(s->kind).text);
	p = kind_param(k, name);
	if (p == NULL)
		return unknown_param(k, name, e);
	before = *s;
	if (param_is_list(p) || p->type == PARAM_NETS)
		r = set_list(s, p, text, e);
	else
		r = set_one(s, p, text, e);
	if (r == 0)
		return 0;
	*s = before;
	return err_wrap(e, "%s", name);
}

/* What is given.  Only now is a list complete that calls could add to. */
static int
finish_given(struct spec *s, const struct param *p, struct err *e)
{
	const struct arg *a = find_arg(s, p->name);

	if (!param_is_list(p) || param_check_whole(p, s->text + a->text, a->len, e) == 0)
		return 0;
	return err_wrap(e, "%s", p->name);
}

/* What is not. */
static int
finish_absent(struct spec *s, const struct kind *k, const struct param *p, struct err *e)
{
	if (p->required)
		return err_invalid(e, "%s needs %s: %s", k->name, p->name, p->help);
	return p->def != NULL ? spec_set(s, p->name, p->def, e) : 0;
}

int
spec_finish(struct spec *s, struct err *e)
{
	const struct kind *k = kind_find(s->kind);
	int r;

	if (k == NULL)
		return err_invalid(e, "unknown fault kind '%s'", quote(s->kind).text);
	for (const struct param *p = k->params; p->name != NULL; p++) {
		if (spec_has(s, p->name))
			r = finish_given(s, p, e);
		else
			r = finish_absent(s, k, p, e);
		if (r < 0)
			return r;
	}
	return k->check(s, e);
}

int
spec_change(struct spec *s, const char *name, int64_t num, struct err *e)
{
	const struct kind *k = kind_find(s->kind);
	const struct param *p = k != NULL ? kind_param(k, name) : NULL;
	struct arg *a;
	int r;

	if (k == NULL)
		return err_invalid(e, "unknown fault kind '%s'", quote(s->kind).text);
	if (p == NULL)
		return unknown_param(k, name, e);
	if (!param_is_number(p))
		return err_invalid(
		    e, "%s is a %s, not a number", name, param_type_name(p->type));
	r = param_check_num(p, num, e);
	if (r == 0)
		r = want_arg(s, name, &a, e);
	if (r < 0)
		return err_wrap(e, "%s", name);
	a->num = num;
	return 0;
}
