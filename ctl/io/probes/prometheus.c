/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe that asks Prometheus (or what speaks its API) an instant query: good when every
 * value of the answer lies within the bounds.  It asks as an HTTP probe does; only what the
 * answer means is here.  NaN lies within no bounds.  Whoever writes a query that gives a
 * thousand series wanted max() of them: an answer that is too long says so.
 */
#include "cleanup.h"
#include "err.h"
#include "http.h"
#include "http_shape.h"
#include "parse.h"
#include "printable.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of an answer so far. */
struct seen {
	const struct good *good;
	size_t series, outside;
	bool is_odd;   /* there is something that is no value */
	double value;  /* the first that lies outside */
	char text[32]; /* as it was written */
};

/* "1.5e-05" "NaN" "+Inf"; false: nothing of the kind. */
static bool
read_value(const json_t *j, double *ret)
{
	const char *text = json_string_value(j);
	struct err ignored;

	if (text == NULL)
		return false;
	if (strcmp(text, "NaN") == 0)
		*ret = (double)NAN;
	else if (strcmp(text, "+Inf") == 0 || strcmp(text, "Inf") == 0)
		*ret = (double)INFINITY;
	else if (strcmp(text, "-Inf") == 0)
		*ret = -(double)INFINITY;
	else
		return parse_number(text, ret, &ignored) == 0;
	return true;
}

/* [moment, "value"] */
static void
look_at(struct seen *s, const json_t *sample)
{
	const json_t *text = json_array_get(sample, 1);
	double v;

	s->series++;
	if (!read_value(text, &v)) {
		s->is_odd = true;
		return;
	}
	if (v >= s->good->at_least && v <= s->good->at_most) /* never so for NaN */
		return;
	if (s->outside++ > 0)
		return;
	s->value = v;
	(void)snprintf(s->text, sizeof(s->text), "%s", json_string_value(text));
}

static enum sample_class
say_outside(const struct seen *s, char *why, size_t size)
{
	const struct good *g = s->good;
	bool is_over = s->value > g->at_most;
	char among[64] = "";

	if (s->series > 1)
		(void)snprintf(
		    among, sizeof(among), " (%zu of %zu series)", s->outside, s->series);
	if (isnan(s->value))
		(void)snprintf(why, size, "the value is not a number%s", among);
	else
		(void)snprintf(why, size, "%s is %s than %g%s", s->text,
		    is_over ? "more" : "less", is_over ? g->at_most : g->at_least, among);
	return SAMPLE_BODY;
}

static enum sample_class
check_values(const struct seen *s, char *why, size_t size)
{
	if (s->outside > 0)
		return say_outside(s, why, size);
	if (s->is_odd) {
		(void)snprintf(why, size, "the answer has something that is no value");
		return SAMPLE_BODY;
	}
	if (s->series == 0 && !s->good->may_be_empty) {
		(void)snprintf(why, size, "the answer is empty");
		return SAMPLE_BODY;
	}
	return SAMPLE_OK;
}

static enum sample_class
check_data(const struct good *g, const json_t *data, char *why, size_t size)
{
	const char *type = json_string_value(json_object_get(data, "resultType"));
	const json_t *result = json_object_get(data, "result"), *one;
	struct seen s = { .good = g };
	size_t i;

	if (type != NULL && strcmp(type, "scalar") == 0) {
		look_at(&s, result);
	} else if (type != NULL && strcmp(type, "vector") == 0 && json_is_array(result)) {
		json_array_foreach(result, i, one)
		    look_at(&s, json_object_get(one, "value"));
	} else {
		bool is_known = type != NULL && (strcmp(type, "matrix") == 0 ||
						    strcmp(type, "string") == 0);

		if (is_known)
			(void)snprintf(why, size,
			    "the query gives a %s, not an instant vector", type);
		else
			(void)snprintf(why, size, "not an answer of Prometheus");
		return SAMPLE_BODY;
	}
	return check_values(&s, why, size);
}

/* "bad_data: parse error …", in its own words. */
static enum sample_class
say_error(const json_t *answer, long status, char *why, size_t size)
{
	const char *type = json_string_value(json_object_get(answer, "errorType"));
	const char *text = json_string_value(json_object_get(answer, "error"));
	char code[32] = "";

	if (status != 200)
		(void)snprintf(code, sizeof(code), "status %ld", status);
	(void)snprintf(why, size, "%s%s%s%s%s", code,
	    code[0] != '\0' && type != NULL ? ": " : "", type != NULL ? type : "",
	    type != NULL && text != NULL ? ": " : "", text != NULL ? text : "");
	text_make_printable(why);
	if (why[0] == '\0')
		(void)snprintf(why, size, "not an answer of Prometheus");
	return status != 200 ? SAMPLE_STATUS : SAMPLE_BODY;
}

static enum sample_class
check(const struct http_answer *a, long status, char *why, size_t size)
{
	json_t *answer;
	enum sample_class class;

	if (a->received > a->kept) {
		(void)snprintf(why, size,
		    "the answer is longer than %d KiB: ask for max() or sum()",
		    HTTP_BODY_KEPT / 1024);
		return SAMPLE_BODY;
	}
	answer = json_loadb(a->kept > 0 ? a->body : "", a->kept, 0, NULL);
	const char *said = json_string_value(json_object_get(answer, "status"));
	if (status == 200 && said != NULL && strcmp(said, "success") == 0)
		class = check_data(
		    &a->http->def->good, json_object_get(answer, "data"), why, size);
	else
		class = say_error(answer, status, why, size);
	json_decref(answer);
	return class;
}

static int
prometheus_open(struct probe *b, struct err *e)
{
	struct http *h;
	int r = http_open(&h, probe_definition(b), e);

	if (r < 0)
		return r;
	h->keeps_body = true;
	h->check = check;
	*probe_keep(b) = h;
	return 0;
}

const struct probe_type_row probe_type_prometheus = {
	.open = prometheus_open,
	.release = http_release,
	.make = http_make,
	.unmake = http_unmake,
	.start = http_start,
	.stop = http_stop,
	.overdue = http_overdue,
	.connects_slowly = http_connects_slowly,
	.is_connecting = http_is_connecting,
};
