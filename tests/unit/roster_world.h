/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROSTER_WORLD_H
#define ROSTER_WORLD_H
/*
 * Inventories and experiments made in memory: hosts h0, h1, … at 10.x.y.z with a role, a
 * zone and an index, and faults between them.
 */
#include "cleanup.h"
#include "experiment.h"
#include "inventory.h"
#include "kind.h"
#include "roster.h"
#include "string_list.h"
#include "test.h"
#include "xalloc.h"
#include <string.h>

static inline void
world_tag(struct host *h, const char *name, const char *value)
{
	struct tag *t;

	h->tags = xrealloc(h->tags, (h->tag_count + 1) * sizeof(*h->tags));
	t = &h->tags[h->tag_count++];
	memset(t, 0, sizeof(*t));
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	(void)snprintf(t->value, sizeof(t->value), "%s", value);
}

/* Hosts named PREFIXn, in so many zones (za, zb, …; 0: without a zone). */
static inline struct inventory *
world_inventory(size_t count, unsigned zones)
{
	struct inventory *v = xcalloc(1, sizeof(*v));
	char text[16];

	v->source = xstrdup("hosts.yaml");
	v->hosts = xcalloc(count, sizeof(*v->hosts));
	v->count = count;
	for (size_t i = 0; i < count; i++) {
		struct host *h = &v->hosts[i];

		(void)snprintf(h->name, sizeof(h->name), "h%zu", i);
		(void)snprintf(
		    h->address, sizeof(h->address), "10.0.%zu.%zu", i / 200, 1 + i % 200);
		h->port = 7433;
		world_tag(h, "role", i % 3 == 0 ? "web" : "db");
		(void)snprintf(
		    text, sizeof(text), "z%c", (char)('a' + i % (zones + !zones)));
		if (zones > 0)
			world_tag(h, "zone", text);
	}
	return v;
}

static inline struct target_def *
world_target(struct experiment *x, const char *name, const char *where)
{
	struct target_def *t;

	x->targets = xrealloc(x->targets, (x->target_count + 1) * sizeof(*x->targets));
	t = &x->targets[x->target_count++];
	memset(t, 0, sizeof(*t));
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	t->where = where != NULL ? xstrdup(where) : NULL;
	return t;
}

static inline struct fault_def *
world_fault(struct experiment *x, const char *kind, const char *target)
{
	struct fault_def *f;
	struct err e;

	x->faults = xrealloc(x->faults, (x->fault_count + 1) * sizeof(*x->faults));
	f = &x->faults[x->fault_count++];
	memset(f, 0, sizeof(*f));
	spec_init(&f->spec, kind_find(kind));
	(void)snprintf(f->spec.name, sizeof(f->spec.name), "f%zu", x->fault_count);
	(void)snprintf(f->target, sizeof(f->target), "%s", target);
	if (strcmp(kind, "cpu.load") == 0) {
		assert_ok(spec_set(&f->spec, "percent", "50", &e), e);
		assert_ok(spec_finish(&f->spec, &e), e);
	}
	if (strcmp(kind, "net.delay") == 0)
		assert_ok(spec_set(&f->spec, "delay", "10ms", &e), e);
	f->spec.duration = USEC_PER_SEC;
	return f;
}

/* The names of a target's hosts, separated by blanks. */
static inline const char *
world_names(const struct roster_target *t)
{
	static char text[4096];

	text[0] = '\0';
	for (size_t i = 0; i < t->count; i++) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
		    t->hosts[i]->name);
	}
	return text;
}

#endif
