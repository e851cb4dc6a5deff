/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving each fault to its hosts.  Where a topology or `against` says who is on the far
 * side, every host gets a fault of its own with those addresses, as the inventory has them:
 * a host with further addresses is reached on those all the same.
 */
#include "roster.h"
#include "draw.h"
#include "err.h"
#include "kind.h"
#include "parse.h"
#include "roster_target.h"
#include "topology.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* While a roster is made. */
struct making {
	struct roster *r;
	const struct experiment *x;
	const struct inventory *v;
	const struct roster_options *o;
};

const char *
roster_name(const struct roster_host *h)
{
	return h->host != NULL ? h->host->name : "";
}

const struct roster_target *
roster_target(const struct roster *r, const char *name)
{
	for (size_t i = 0; i < r->target_count; i++) {
		if (strcmp(r->targets[i].target->name, name) == 0)
			return &r->targets[i];
	}
	return NULL;
}

const struct spec *
roster_spec(const struct roster_host *h, size_t fault)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->fault[i] == fault)
			return h->spec[i];
	}
	return NULL;
}

/* --- targets -------------------------------------------------------------------------- */

static bool
is_injected(const struct experiment *x, const char *target)
{
	for (size_t i = 0; i < x->fault_count; i++) {
		if (strcmp(x->faults[i].target, target) == 0)
			return true;
	}
	return false;
}

static bool
is_peer(const struct experiment *x, const char *target)
{
	for (size_t i = 0; i < x->fault_count; i++) {
		if (strcmp(x->faults[i].against, target) == 0)
			return true;
	}
	return false;
}

bool
roster_concerns(const struct experiment *x, const struct host *h)
{
	for (size_t i = 0; i < x->target_count; i++) {
		const struct target_def *t = &x->targets[i];

		if ((is_injected(x, t->name) || is_peer(x, t->name)) &&
		    roster_target_means(t, h))
			return true;
	}
	return false;
}

/* A far side holds no fault: there the controller's own host is as good as any other. */
static int
make_targets(const struct making *m, struct err *e)
{
	struct roster *r = m->r;

	r->targets = xcalloc(m->x->target_count, sizeof(*r->targets));
	for (size_t i = 0; i < m->x->target_count; i++) {
		const struct target_def *t = &m->x->targets[i];
		bool injected = is_injected(m->x, t->name);
		int rc;

		r->target_count = i + 1;
		r->targets[i].target = t;
		if (!injected && !is_peer(m->x, t->name))
			continue;
		rc = roster_target_make(
		    &r->targets[i], t, m->v, r->seed, injected ? m->o->self : NULL, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* --- a fault on a host ---------------------------------------------------------------- */

static struct roster_host *
want_host(struct roster *r, const struct host *host)
{
	struct roster_host *h;

	for (size_t i = 0; i < r->count; i++) {
		if (r->hosts[i].host == host)
			return &r->hosts[i];
	}
	r->hosts = xrealloc(r->hosts, (r->count + 1) * sizeof(*r->hosts));
	h = &r->hosts[r->count++];
	memset(h, 0, sizeof(*h));
	h->host = host;
	return h;
}

/* Takes `own`, whatever it returns. */
static int
give(const struct making *m, const struct host *host, size_t fault, struct spec *own,
    struct err *e)
{
	struct roster_host *h = want_host(m->r, host);

	if (h->count == DRILL_FAULTS_MAX) {
		free(own);
		return err_refused(e, "more than %d faults on %s%s%s", DRILL_FAULTS_MAX,
		    host != NULL ? "host '" : "this host", roster_name(h),
		    host != NULL ? "'" : "");
	}
	h->fault[h->count] = fault;
	h->own[h->count] = own;
	h->spec[h->count] = own != NULL ? own : &m->x->faults[fault].spec;
	h->count++;
	return 0;
}

static int
address_of(const struct host *h, struct net *ret, struct err *e)
{
	memset(ret, 0, sizeof(*ret));
	if (parse_net(h->address, ret, e) < 0)
		return err_wrap(e, "address of host '%s'", h->name);
	return 0;
}

/* Two agents on one address: what is dropped for one is dropped for both. */
static int
check_apart(const struct host *a, const struct host *b, struct err *e)
{
	struct net na, nb;
	int r;

	if (a == NULL)
		return 0;
	r = address_of(a, &na, e);
	r = r == 0 ? address_of(b, &nb, e) : r;
	if (r < 0 || memcmp(&na, &nb, sizeof(na)) != 0)
		return r;
	return err_refused(e,
	    "hosts '%s' and '%s' have one address, %s: there is no network between them",
	    a->name, b->name, a->address);
}

/* A fault on `on` whose far side is `far`, added to what is there; made when NULL. */
static int
add_far(const struct fault_def *f, const struct host *on, const struct host *far,
    struct spec **own, struct err *e)
{
	int r = check_apart(on, far, e);

	if (r == 0 && *own == NULL) {
		*own = xcalloc(1, sizeof(**own));
		**own = f->spec;
		if (f->topology == TOPOLOGY_ONE_WAY)
			r = spec_set(*own, "direction",
			    topology_inward(kind_find(f->spec.kind)), e);
	}
	if (r == 0)
		r = spec_set(*own, "to", far->address, e);
	return r < 0 ? err_wrap(e, "'%s'", f->spec.name) : 0;
}

static int
finish(const struct making *m, const struct host *on, size_t fault, struct spec *own,
    struct err *e)
{
	if (spec_finish(own, e) < 0) {
		free(own);
		return err_wrap(e, "'%s'", m->x->faults[fault].spec.name);
	}
	return give(m, on, fault, own, e);
}

/* --- topologies ----------------------------------------------------------------------- */

struct rank {
	const struct host *host;
	uint64_t draw;
};

static int
by_draw(const void *va, const void *vb)
{
	const struct rank *a = va, *b = vb;

	if (a->draw != b->draw)
		return a->draw < b->draw ? -1 : 1;
	return strcmp(a->host->name, b->host->name);
}

const struct host **
roster_ranks(const struct roster *r, const struct fault_def *f)
{
	const struct roster_target *t = roster_target(r, f->target);
	const struct host **hosts = xcalloc(t->count, sizeof(const struct host *));
	struct rank *ranks = xcalloc(t->count, sizeof(*ranks));

	for (size_t i = 0; i < t->count; i++) {
		ranks[i].host = t->hosts[i];
		ranks[i].draw =
		    draw(r->seed, "topology", f->spec.name, t->hosts[i]->name);
	}
	qsort(ranks, t->count, sizeof(*ranks), by_draw);
	for (size_t i = 0; i < t->count; i++)
		hosts[i] = ranks[i].host;
	free(ranks);
	return hosts;
}

static int
give_rank(const struct making *m, size_t fault, const struct host *const *ranks, size_t n,
    size_t on, struct err *e)
{
	const struct fault_def *f = &m->x->faults[fault];
	struct spec *own = NULL;
	int r = 0;

	for (size_t to = 0; to < n && r == 0; to++) {
		if (topology_cuts(f->topology, n, on, to))
			r = add_far(f, ranks[on], ranks[to], &own, e);
	}
	if (r < 0) {
		free(own);
		return r;
	}
	return own != NULL ? finish(m, ranks[on], fault, own, e) : 0;
}

static int
give_topology(const struct making *m, size_t fault, struct err *e)
{
	const struct fault_def *f = &m->x->faults[fault];
	const struct roster_target *t = roster_target(m->r, f->target);
	const struct host **ranks;
	int r = 0;

	if (t->count < topology_least(f->topology))
		return err_refused(e, "'%s': %s needs %zu hosts, and target '%s' has %zu",
		    f->spec.name, topology_name(f->topology), topology_least(f->topology),
		    f->target, t->count);
	ranks = roster_ranks(m->r, f);
	for (size_t on = 0; on < t->count && r == 0; on++)
		r = give_rank(m, fault, ranks, t->count, on, e);
	free(ranks);
	return r;
}

/* --- faults --------------------------------------------------------------------------- */

/* On the target's side alone: it drops what arrives and what leaves.  A host on both sides
 * is kept from the others. */
static int
give_against(const struct making *m, const struct host *on, size_t fault, struct err *e)
{
	const struct fault_def *f = &m->x->faults[fault];
	const struct roster_target *far = roster_target(m->r, f->against);
	struct spec *own = NULL;
	int r = 0;

	for (size_t i = 0; i < far->count && r == 0; i++) {
		if (far->hosts[i] != on)
			r = add_far(f, on, far->hosts[i], &own, e);
	}
	if (r == 0 && own == NULL)
		r = err_refused(e, "'%s': '%s' is host '%s' itself, and no other",
		    f->spec.name, f->against, on->name);
	if (r < 0) {
		free(own);
		return r;
	}
	return finish(m, on, fault, own, e);
}

static int
give_fault(const struct making *m, size_t fault, struct err *e)
{
	static const struct host *const this_host[] = { NULL };
	const struct fault_def *f = &m->x->faults[fault];
	const struct roster_target *t = roster_target(m->r, f->target);
	bool is_here = t == NULL || target_is_local(t->target);
	const struct host *const *hosts = is_here ? this_host : t->hosts;
	size_t count = is_here ? 1 : t->count;
	int r = 0;

	if (f->topology != TOPOLOGY_NONE)
		return give_topology(m, fault, e);
	for (size_t i = 0; i < count && r == 0; i++) {
		if (f->against[0] != '\0')
			r = give_against(m, hosts[i], fault, e);
		else
			r = give(m, hosts[i], fault, NULL, e);
	}
	return r;
}

/* --- limits --------------------------------------------------------------------------- */

static int
too_many(const struct roster *r, size_t most, const char *whose, struct err *e)
{
	return err_refused(
	    e, "the drill is on %zu hosts, and %s allows %zu", r->count, whose, most);
}

static int
check_limits(const struct making *m, struct err *e)
{
	const struct roster *r = m->r;
	const struct inventory *v = m->v;
	size_t share;

	if (m->o->max_hosts != 0 && r->count > m->o->max_hosts)
		return too_many(r, m->o->max_hosts, "--max-hosts", e);
	if (v == NULL)
		return 0;
	if (v->max_hosts != 0 && r->count > v->max_hosts)
		return too_many(r, v->max_hosts, "limits.max_hosts of the inventory", e);
	share = v->count * v->max_percent / 100;
	share = share > 0 ? share : 1;
	if (v->max_percent != 0 && r->count > share)
		return err_refused(e,
		    "the drill is on %zu of %zu hosts, and limits.max_percent of the inventory "
		    "allows %u %%, which is %zu",
		    r->count, v->count, v->max_percent, share);
	return 0;
}

/* --- all of it ------------------------------------------------------------------------ */

static int
by_place(const void *va, const void *vb)
{
	const struct roster_host *a = va, *b = vb;

	return a->host < b->host ? -1 :
				   a->host > b->host; /* of one array; NULL is first */
}

int
roster_make(struct roster *ret, const struct experiment *x, const struct inventory *v,
    const struct roster_options *o, struct err *e)
{
	const struct making m = { .r = ret, .x = x, .v = v, .o = o };
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->seed = o->seed;
	r = make_targets(&m, e);
	for (size_t i = 0; i < x->fault_count && r == 0; i++)
		r = give_fault(&m, i, e);
	if (r == 0)
		r = check_limits(&m, e);
	if (r < 0) {
		roster_release(ret);
		return r;
	}
	if (ret->count > 0)
		qsort(ret->hosts, ret->count, sizeof(*ret->hosts), by_place);
	return 0;
}

void
roster_release(struct roster *r)
{
	for (size_t i = 0; i < r->count; i++) {
		for (size_t k = 0; k < r->hosts[i].count; k++)
			free(r->hosts[i].own[k]);
	}
	for (size_t i = 0; i < r->target_count; i++)
		free(r->targets[i].hosts);
	free(r->hosts);
	free(r->targets);
	memset(r, 0, sizeof(*r));
}
