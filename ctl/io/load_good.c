/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `good:` of a probe: which answers are good.  What an answer has differs by the probe's
 * type, which is known when this is read: a key that goes with another type is refused
 * here, since nothing would ever look at it.
 */
#include "cleanup.h"
#include "err.h"
#include "jq_worker.h"
#include "loader.h"
#include "parse.h"
#include "pattern.h"
#include "xalloc.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- status ---------------------------------------------------------------------------- */

static int
parse_status(const char *text, uint16_t *ret)
{
	if (strlen(text) != 3 || strspn(text, "0123456789") != 3 || text[0] < '1' ||
	    text[0] > '5')
		return -1;
	*ret = (uint16_t)((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
	return 0;
}

/* "200" or "200-299". */
static void
add_status(struct loader *l, const struct item *i, const char *text, struct good *g)
{
	struct status_range range = { 0 };
	char low[4] = "", high[4] = "";
	size_t len = strlen(text);

	if (len == 3 || (len == 7 && text[3] == '-')) {
		memcpy(low, text, 3);
		memcpy(high, len == 7 ? text + 4 : text, 3);
	}
	if (parse_status(low, &range.low) < 0 || parse_status(high, &range.high) < 0 ||
	    range.low > range.high)
		diag_error(&l->diag, i->value->place,
		    "status: '%s' is not a status or a range: write 200 or 200-299",
		    text);
	else if (g->status_count == STATUS_RANGES_MAX)
		diag_error(&l->diag, i->value->place, "status: more than %d ranges",
		    STATUS_RANGES_MAX);
	else
		g->status[g->status_count++] = range;
}

static void
add_statuses(struct loader *l, const struct item *i, const char *text, void *ctx)
{
	char one[16];
	size_t len;

	for (;; text += len + 1) {
		text += strspn(text, " ");
		len = strcspn(text, ",");
		(void)snprintf(one, sizeof(one), "%.*s", (int)len, text);
		add_status(l, i, one, ctx);
		if (text[len] == '\0')
			return;
	}
}

static void
set_status(struct loader *l, const struct item *i, void *object)
{
	load_each(l, i, add_statuses, object);
}

/* --- patterns -------------------------------------------------------------------------- */

/* Compiled here only to say what is wrong with it; the probe compiles its own. */
static bool
is_pattern(struct loader *l, const struct item *i, const char *text)
{
	struct pattern *p;
	struct err e;

	if (pattern_compile(&p, text, &e) < 0) {
		diag_error(&l->diag, i->value->place, "%s: not a pattern: %s of '%s'",
		    i->key, e.msg, text);
		return false;
	}
	pattern_free(p);
	return true;
}

static void
set_body(struct loader *l, const struct item *i, void *object)
{
	struct good *g = object;
	const char *text = load_text(l, i);

	if (text == NULL || !is_pattern(l, i, text))
		return;
	free(g->body);
	g->body = xstrdup(text);
}

static void
add_header(struct loader *l, const struct item *i, struct good *g)
{
	const char *text;
	struct header_rule *h;

	if (!load_header_name(l, i))
		return;
	text = load_text(l, i);
	if (text == NULL || !is_pattern(l, i, text))
		return;
	if (g->header_count == HEADER_RULES_MAX) {
		diag_error(&l->diag, i->place, "more than %d headers to look at",
		    HEADER_RULES_MAX);
		return;
	}
	h = &g->headers[g->header_count++];
	h->name = xstrdup(i->key);
	h->pattern = xstrdup(text);
}

static void
set_headers(struct loader *l, const struct item *i, void *object)
{
	if (!load_is_map(l, i->value, "'headers'"))
		return;
	for (size_t k = 0; k < i->value->count; k++)
		add_header(l, &i->value->items[k], object);
}

/* jq itself is asked.  Where its program is not installed it cannot be, and a drill says so
 * before it begins. */
static bool
is_filter(struct loader *l, const struct item *i, const char *text)
{
	struct err e;
	int r = jq_check(text, &e);

	if (r < 0 && r != -ENOENT)
		diag_error(&l->diag, i->value->place, "%s", e.msg);
	return r == 0 || r == -ENOENT;
}

void
load_jq(struct loader *l, const struct item *i, struct good *g)
{
	const char *text = load_text(l, i);

	if (text == NULL)
		return;
	if (g->jq != NULL)
		diag_error(
		    &l->diag, i->place, "'jq' is in 'http' and in 'good': leave one out");
	else if (text[strspn(text, " \t\n")] == '\0')
		diag_error(&l->diag, i->value->place, "'jq' is empty");
	else if (is_filter(l, i, text))
		g->jq = xstrdup(text);
}

static void
set_jq(struct loader *l, const struct item *i, void *object)
{
	load_jq(l, i, object);
}

/* --- of exec and prometheus ------------------------------------------------------------ */

static void
set_exit(struct loader *l, const struct item *i, void *object)
{
	struct good *g = object;
	const char *text = load_text(l, i);
	uint64_t v;
	struct err e;

	if (text == NULL)
		return;
	if (parse_u64(text, &v, &e) < 0 || v > UINT8_MAX)
		diag_error(&l->diag, i->value->place,
		    "exit: '%s' is not an exit status: write 0 to 255", text);
	else
		g->exit_status = (uint8_t)v;
}

static void
set_number(struct loader *l, const struct item *i, double *ret)
{
	const char *text = load_text(l, i);
	struct err e;

	if (text != NULL && parse_number(text, ret, &e) < 0)
		load_bad(l, i, &e);
}

static void
set_at_most(struct loader *l, const struct item *i, void *object)
{
	set_number(l, i, &((struct good *)object)->at_most);
}

static void
set_at_least(struct loader *l, const struct item *i, void *object)
{
	set_number(l, i, &((struct good *)object)->at_least);
}

static void
set_empty(struct loader *l, const struct item *i, void *object)
{
	struct good *g = object;
	const char *text = load_text(l, i);

	if (text == NULL)
		return;
	if (strcmp(text, "good") == 0)
		g->may_be_empty = true;
	else if (strcmp(text, "bad") == 0)
		g->may_be_empty = false;
	else
		diag_error(&l->diag, i->value->place,
		    "empty: '%s' is neither good nor bad", text);
}

/* --- all of it ------------------------------------------------------------------------- */

static const struct field good_fields[] = {
	{ "within", FIELD_USEC, offsetof(struct good, within), 1000,
	    5 * 60 * USEC_PER_SEC },
	{ "status", FIELD_OWN, .own = set_status },
	{ "headers", FIELD_OWN, .own = set_headers },
	{ "body", FIELD_OWN, .own = set_body },
	{ "jq", FIELD_OWN, .own = set_jq },
	{ "exit", FIELD_OWN, .own = set_exit },
	{ "at_most", FIELD_OWN, .own = set_at_most },
	{ "at_least", FIELD_OWN, .own = set_at_least },
	{ "empty", FIELD_OWN, .own = set_empty },
	{ 0 },
};

#define OF(type) (1u << (type))

/* Which keys go with which types; one that is not here goes with all. */
static const struct {
	const char *key;
	unsigned types;
	const char *with; /* in words */
} goes_with[] = {
	{ "status", OF(PROBE_HTTP), "http" },
	{ "headers", OF(PROBE_HTTP), "http" },
	{ "body", OF(PROBE_HTTP) | OF(PROBE_TCP) | OF(PROBE_EXEC), "http, tcp and exec" },
	{ "jq", OF(PROBE_HTTP) | OF(PROBE_EXEC), "http and exec" },
	{ "exit", OF(PROBE_EXEC), "exec" },
	{ "at_most", OF(PROBE_PROMETHEUS), "prometheus" },
	{ "at_least", OF(PROBE_PROMETHEUS), "prometheus" },
	{ "empty", OF(PROBE_PROMETHEUS), "prometheus" },
};

static void
check_type(struct loader *l, const struct item *i, enum probe_type type)
{
	for (size_t k = 0; k < ARRAY_LEN(goes_with); k++) {
		if (strcmp(goes_with[k].key, i->key) == 0 &&
		    (goes_with[k].types & OF(type)) == 0)
			diag_error(&l->diag, i->place,
			    "'%s' goes with %s, and this asks by %s", i->key,
			    goes_with[k].with, probe_type_name(type));
	}
}

static void
check_bounds(struct loader *l, const struct item *i, const struct good *g)
{
	bool bounded = !isinf(g->at_least) || !isinf(g->at_most);

	if (g->at_least > g->at_most)
		diag_error(&l->diag, i->place,
		    "no value is at least %g and at most %g at once", g->at_least,
		    g->at_most);
	if (g->may_be_empty && !bounded)
		diag_error(&l->diag, i->place,
		    "'empty: good' without 'at_most' or 'at_least': then no answer is bad");
}

static void
check_head(struct loader *l, const struct item *i, const struct probe_def *p)
{
	if (p->type == PROBE_HTTP && p->http.method != NULL &&
	    strcmp(p->http.method, "HEAD") == 0 &&
	    (p->good.body != NULL || p->good.jq != NULL))
		diag_error(&l->diag, i->place,
		    "an answer to HEAD has no body: '%s' would never find anything",
		    p->good.body != NULL ? "body" : "jq");
}

void
load_good(struct loader *l, const struct item *i, void *object)
{
	struct probe_def *p = object;
	unsigned before = l->diag.count;

	load_fields(l, i->value, good_fields, &p->good, "'good'");
	if (i->value->type != NODE_MAP)
		return;
	for (size_t k = 0; k < i->value->count; k++)
		check_type(l, &i->value->items[k], p->type);
	if (l->diag.count == before)
		check_bounds(l, i, &p->good);
	check_head(l, i, p);
}

/* Where in the probe a key is: the place to point at when it is wrong. */
static struct place
place_within(const struct node *probe, const struct probe_def *p)
{
	const struct item *good = node_find(probe, "good");
	const struct item *within = good != NULL && good->value->type == NODE_MAP ?
					node_find(good->value, "within") :
					NULL;

	return within != NULL ? within->value->place : p->place;
}

void
load_good_defaults(struct loader *l, const struct node *probe, struct probe_def *p)
{
	static const struct status_range usual[PROBE_TYPES] = {
		[PROBE_HTTP] = { 200, 399 },
		[PROBE_PROMETHEUS] = { 200, 299 },
	};
	char timeout[32];

	if (p->good.status_count == 0 && usual[p->type].low != 0)
		p->good.status[p->good.status_count++] = usual[p->type];
	if (p->good.within > probe_timeout(p))
		diag_error(&l->diag, place_within(probe, p),
		    "within: longer than the timeout, %s: such an answer never arrives",
		    format_usec(probe_timeout(p), timeout, sizeof(timeout)));
	if (p->good.within == 0)
		p->good.within = probe_timeout(p);
}
