/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working out a plan.  The judge is set up as `run` will set it up after a clean baseline,
 * so that the figures shown are those of the drill; a baseline with bad answers in it will
 * make it slower, and `run` says so then.
 */
#include "plan.h"
#include "hosts.h"
#include "xalloc.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double
plan_samples(const struct probe_def *d, usec_t phase)
{
	return floor(
	    (double)d->rate_mhz / 1000 * (double)phase / (double)USEC_PER_SEC + 1e-9);
}

void
plan_make(struct plan *p, const struct experiment *x)
{
	struct judge_config c;
	size_t ignored; /* the loader has refused what judge_init would */

	memset(p, 0, sizeof(*p));
	p->x = x;
	judge_configure(&c, x);
	for (size_t i = 0; i < x->probe_count; i++)
		c.probe[i].base.n =
		    (uint64_t)plan_samples(&x->probes[i], x->steady.before);
	(void)judge_init(&p->judge, &c, &ignored);
}

int
plan_choose(struct plan *p, const struct host_options *o)
{
	int r = hosts_roster(p->x, o, &p->inventory, &p->roster, &p->why_not);

	if (r < 0)
		return r;
	p->has_roster = true;
	p->hosts = xcalloc(p->roster.count, sizeof(*p->hosts));
	for (size_t i = 0; i < p->roster.count; i++)
		p->hosts[i].row = &p->roster.hosts[i];
	return 0;
}

bool
plan_is_here(const struct plan *p)
{
	return p->has_roster && p->roster.count == 1 && p->roster.hosts[0].host == NULL;
}

void
plan_by_time(const struct spec *const *specs, size_t count, size_t *ret_order)
{
	size_t at;

	for (size_t i = 0; i < count; i++) {
		for (at = i; at > 0 && specs[ret_order[at - 1]]->at > specs[i]->at; at--)
			ret_order[at] = ret_order[at - 1];
		ret_order[at] = i;
	}
}

const char *
plan_ops(const struct plan_host *h, size_t i, const char **ret_note)
{
	*ret_note = "";
	if (h->asked != ASKED_ANSWERED || i >= h->view.count)
		return NULL;
	*ret_note = h->view.fault[i].note;
	return h->view.ops[i];
}

void
plan_release(struct plan *p)
{
	for (size_t i = 0; p->hosts != NULL && i < p->roster.count; i++)
		drill_view_release(&p->hosts[i].view);
	free(p->hosts);
	roster_release(&p->roster);
	inventory_free(p->inventory);
}
