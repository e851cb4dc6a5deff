/* SPDX-License-Identifier: Apache-2.0 */
/* Reading maps by tables of fields: types, ranges, unknown keys. */
#include "cleanup.h"
#include "err.h"
#include "loader.h"
#include "parse.h"
#include "xalloc.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
load_hint(const char *near, char *buf, size_t size)
{
	buf[0] = '\0';
	if (near != NULL)
		(void)snprintf(buf, size, " (did you mean '%s'?)", near);
	return buf;
}

const char *
load_text(struct loader *l, const struct item *i)
{
	if (i->value->is_broken)
		return NULL;
	if (i->value->type == NODE_SCALAR && !node_is_null(i->value))
		return i->value->text;
	if (node_is_null(i->value))
		diag_error(&l->diag, i->place, "'%s' has no value", i->key);
	else
		diag_error(&l->diag, i->value->place, "'%s' takes a single value, not %s",
		    i->key, node_type_name(i->value));
	return NULL;
}

bool
load_is_map(struct loader *l, const struct node *n, const char *what)
{
	if (n->type == NODE_MAP)
		return true;
	diag_error(&l->diag, n->place, "%s takes keys and values, not %s", what,
	    node_type_name(n));
	return false;
}

void
load_bad(struct loader *l, const struct item *i, const struct err *e)
{
	diag_error(&l->diag, i->value->place, "%s: %s", i->key, e->msg);
}

void
load_each(struct loader *l, const struct item *i,
    void (*each)(struct loader *l, const struct item *i, const char *text, void *ctx),
    void *ctx)
{
	const struct node *n = i->value;
	const char *text;

	if (n->type != NODE_LIST) {
		text = load_text(l, i);
		if (text != NULL)
			each(l, i, text, ctx);
		return;
	}
	if (n->count == 0)
		diag_error(&l->diag, n->place, "'%s' is an empty list", i->key);
	for (size_t k = 0; k < n->count; k++) {
		struct item one = n->items[k];

		one.key = i->key;
		text = load_text(l, &one);
		if (text != NULL)
			each(l, &one, text, ctx);
	}
}

static bool
in_range(struct loader *l, const struct item *i, const struct field *f, int64_t v,
    const char *(*format)(int64_t v, char *buf, size_t size))
{
	char min[40], max[40];

	if ((f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max))
		return true;
	diag_error(&l->diag, i->value->place, "%s: %s is out of range: it takes %s to %s",
	    i->key, i->value->text, format(f->min, min, sizeof(min)),
	    format(f->max, max, sizeof(max)));
	return false;
}

static const char *
format_time(int64_t v, char *buf, size_t size)
{
	return format_usec((usec_t)v, buf, size);
}

static const char *
format_number(int64_t v, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%" PRId64, v);
	return buf;
}

static const char *
format_share(int64_t v, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%g%%", (double)v / 1000);
	return buf;
}

static const char *
format_rate(int64_t v, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%g/s", (double)v / 1000);
	return buf;
}

bool
load_usec(struct loader *l, const struct item *i, usec_t min, usec_t max, usec_t *ret)
{
	const struct field range = { .min = (int64_t)min, .max = (int64_t)max };
	const char *text = load_text(l, i);
	struct err e;
	usec_t v;

	if (text == NULL)
		return false;
	if (parse_usec(text, &v, &e) < 0) {
		load_bad(l, i, &e);
		return false;
	}
	if (!in_range(l, i, &range, (int64_t)v, format_time))
		return false;
	*ret = v;
	return true;
}

static void
set_share(struct loader *l, const struct item *i, const struct field *f, double *ret)
{
	struct err e;
	int64_t v;

	if (parse_percent(i->value->text, &v, &e) < 0)
		load_bad(l, i, &e);
	else if (in_range(l, i, f, v, format_share))
		*ret = (double)v / 100000;
}

static void
set_rate(struct loader *l, const struct item *i, const struct field *f, uint64_t *ret)
{
	struct err e;
	uint64_t v;

	if (parse_rate(i->value->text, &v, &e) < 0)
		load_bad(l, i, &e);
	else if (in_range(l, i, f, v > INT64_MAX ? INT64_MAX : (int64_t)v, format_rate))
		*ret = v;
}

static void
set_count(struct loader *l, const struct item *i, const struct field *f, uint32_t *ret)
{
	struct err e;
	uint64_t v;

	if (parse_u64(i->value->text, &v, &e) < 0)
		load_bad(l, i, &e);
	else if (in_range(l, i, f, v > INT64_MAX ? INT64_MAX : (int64_t)v, format_number))
		*ret = (uint32_t)v;
}

static void
set_bool(struct loader *l, const struct item *i, bool *ret)
{
	if (strcmp(i->value->text, "true") == 0)
		*ret = true;
	else if (strcmp(i->value->text, "false") == 0)
		*ret = false;
	else
		diag_error(&l->diag, i->value->place,
		    "%s: '%s' is neither true nor false", i->key, i->value->text);
}

static void
set_text(struct loader *l, const struct item *i, char **ret)
{
	if (i->value->text[0] == '\0') {
		diag_error(&l->diag, i->value->place, "'%s' is empty", i->key);
		return;
	}
	free(*ret);
	*ret = xstrdup(i->value->text);
}

static void
set_name(struct loader *l, const struct item *i, char *ret)
{
	struct err e;

	if (parse_name(i->value->text, &e) < 0)
		load_bad(l, i, &e);
	else
		(void)snprintf(ret, NAME_MAX_LEN, "%s", i->value->text);
}

static void
set_scalar(struct loader *l, const struct item *i, const struct field *f, void *at)
{
	if (load_text(l, i) == NULL)
		return;
	switch (f->type) {
	case FIELD_TEXT:
		set_text(l, i, at);
		break;
	case FIELD_NAME:
		set_name(l, i, at);
		break;
	case FIELD_SHARE:
		set_share(l, i, f, at);
		break;
	case FIELD_RATE:
		set_rate(l, i, f, at);
		break;
	case FIELD_BOOL:
		set_bool(l, i, at);
		break;
	case FIELD_COUNT:
		set_count(l, i, f, at);
		break;
	default:
		break;
	}
}

static const char *
next_field(const void *ctx, size_t i)
{
	const struct field *fields = ctx;

	return fields[i].key;
}

static const struct field *
find_field(
    struct loader *l, const struct item *i, const struct field *fields, const char *what)
{
	char hint[80];

	for (const struct field *f = fields; f->key != NULL; f++) {
		if (strcmp(f->key, i->key) == 0)
			return f;
	}
	diag_error(&l->diag, i->place, "unknown key '%s' in %s%s", i->key, what,
	    load_hint(nearest(i->key, next_field, fields), hint, sizeof(hint)));
	return NULL;
}

void
load_field(struct loader *l, const struct item *i, const struct field *f, void *object)
{
	/* without an object every field is the caller's own */
	void *at = object != NULL ? (char *)object + f->offset : NULL;

	if (f->type == FIELD_OWN)
		f->own(l, i, object);
	else if (f->type == FIELD_USEC)
		(void)load_usec(l, i, (usec_t)f->min, (usec_t)f->max, at);
	else
		set_scalar(l, i, f, at);
}

static bool
is_read(struct loader *l, const struct item *i, const struct field *f, const char *what)
{
	if (f->type == FIELD_LATER)
		diag_error(&l->diag, i->place,
		    "'%s' of %s is not supported by this version", i->key, what);
	else if (f->type == FIELD_NOT_HERE)
		diag_error(
		    &l->diag, i->place, "%s takes no '%s': %s", what, i->key, f->why);
	else
		return true;
	return false;
}

void
load_fields(struct loader *l, const struct node *map, const struct field *fields,
    void *object, const char *what)
{
	if (!load_is_map(l, map, what))
		return;
	for (size_t k = 0; k < map->count; k++) {
		const struct item *i = &map->items[k];
		const struct field *f = find_field(l, i, fields, what);

		if (f != NULL && is_read(l, i, f, what))
			load_field(l, i, f, object);
	}
}

void
load_keys(struct loader *l, const struct node *map, const struct field *fields,
    const char *what)
{
	for (size_t k = 0; k < map->count; k++) {
		const struct field *f = find_field(l, &map->items[k], fields, what);

		if (f != NULL)
			(void)is_read(l, &map->items[k], f, what);
	}
}
