/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading --vary, and giving the experiment another value.  The experiment is the search's
 * own; what is changed is checked by the same rules as what stands in its file.
 */
#include "search_vary.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include "quote.h"
#include "xalloc.h"
#include <stdio.h>
#include <string.h>

#define FOR "for"

/* --- which ---------------------------------------------------------------------------- */

static int
unknown_fault(const struct experiment *x, const char *name, struct err *e)
{
	char all[160] = "";
	size_t at = 0;

	for (size_t i = 0; i < x->fault_count && at < sizeof(all); i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s",
		    i > 0 ? ", " : "", x->faults[i].spec.name);
	return err_invalid(e, "there is no fault '%s' in the experiment: it has %s",
	    quote(name).text, all);
}

static int
find_fault(struct experiment *x, const char *name, struct fault_def **ret, struct err *e)
{
	struct fault_def *of_kind = NULL, *of_name = NULL;
	size_t twins = 0;

	for (size_t i = 0; i < x->fault_count; i++) {
		struct fault_def *f = &x->faults[i];

		if (strcmp(f->spec.name, name) == 0)
			of_name = f;
		if (strcmp(f->spec.kind, name) != 0)
			continue;
		of_kind = f;
		twins++;
	}
	if (twins > 1)
		return err_invalid(e,
		    "%zu faults are of the kind %s: give the one that is meant an id",
		    twins, name);
	*ret = of_name != NULL ? of_name : of_kind;
	return *ret != NULL ? 0 : unknown_fault(x, name, e);
}

/* What there can be more or less of. */
static bool
is_amount(enum param_type t)
{
	switch (t) {
	case PARAM_USEC:
	case PARAM_OFFSET:
	case PARAM_PPM:
	case PARAM_PERCENT:
	case PARAM_SIZE:
	case PARAM_INT:
	case PARAM_COUNT:
	case PARAM_RATE:
		return true;
	default:
		return false;
	}
}

static int
find_param(struct vary *v, const char *name, struct err *e)
{
	const struct kind *k = kind_find(v->fault->spec.kind);
	const char *near;

	if (strcmp(name, FOR) == 0) {
		v->type = PARAM_USEC;
		return kind_takes_for(k) ?
			   0 :
			   err_invalid(e, "%s happens once and takes no 'for'", k->name);
	}
	v->param = kind_param(k, name);
	if (v->param == NULL) {
		near = kind_param_nearest(k, name);
		return err_invalid(e, "%s has no parameter '%s'%s%s%s", k->name,
		    quote(name).text, near != NULL ? " (did you mean '" : "",
		    near != NULL ? near : "", near != NULL ? "'?)" : "");
	}
	v->type = v->param->type;
	if (!is_amount(v->type))
		return err_invalid(e, "there is no more or less of %s (%s)", name,
		    param_type_name(v->type));
	return 0;
}

/* --- from where to where -------------------------------------------------------------- */

static int
parse_value(const struct vary *v, const char *text, int64_t *ret, struct err *e)
{
	_cleanup_free_ struct spec *alone = NULL;
	usec_t span = 0;
	int r;

	if (v->param == NULL) {
		r = parse_usec(text, &span, e);
		*ret = (int64_t)span;
		return r;
	}
	/* spec_set is the door by which every value comes in; a spec is large */
	alone = xcalloc(1, sizeof(*alone));
	spec_init(alone, kind_find(v->fault->spec.kind));
	r = spec_set(alone, v->param->name, text, e);
	if (r < 0)
		return r;
	*ret = spec_num(alone, v->param->name);
	if (v->type == PARAM_COUNT && *ret == 0)
		return err_invalid(e, "'all' is no number to search from or to");
	return 0;
}

static int
parse_range(struct vary *v, const char *range, struct err *e)
{
	const char *dots = strstr(range, "..");

	if (dots == NULL)
		return err_invalid(
		    e, "'%s' is not FROM..TO, such as 10ms..2s", quote(range).text);
	_cleanup_free_ char *from = xstrndup(range, (size_t)(dots - range));
	int r = parse_value(v, from, &v->from, e);
	if (r == 0)
		r = parse_value(v, dots + 2, &v->to, e);
	if (r == 0 && v->from == v->to)
		return err_invalid(e, "%s is where it begins and where it ends", from);
	return r;
}

/* The last dot that parts fault from parameter: both kinds and ids may have some. */
static int
parse_what(struct vary *v, struct experiment *x, char *what, struct err *e)
{
	char *dot = strrchr(what, '.');
	int r;

	if (dot == NULL)
		return err_invalid(e, "'%s' is not FAULT.PARAM, such as net.delay.delay",
		    quote(what).text);
	(void)snprintf(v->name, sizeof(v->name), "%s", what);
	*dot = '\0';
	r = find_fault(x, what, &v->fault, e);
	return r < 0 ? r : find_param(v, dot + 1, e);
}

int
vary_parse(struct vary *ret, struct experiment *x, const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	struct vary v = { 0 };

	if (equals == NULL)
		return err_invalid(
		    e, "'%s' is not FAULT.PARAM=FROM..TO", quote(text).text);
	_cleanup_free_ char *what = xstrndup(text, (size_t)(equals - text));
	int r = parse_what(&v, x, what, e);
	if (r == 0)
		r = parse_range(&v, equals + 1, e);
	if (r == 0)
		r = vary_set(&v, v.to, e);
	if (r == 0)
		r = vary_set(&v, v.from, e);
	if (r == 0)
		*ret = v;
	return r;
}

/* --- giving it ------------------------------------------------------------------------ */

int
vary_set(const struct vary *v, int64_t value, struct err *e)
{
	struct fault_def *f = v->fault;
	char text[VARY_TEXT];
	int r;

	if (v->param == NULL) {
		if (value <= 0 || value > (int64_t)(SPEC_TIME_MAX_SEC * USEC_PER_SEC))
			return err_invalid(e, "a fault cannot last %s",
			    vary_format(v, value, text, sizeof(text)));
		f->spec.duration = (usec_t)value;
		return 0;
	}
	r = spec_change(&f->spec, v->param->name, value, e);
	return r < 0 ? r : fault_finish(f, fault_is_open(f), e);
}

const char *
vary_param(const struct vary *v)
{
	return v->param != NULL ? v->param->name : FOR;
}

const char *
vary_format(const struct vary *v, int64_t value, char *buf, size_t size)
{
	if (v->param == NULL)
		return format_usec((usec_t)value, buf, size);
	return param_format(v->param, value, buf, size);
}
