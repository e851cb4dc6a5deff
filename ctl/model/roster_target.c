/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One target: the hosts that are meant, without the controller's own, and of these as many
 * as it asks for.  Nothing is made to fit: a target that cannot be had as written is
 * refused, with what there is instead.
 */
#include "roster_target.h"
#include "draw.h"
#include "err.h"
#include "parse.h"
#include "where.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file is right, only not here: refused, not invalid. */
static int
no_such_host(struct err *e)
{
	e->outcome = OUTCOME_REFUSED;
	return e->code;
}

/* --- who is meant --------------------------------------------------------------------- */

static const char *
next_host(const void *ctx, size_t i)
{
	const struct inventory *v = ctx;

	return i < v->count ? v->hosts[i].name : NULL;
}

static bool
is_among(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static int
check_names(const struct target_def *t, const struct inventory *v, struct err *e)
{
	for (char **name = t->hosts; *name != NULL; name++) {
		const char *near = nearest(*name, next_host, v);

		if (inventory_find(v, *name) != NULL)
			continue;
		if (near != NULL)
			(void)err_set(e, -ENOENT,
			    "target '%s': no host '%s' in %s (did you mean '%s'?)",
			    t->name, *name, v->source, near);
		else
			(void)err_set(e, -ENOENT,
			    "target '%s': no host '%s' among the %zu of %s", t->name,
			    *name, v->count, v->source);
		return no_such_host(e);
	}
	return 0;
}

bool
roster_target_means(const struct target_def *t, const struct host *h)
{
	struct where *w = NULL;
	struct err ignored;
	bool means;

	if (t->hosts != NULL)
		return is_among((const char *const *)t->hosts, h->name);
	if (where_parse(&w, t->where, NULL, &ignored) < 0)
		return false;
	means = where_match(w, h);
	where_free(w);
	return means;
}

static int
find_hosts(struct roster_target *r, const struct inventory *v, struct err *e)
{
	const struct target_def *t = r->target;
	struct where *w = NULL;
	int rc;

	r->hosts = xcalloc(v->count + 1, sizeof(*r->hosts));
	rc = t->hosts != NULL ? check_names(t, v, e) : where_parse(&w, t->where, NULL, e);
	if (rc < 0)
		return t->hosts != NULL ? rc : err_wrap(e, "target '%s'", t->name);
	for (size_t i = 0; i < v->count; i++) {
		const struct host *h = &v->hosts[i];

		if (w != NULL ? where_match(w, h) :
				is_among((const char *const *)t->hosts, h->name))
			r->hosts[r->count++] = h;
	}
	where_free(w);
	return 0;
}

static int
matches_nothing(const struct target_def *t, const struct inventory *v, struct err *e)
{
	char hint[160];

	(void)err_set(e, -ENOENT,
	    "target '%s': none of the %zu hosts in %s matches '%s'%s", t->name, v->count,
	    v->source, t->where, roster_where_hint(v, t->where, hint, sizeof(hint)));
	return no_such_host(e);
}

static int
leave_out(struct roster_target *r, const char *const *self, struct err *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (!is_among(self, r->hosts[i]->name))
			r->hosts[kept++] = r->hosts[i];
	}
	r->own = r->count - kept;
	r->matched = r->count = kept;
	if (kept > 0)
		return 0;
	return err_refused(e,
	    "target '%s': %s this machine, on which stormctl runs: --include-self lets it be "
	    "chosen",
	    r->target->name,
	    r->own == 1 ? "the one host that is meant is" :
			  "every host that is meant is an address of");
}

/* --- who of them ---------------------------------------------------------------------- */

struct candidate {
	const struct host *host;
	const char *group; /* the value of the tag to spread over, or "" */
	uint64_t group_draw, draw;
	size_t round; /* how many of its group come before it */
};

static int
compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int
by_group(const void *va, const void *vb)
{
	const struct candidate *a = va, *b = vb;
	int r = compare(a->group_draw, b->group_draw);

	r = r != 0 ? r : strcmp(a->group, b->group);
	r = r != 0 ? r : compare(a->draw, b->draw);
	return r != 0 ? r : strcmp(a->host->name, b->host->name);
}

static int
by_round(const void *va, const void *vb)
{
	const struct candidate *a = va, *b = vb;
	int r = compare(a->round, b->round);

	return r != 0 ? r : by_group(a, b);
}

static int
draw_candidates(
    const struct roster_target *r, uint64_t seed, struct candidate *ret, struct err *e)
{
	const struct target_def *t = r->target;

	for (size_t i = 0; i < r->count; i++) {
		const struct host *h = r->hosts[i];
		const char *group = t->spread[0] != '\0' ? host_tag(h, t->spread) : "";

		if (group == NULL)
			return err_refused(e,
			    "target '%s': host '%s' has no tag '%s' to spread over",
			    t->name, h->name, t->spread);
		ret[i].host = h;
		ret[i].group = group;
		ret[i].group_draw = draw(seed, "spread", t->name, group);
		ret[i].draw = draw(seed, "pick", t->name, h->name);
	}
	return 0;
}

static int
in_inventory(const void *va, const void *vb)
{
	const struct host *const *a = va, *const *b = vb;

	return *a < *b ? -1 : *a > *b; /* of one array */
}

/* In rounds: the lowest draw of every group, then the second lowest, and so on. */
static int
choose(struct roster_target *r, uint64_t seed, size_t want, struct err *e)
{
	struct candidate *c = xcalloc(r->count, sizeof(*c));
	int rc = draw_candidates(r, seed, c, e);

	if (rc < 0) {
		free(c);
		return rc;
	}
	qsort(c, r->count, sizeof(*c), by_group);
	for (size_t i = 1; i < r->count; i++) {
		if (strcmp(c[i].group, c[i - 1].group) == 0)
			c[i].round = c[i - 1].round + 1;
	}
	if (r->target->spread[0] != '\0')
		qsort(c, r->count, sizeof(*c), by_round);
	for (size_t i = 0; i < want; i++)
		r->hosts[i] = c[i].host;
	r->count = want;
	qsort(r->hosts, r->count, sizeof(*r->hosts), in_inventory);
	free(c);
	return 0;
}

/* --- all of it ------------------------------------------------------------------------ */

int
roster_target_make(struct roster_target *ret, const struct target_def *t,
    const struct inventory *v, uint64_t seed, const char *const *self, struct err *e)
{
	size_t want;
	int r;

	ret->target = t;
	if (target_is_local(t))
		return 0;
	if (v == NULL)
		return err_refused(e,
		    "target '%s' takes its hosts from an inventory: --inventory FILE, or "
		    "STORMDRILL_INVENTORY",
		    t->name);
	r = find_hosts(ret, v, e);
	if (r == 0 && ret->count == 0)
		r = matches_nothing(t, v, e);
	if (r == 0)
		r = leave_out(ret, self, e);
	if (r < 0)
		return r;
	if (pick_size(t, ret->count, &want, e) < 0)
		return err_wrap(e, "target '%s'", t->name);
	return want < ret->count ? choose(ret, seed, want, e) : 0;
}
