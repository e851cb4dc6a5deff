/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `probes:`, `guards:` and `load:`: how something is asked (the type), how often, and what
 * the judge needs.  The three differ in what is made of the answers, so each has a table of
 * the keys that mean something to it.
 */
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "loader.h"
#include "parse.h"
#include "xalloc.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX_MHZ (10000 * 1000)
#define LOAD_MAX_MHZ (50000 * 1000)
#define EXEC_MAX_MHZ \
 (100 * 1000) /* a process each: beyond it is a load test of this host */
#define RATE_DEFAULT    (10 * 1000)
#define RATE_GUARD      (1 * 1000)
#define OBJECTIVE       0.99
#define ABORT_AT_MIN    0.01
#define ABORT_AT_MAX    0.5
#define ABORT_AT_FACTOR 10
#define SAMPLES_LEAST   30

/* --- how it is asked ------------------------------------------------------------------- */

static const struct {
	enum probe_type type;
	void (*load)(struct loader *l, const struct item *i, void *object);
} types[] = {
	{ PROBE_HTTP, load_http },
	{ PROBE_TCP, load_tcp },
	{ PROBE_EXEC, load_exec },
	{ PROBE_PROMETHEUS, load_prometheus },
};

/* Said as such with the other keys. */
static bool
has_later_type(const struct node *n)
{
	return node_find(n, "dns") != NULL || node_find(n, "command") != NULL ||
	       node_find(n, "grpc") != NULL;
}

/* Before all else, since what other keys may be depends on it. */
static bool
load_type(struct loader *l, const struct node *n, struct probe_def *p, const char *what)
{
	const struct item *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct item *at = node_find(n, probe_type_name(types[i].type));

		if (at == NULL)
			continue;
		if (found != NULL) {
			diag_error(&l->diag, at->place,
			    "'%s' and '%s' are two ways to ask: leave one out",
			    found->key, at->key);
			return false;
		}
		found = at;
		p->type = types[i].type;
		types[i].load(l, at, p);
	}
	if (found == NULL && !has_later_type(n))
		diag_error(&l->diag, p->place,
		    "%s needs one of http, tcp, exec and prometheus", what);
	return found != NULL;
}

static void
leave_alone(struct loader *l, const struct item *i, void *object)
{
	(void)l; /* load_type has read it */
	(void)i;
	(void)object;
}

/* --- the keys -------------------------------------------------------------------------- */

static void
set_fresh(struct loader *l, const struct item *i, void *object)
{
	static const struct field share[] = {
		{ "fresh_connections", FIELD_SHARE, offsetof(struct probe_def, fresh) },
		{ 0 },
	};
	struct probe_def *p = object;

	if (p->type == PROBE_HTTP)
		load_field(l, i, share, p);
	else
		diag_error(&l->diag, i->place,
		    "'fresh_connections' goes with http, and this asks by %s",
		    probe_type_name(p->type));
}

#define PROBE(member) offsetof(struct probe_def, member)

/* clang-format off */
#define TYPE_FIELDS \
	{ "http", FIELD_OWN, .own = leave_alone }, \
	{ "tcp", FIELD_OWN, .own = leave_alone }, \
	{ "exec", FIELD_OWN, .own = leave_alone }, \
	{ "prometheus", FIELD_OWN, .own = leave_alone }, \
	{ "dns", FIELD_LATER }, \
	{ "command", FIELD_LATER }, \
	{ "grpc", FIELD_LATER }, \
	{ "good", FIELD_OWN, .own = load_good }, \
	{ "fresh_connections", FIELD_OWN, .own = set_fresh }, \
	{ "max_in_flight", FIELD_COUNT, PROBE(max_in_flight), 1, IN_FLIGHT_LIMIT }
/* clang-format on */

#define NOT_OF_A_GUARD "a guard holds or does not"
#define NOT_OF_LOAD    "base load is not judged"

static const struct field probe_fields[] = {
	TYPE_FIELDS,
	{ "rate", FIELD_RATE, PROBE(rate_mhz), 1, RATE_MAX_MHZ },
	{ "objective", FIELD_SHARE, PROBE(objective), 1000, 100000 },
	{ "abort_at", FIELD_SHARE, PROBE(abort_at), 100, 99000 },
	{ "slo", FIELD_OWN, .own = load_slo },
	{ 0 },
};

static const struct field guard_fields[] = {
	TYPE_FIELDS,
	{ "name", FIELD_NAME, PROBE(name) },
	{ "rate", FIELD_RATE, PROBE(rate_mhz), 1, RATE_MAX_MHZ },
	{ "objective", FIELD_NOT_HERE, .why = NOT_OF_A_GUARD },
	{ "abort_at", FIELD_NOT_HERE, .why = NOT_OF_A_GUARD },
	{ "slo", FIELD_NOT_HERE, .why = NOT_OF_A_GUARD },
	{ 0 },
};

static const struct field load_rows[] = {
	TYPE_FIELDS,
	{ "rate", FIELD_RATE, PROBE(rate_mhz), 1, LOAD_MAX_MHZ },
	{ "objective", FIELD_NOT_HERE, .why = NOT_OF_LOAD },
	{ "abort_at", FIELD_NOT_HERE, .why = NOT_OF_LOAD },
	{ "slo", FIELD_NOT_HERE, .why = NOT_OF_LOAD },
	{ 0 },
};

/* --- what goes together ---------------------------------------------------------------- */

/* The place of a key's value, or of the probe when it is not there. */
static struct place
place_of(const struct node *n, const char *key, struct place otherwise)
{
	const struct item *i = n->type == NODE_MAP ? node_find(n, key) : NULL;

	return i != NULL ? i->value->place : otherwise;
}

/* A share worth stopping for that a healthy system may show is no reason to stop. */
static void
check_shares(struct loader *l, const struct node *n, struct probe_def *p)
{
	double allowed = 1 - p->objective;

	if (p->abort_at <= 0)
		p->abort_at =
		    fmax(fmin(ABORT_AT_FACTOR * allowed, ABORT_AT_MAX), ABORT_AT_MIN);
	if (p->abort_at <= 2 * allowed + 1e-9)
		diag_error(&l->diag, place_of(n, "abort_at", p->place),
		    "'%s': abort_at %g%% must be more than twice the %g%% that the objective "
		    "lets be bad",
		    p->name, p->abort_at * 100, allowed * 100);
}

static void
check_exec_rate(struct loader *l, const struct node *n, const struct probe_def *p)
{
	if (p->type == PROBE_EXEC && p->rate_mhz > EXEC_MAX_MHZ)
		diag_error(&l->diag, place_of(n, "rate", p->place),
		    "rate: %g/s is too many programs to start: at most %d/s with exec",
		    (double)p->rate_mhz / 1000, EXEC_MAX_MHZ / 1000);
}

static void
load_one(struct loader *l, const struct node *n, const struct field *fields,
    struct probe_def *p, const char *what)
{
	unsigned before = l->diag.count;

	p->good.at_least = -INFINITY;
	p->good.at_most = INFINITY;
	if (!load_is_map(l, n, what))
		return;
	/* without a type there is nothing to check the others by but their names */
	if (load_type(l, n, p, what)) {
		load_fields(l, n, fields, p, what);
		check_exec_rate(l, n, p);
	} else {
		load_keys(l, n, fields, what);
	}
	if (l->diag.count == before)
		load_good_defaults(l, n, p);
}

/* Reports tell them apart by their names alone. */
static void
check_name(struct loader *l, struct place at, const struct probe_def *p)
{
	const struct experiment *x = l->x;
	const struct {
		const struct probe_def *list;
		size_t count;
		const char *what;
	} all[] = {
		{ x->probes, x->probe_count, "a probe" },
		{ x->guards, x->guard_count, "a guard" },
		{ x->loads, x->load_count, "base load" },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t k = 0; k < all[i].count; k++) {
			const struct probe_def *o = &all[i].list[k];

			if (o == p || strcmp(o->name, p->name) != 0 || p->name[0] == '\0')
				continue;
			diag_error(&l->diag, at,
			    "'%s' is the name of %s in line %u: reports tell them apart by it",
			    p->name, all[i].what, o->place.line);
			return;
		}
}

/* Read one into the last place of a growing array. */
static struct probe_def *
add_probe(struct probe_def **list, size_t *count)
{
	*list = xrealloc(*list, (*count + 1) * sizeof(**list));
	memset(&(*list)[*count], 0, sizeof(**list));
	return &(*list)[(*count)++];
}

/* One that is a key of a map: false when its name is none, which was said. */
static bool
take_name(struct loader *l, const struct item *i, struct probe_def *p, const char *what)
{
	struct err e;

	p->place = i->place;
	if (parse_name(i->key, &e) < 0) {
		diag_error(&l->diag, i->place, "name of %s: %s", what, e.msg);
		return false;
	}
	(void)snprintf(p->name, sizeof(p->name), "%s", i->key);
	check_name(l, i->place, p);
	return true;
}

/* --- the sections ---------------------------------------------------------------------- */

static void
load_probe(struct loader *l, const struct item *i)
{
	struct probe_def *p = add_probe(&l->x->probes, &l->x->probe_count);
	char what[NAME_MAX_LEN + 16];

	p->rate_mhz = RATE_DEFAULT;
	p->objective = OBJECTIVE;
	if (!take_name(l, i, p, "a probe"))
		return;
	(void)snprintf(what, sizeof(what), "probe '%s'", p->name);
	load_one(l, i->value, probe_fields, p, what);
	check_shares(l, i->value, p);
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
		check_name(l, place_of(list->items[k].value, "name", p->place), p);
	}
}

static void
load_base_load(struct loader *l, const struct item *i)
{
	struct probe_def *p = add_probe(&l->x->loads, &l->x->load_count);
	char what[NAME_MAX_LEN + 16];

	p->objective = 0;
	if (!take_name(l, i, p, "base load"))
		return;
	(void)snprintf(what, sizeof(what), "load '%s'", p->name);
	load_one(l, i->value, load_rows, p, what);
	if (i->value->type == NODE_MAP && node_find(i->value, "rate") == NULL)
		diag_error(
		    &l->diag, p->place, "%s needs a rate, such as 'rate: 500/s'", what);
}

void
load_loads(struct loader *l, const struct item *i, void *object)
{
	(void)object;
	if (!load_is_map(l, i->value, "'load'"))
		return;
	if (i->value->count > LOADS_MAX)
		diag_error(&l->diag, i->place, "more than %d of them", LOADS_MAX);
	for (size_t k = 0; k < i->value->count && k < LOADS_MAX; k++)
		load_base_load(l, &i->value->items[k]);
}

/* --- with the rest of the file --------------------------------------------------------- */

/* Better said now than after the wait: with so few samples nothing is ever injected. */
static void
check_baseline(struct loader *l, const struct probe_def *p)
{
	usec_t before = l->x->steady.before;
	double n = floor(
	    (double)p->rate_mhz / 1000 * (double)before / (double)USEC_PER_SEC + 1e-9);
	char text[32];

	if (n < SAMPLES_LEAST)
		diag_error(&l->diag, p->place,
		    "'%s' gets %g samples in %s before the faults, and %d are needed: raise its "
		    "rate or steady.before",
		    p->name, n, format_usec(before, text, sizeof(text)), SAMPLES_LEAST);
}

void
load_probes_check(struct loader *l, const struct node *root)
{
	const struct item *probes = node_find(root, "probes");

	for (size_t i = 0; i < l->x->probe_count; i++) {
		struct probe_def *p = &l->x->probes[i];
		const struct item *at = node_find(probes->value, p->name);

		check_baseline(l, p);
		if (p->slo.is_set)
			load_slo_check(l, node_find(at->value, "slo"), p);
	}
}
