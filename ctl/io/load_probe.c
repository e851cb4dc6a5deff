/* SPDX-License-Identifier: Apache-2.0 */
/* `probes:` and `guards:`, with what makes an answer good and what the judge needs. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "bounds.h"
#include "err.h"
#include "loader.h"
#include "parse.h"
#include "xalloc.h"
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX_MHZ    (10000 * 1000)
#define RATE_DEFAULT    (10 * 1000)
#define RATE_GUARD      (1 * 1000)
#define OBJECTIVE       0.99
#define ABORT_AT_MIN    0.01
#define ABORT_AT_MAX    0.5
#define ABORT_AT_FACTOR 10

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

/* Compiled here only to say what is wrong with it; the prober compiles its own. */
static void
set_pattern(struct loader *l, const struct item *i, void *object)
{
	struct good *g = object;
	const char *text = load_text(l, i);
	PCRE2_UCHAR why[120] = "";
	PCRE2_SIZE at;
	pcre2_code *code;
	int error;

	if (text == NULL)
		return;
	code =
	    pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
	if (code == NULL) {
		(void)pcre2_get_error_message(error, why, sizeof(why));
		diag_error(&l->diag, i->value->place,
		    "body: not a pattern: %s, at character %zu of '%s'",
		    (const char *)why, at + 1, text);
		return;
	}
	pcre2_code_free(code);
	free(g->body);
	g->body = xstrdup(text);
}

static const struct field good_fields[] = {
	{ "status", FIELD_OWN, .own = set_status },
	{ "within", FIELD_USEC, offsetof(struct good, within), 1000,
	    5 * 60 * USEC_PER_SEC },
	{ "body", FIELD_OWN, .own = set_pattern },
	{ "jq", FIELD_LATER },
	{ "headers", FIELD_LATER },
	{ 0 },
};

static void
set_good(struct loader *l, const struct item *i, void *object)
{
	struct probe_def *p = object;

	load_fields(l, i->value, good_fields, &p->good, "'good'");
}

#define PROBE(member) offsetof(struct probe_def, member)
#define OTHER_TYPES                                                       \
 { "tcp", FIELD_LATER }, { "dns", FIELD_LATER }, { "exec", FIELD_LATER }, \
     { "command", FIELD_LATER }, { "prometheus", FIELD_LATER },           \
 {                                                                        \
  "grpc", FIELD_LATER                                                     \
 }

static const struct field probe_fields[] = {
	{ "http", FIELD_OWN, .own = load_http },
	{ "rate", FIELD_RATE, PROBE(rate_mhz), 1, RATE_MAX_MHZ },
	{ "good", FIELD_OWN, .own = set_good },
	{ "objective", FIELD_SHARE, PROBE(objective), 1000, 100000 },
	{ "abort_at", FIELD_SHARE, PROBE(abort_at), 100, 99000 },
	OTHER_TYPES,
	{ 0 },
};

static const struct field guard_fields[] = {
	{ "name", FIELD_NAME, PROBE(name) },
	{ "http", FIELD_OWN, .own = load_http },
	{ "rate", FIELD_RATE, PROBE(rate_mhz), 1, RATE_MAX_MHZ },
	{ "good", FIELD_OWN, .own = set_good },
	OTHER_TYPES,
	{ 0 },
};

static void
check_good(struct loader *l, struct probe_def *p)
{
	if (p->good.status_count == 0)
		p->good.status[p->good.status_count++] =
		    (struct status_range){ 200, 399 };
	if (p->good.within > p->http.timeout)
		diag_error(&l->diag, p->place,
		    "'%s': 'within' is longer than 'timeout': such an answer never arrives",
		    p->name);
	if (p->good.within == 0)
		p->good.within = p->http.timeout;
}

/* A share worth stopping for that a healthy system may show is no reason to stop. */
static void
check_shares(struct loader *l, struct probe_def *p)
{
	double allowed = 1 - p->objective;

	if (p->abort_at <= 0) {
		p->abort_at = ABORT_AT_FACTOR * allowed;
		if (p->abort_at > ABORT_AT_MAX)
			p->abort_at = ABORT_AT_MAX;
		if (p->abort_at < ABORT_AT_MIN)
			p->abort_at = ABORT_AT_MIN;
	}
	if (p->abort_at <= 2 * allowed + 1e-9)
		diag_error(&l->diag, p->place,
		    "'%s': abort_at %g%% must be more than twice the %g%% that the objective "
		    "lets be bad",
		    p->name, p->abort_at * 100, allowed * 100);
}

/* Read one into the last place of a growing array. */
static struct probe_def *
add_probe(struct probe_def **list, size_t *count)
{
	*list = xrealloc(*list, (*count + 1) * sizeof(**list));
	memset(&(*list)[*count], 0, sizeof(**list));
	return &(*list)[(*count)++];
}

static void
load_one(struct loader *l, const struct node *n, const struct field *fields,
    struct probe_def *p, const char *what)
{
	load_fields(l, n, fields, p, what);
	if (n->type != NODE_MAP)
		return;
	if (node_find(n, "http") == NULL)
		diag_error(&l->diag, p->place, "%s needs an http", what);
	else
		check_good(l, p);
}

static void
load_probe(struct loader *l, const struct item *i)
{
	struct probe_def *p = add_probe(&l->x->probes, &l->x->probe_count);
	char what[NAME_MAX_LEN + 16];
	struct err e;

	p->place = i->place;
	p->rate_mhz = RATE_DEFAULT;
	p->objective = OBJECTIVE;
	if (parse_name(i->key, &e) < 0) {
		diag_error(&l->diag, i->place, "name of a probe: %s", e.msg);
		return;
	}
	(void)snprintf(p->name, sizeof(p->name), "%s", i->key);
	(void)snprintf(what, sizeof(what), "probe '%s'", p->name);
	load_one(l, i->value, probe_fields, p, what);
	check_shares(l, p);
}

void
load_probes(struct loader *l, const struct item *i, void *object)
{
	(void)object;
	if (!load_is_map(l, i->value, "'probes'"))
		return;
	if (i->value->count > PROBES_MAX)
		diag_error(&l->diag, i->place, "more than %d probes", PROBES_MAX);
	for (size_t k = 0; k < i->value->count && k < PROBES_MAX; k++)
		load_probe(l, &i->value->items[k]);
}

void
load_guards(struct loader *l, const struct item *i, void *object)
{
	const struct node *list = i->value;

	(void)object;
	if (list->type != NODE_LIST) {
		diag_error(&l->diag, list->place, "'guards' takes a list, not %s",
		    node_type_name(list));
		return;
	}
	if (list->count > GUARDS_MAX)
		diag_error(&l->diag, i->place, "more than %d guards", GUARDS_MAX);
	for (size_t k = 0; k < list->count && k < GUARDS_MAX; k++) {
		struct probe_def *p = add_probe(&l->x->guards, &l->x->guard_count);

		p->place = list->items[k].place;
		p->rate_mhz = RATE_GUARD;
		p->objective = 1;
		(void)snprintf(p->name, sizeof(p->name), "guard-%zu", k + 1);
		load_one(l, list->items[k].value, guard_fields, p, "a guard");
	}
}
