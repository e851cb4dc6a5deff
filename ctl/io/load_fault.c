/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `faults:`.  A fault's key with a dot in it is its kind; its parameters go through
 * spec_set, the same door as the command line and the API.  Where its `to` is left to
 * the roster, the rest is checked with an address in its place.
 */
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "loader.h"
#include "parse.h"
#include "resolve.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
set_value(struct loader *l, const struct item *i, const char *text, void *ctx)
{
	struct fault_def *f = ctx;
	struct err e;

	if (resolve_set(&f->spec, i->key, text, &f->resolved, &e) < 0)
		diag_error(&l->diag, i->value->place, "%s", e.msg);
}

static void
set_param(
    struct loader *l, const struct item *i, const struct kind *k, struct fault_def *f)
{
	struct err e;

	if (kind_param(k, i->key) == NULL) {
		(void)spec_set(&f->spec, i->key, "", &e);
		diag_error(&l->diag, i->place, "%s", e.msg);
		return;
	}
	load_each(l, i, set_value, f);
}

/* A parameter whose variable has no value is not missing: that was said elsewhere. */
static bool
has_broken(const struct node *n)
{
	bool broken = n->is_broken;

	for (size_t i = 0; i < n->count && !broken; i++)
		broken = has_broken(n->items[i].value);
	return broken;
}

/* False when something was wrong, or is not known: then there is nothing to finish. */
static bool
set_params(
    struct loader *l, const struct item *i, const struct kind *k, struct fault_def *f)
{
	unsigned before = l->diag.count;

	spec_init(&f->spec, k);
	if (node_is_null(i->value))
		return true;
	if (!load_is_map(l, i->value, k->name))
		return false;
	for (size_t n = 0; n < i->value->count; n++)
		set_param(l, &i->value->items[n], k, f);
	return l->diag.count == before && !has_broken(i->value);
}

static const char *
next_word(const void *ctx, size_t i)
{
	static const char *const words[] = { "id", "target", "against", "topology", "at",
		"for", NULL };

	(void)ctx;
	return words[i];
}

static void
say_unknown(struct loader *l, const struct item *i)
{
	bool is_kind = strchr(i->key, '.') != NULL;
	const char *near =
	    is_kind ? kind_nearest(i->key) : nearest(i->key, next_word, NULL);
	char hint[80];

	if (near == NULL)
		near = kind_nearest(i->key);
	diag_error(&l->diag, i->place, "unknown %s '%s'%s",
	    is_kind ? "fault kind" : "key of a fault", i->key,
	    load_hint(near, hint, sizeof(hint)));
}

static void
set_id(struct loader *l, const struct item *i, struct fault_def *f)
{
	const char *text = load_text(l, i);
	struct err e;

	if (text != NULL && parse_name(text, &e) < 0)
		load_bad(l, i, &e);
	else if (text != NULL)
		(void)snprintf(f->spec.name, sizeof(f->spec.name), "%s", text);
}

static void
set_word(struct loader *l, const struct item *i, struct fault_def *f)
{
	const usec_t most = SPEC_TIME_MAX_SEC * USEC_PER_SEC;

	if (strcmp(i->key, "id") == 0)
		set_id(l, i, f);
	else if (strcmp(i->key, "target") == 0)
		load_fault_target(l, i, f->target);
	else if (strcmp(i->key, "against") == 0)
		load_fault_target(l, i, f->against);
	else if (strcmp(i->key, "topology") == 0)
		load_fault_topology(l, i, f);
	else if (strcmp(i->key, "at") == 0)
		(void)load_usec(l, i, 0, most, &f->spec.at);
	else if (strcmp(i->key, "for") == 0)
		(void)load_usec(l, i, USEC_PER_MSEC, most, &f->spec.duration);
	else if (kind_find(i->key) == NULL)
		say_unknown(l, i);
}

static const struct kind *
find_kind(struct loader *l, const struct node *n, const struct item **ret)
{
	const struct kind *found = NULL;

	for (size_t i = 0; i < n->count; i++) {
		const struct kind *k = kind_find(n->items[i].key);

		if (k == NULL)
			continue;
		if (found != NULL)
			diag_error(&l->diag, n->items[i].place,
			    "a second kind in one fault: begin a new item with '- %s'",
			    k->name);
		else
			*ret = &n->items[i];
		found = found != NULL ? found : k;
	}
	return found;
}

static void
check_times(
    struct loader *l, const struct node *n, const struct kind *k, struct fault_def *f)
{
	const struct item *lasts = node_find(n, "for");

	if (!kind_takes_for(k) && lasts != NULL)
		diag_error(&l->diag, lasts->place, "%s happens once and takes no 'for'",
		    k->name);
	if (kind_needs_for(k) && lasts == NULL)
		diag_error(&l->diag, f->place,
		    "%s needs a 'for': how long it lasts, such as 'for: 30s'", k->name);
}

/* Two faults of one name would get one id, and one record. */
static const struct fault_def *
find_fault(const struct experiment *x, const char *name)
{
	for (size_t i = 0; i + 1 < x->fault_count; i++) {
		if (strcmp(x->faults[i].spec.name, name) == 0)
			return &x->faults[i];
	}
	return NULL;
}

static void
name_fault(struct loader *l, struct fault_def *f, const char *kind)
{
	const struct fault_def *twin;
	char *name = f->spec.name;

	if (name[0] != '\0') {
		twin = find_fault(l->x, name);
		if (twin != NULL)
			diag_error(&l->diag, f->place,
			    "two faults with the id '%s': the first is in line %u", name,
			    twin->place.line);
		return;
	}
	(void)snprintf(name, NAME_MAX_LEN, "%s", kind);
	for (unsigned n = 2; find_fault(l->x, name) != NULL; n++)
		(void)snprintf(name, NAME_MAX_LEN, "%s-%u", kind, n);
}

/* By what is written: `against` and `topology` may have been wrong themselves. */
static bool
is_open(const struct node *fault)
{
	return node_find(fault, "against") != NULL ||
	       node_find(fault, "topology") != NULL;
}

static void
load_fault(struct loader *l, const struct item *i)
{
	const struct item *kind_item = NULL;
	const struct kind *k;
	struct fault_def *f;
	unsigned before = l->diag.count;
	bool is_whole;
	struct err e;

	l->x->faults = xrealloc(l->x->faults, (l->x->fault_count + 1) * sizeof(*f));
	f = &l->x->faults[l->x->fault_count++];
	memset(f, 0, sizeof(*f));
	f->place = i->place;
	if (!load_is_map(l, i->value, "a fault"))
		return;
	k = find_kind(l, i->value, &kind_item);
	is_whole = k != NULL && set_params(l, kind_item, k, f);
	for (size_t n = 0; n < i->value->count; n++)
		set_word(l, &i->value->items[n], f);
	if (is_whole && load_fault_check(l, i->value, kind_item, f) &&
	    fault_finish(f, is_open(i->value), &e) < 0)
		diag_error(&l->diag, kind_item->place, "%s", e.msg);
	if (k != NULL) {
		check_times(l, i->value, k, f);
		name_fault(l, f, k->name);
	} else if (l->diag.count == before) {
		diag_error(&l->diag, i->place,
		    "a fault needs a kind, such as 'net.delay:' (stormctl faults lists them)");
	}
}

/* Of the same hosts; what meets on one host by several targets is the roster's to see. */
static void
check_crowd(struct loader *l, const struct fault_def *f)
{
	size_t same = 0;

	for (size_t i = 0; i < l->x->fault_count; i++)
		same += strcmp(l->x->faults[i].target, f->target) == 0;
	if (same == DRILL_FAULTS_MAX + 1)
		diag_error(&l->diag, f->place, "more than %d faults on %s%s%s",
		    DRILL_FAULTS_MAX,
		    f->target[0] != '\0' ? "target '" : "the local host", f->target,
		    f->target[0] != '\0' ? "'" : "");
}

void
load_faults(struct loader *l, const struct item *i, void *object)
{
	const struct node *list = i->value;

	if (l->targets != NULL)
		load_targets(l, l->targets, object);
	if (list->type != NODE_LIST) {
		diag_error(&l->diag, list->place, "'faults' takes a list, not %s",
		    node_type_name(list));
		return;
	}
	if (list->count > FILE_FAULTS_MAX)
		diag_error(&l->diag, i->place, "more than %d faults", FILE_FAULTS_MAX);
	for (size_t k = 0; k < list->count && k < FILE_FAULTS_MAX; k++) {
		load_fault(l, &list->items[k]);
		check_crowd(l, &l->x->faults[k]);
	}
}
