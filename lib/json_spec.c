/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spec as JSON.  Values cross in their written form ("100ms"), so that the other side
 * parses them by the same rules as a file, and a person can write a request by hand.
 */
#include "err.h"
#include "json_field.h"
#include "kind.h"
#include "param.h"
#include "quote.h"
#include "spec_json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *
strings_to_json(const struct spec *s, const char *name)
{
	json_t *list = json_array();
	const char *item;

	for (size_t i = 0; (item = spec_string(s, name, i)) != NULL; i++)
		(void)json_array_append_new(list, json_string(item));
	return list;
}

static json_t *
nets_to_json(const struct spec *s, const char *name)
{
	json_t *list = json_array();
	char text[64];

	if (strcmp(spec_format(s, name, text, sizeof(text)), "any") == 0) {
		(void)json_array_append_new(list, json_string("any"));
		return list;
	}
	for (size_t i = 0; i < s->nets_count; i++)
		(void)json_array_append_new(
		    list, json_string(format_net(&s->nets[i], text, sizeof(text))));
	return list;
}

static json_t *
param_to_json(const struct spec *s, const struct param *p)
{
	char text[SPEC_TEXT_MAX];

	if (param_is_list(p))
		return strings_to_json(s, p->name);
	if (p->type == PARAM_NETS)
		return nets_to_json(s, p->name);
	return json_string(spec_format(s, p->name, text, sizeof(text)));
}

json_t *
spec_to_json(const struct spec *s)
{
	const struct kind *k = kind_find(s->kind);
	json_t *j = json_object(), *params = json_object();

	json_put_text(j, "kind", s->kind);
	json_put_text(j, "name", s->name);
	json_put_num(j, "at_us", s->at);
	json_put_num(j, "for_us", s->duration);
	for (const struct param *p = k != NULL ? k->params : NULL;
	     p != NULL && p->name != NULL; p++) {
		if (spec_has(s, p->name))
			(void)json_object_set_new(params, p->name, param_to_json(s, p));
	}
	(void)json_object_set_new(j, "params", params);
	return j;
}

static int
set_value(struct spec *s, const char *name, const json_t *v, struct err *e)
{
	char number[32];

	if (json_is_integer(v)) {
		(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
		return spec_set(s, name, number, e);
	}
	if (json_is_boolean(v))
		return spec_set(s, name, json_is_true(v) ? "true" : "false", e);
	if (!json_is_string(v))
		return err_invalid(e,
		    "%s: its value is neither a string, a whole number, true nor false",
		    quote(name).text);
	if (strlen(json_string_value(v)) != json_string_length(v))
		return err_invalid(e, "%s: its value has a NUL in it", quote(name).text);
	return spec_set(s, name, json_string_value(v), e);
}

static int
set_param(struct spec *s, const char *name, const json_t *v, struct err *e)
{
	const json_t *item;
	size_t i;
	int r = 0;

	if (!json_is_array(v))
		return set_value(s, name, v, e);
	json_array_foreach(v, i, item)
	{
		r = set_value(s, name, item, e);
		if (r < 0)
			break;
	}
	return r;
}

static int
head_from_json(const json_t *j, struct spec *s, struct err *e)
{
	const struct kind *k;
	char kind[KIND_NAME_MAX] = "", name[NAME_MAX_LEN] = "";
	uint64_t at = 0, duration = 0;
	int r = json_want_object(j, "a fault", e);

	if (r == 0)
		r = json_get_text(j, "kind", kind, sizeof(kind), e);
	if (r == 0)
		r = json_get_text(j, "name", name, sizeof(name), e);
	if (r == 0)
		r = json_get_u64(j, "at_us", &at, e);
	if (r == 0)
		r = json_get_u64(j, "for_us", &duration, e);
	if (r < 0)
		return r;
	k = kind_find(kind);
	if (k == NULL)
		return err_invalid(e, "unknown fault kind '%s'", quote(kind).text);
	spec_init(s, k);
	memcpy(s->name, name, sizeof(name));
	s->at = at;
	s->duration = duration;
	return 0;
}

static int
params_from_json(const json_t *params, struct spec *s, struct err *e)
{
	const char *name;
	json_t *v;
	int r = params != NULL ? json_want_object(params, "'params'", e) : 0;

	if (r < 0)
		return r;
	/* jansson's iterator takes the object without const; nothing is changed */
	json_object_foreach((json_t *)(uintptr_t)params, name, v)
	{
		r = set_param(s, name, v, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int
spec_from_json(const json_t *j, struct spec *ret, struct err *e)
{
	struct spec s;
	int r = head_from_json(j, &s, e);

	if (r == 0)
		r = params_from_json(json_object_get(j, "params"), &s, e);
	if (r == 0)
		r = spec_finish(&s, e);
	if (r == 0)
		r = spec_verify(&s, e);
	if (r == 0)
		*ret = s;
	return r;
}
