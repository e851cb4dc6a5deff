/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sides of a fault: `target`, `against` and `topology`.  What cannot work whatever the
 * inventory holds is said here; the rest is the roster's.
 */
#include "err.h"
#include "inventory.h"
#include "kind.h"
#include "loader.h"
#include "parse.h"
#include "topology.h"
#include <stdio.h>
#include <string.h>

static const char *
next_target(const void *ctx, size_t i)
{
	const struct item *targets = ctx;

	if (targets == NULL || targets->value->type != NODE_MAP)
		return NULL;
	return i < targets->value->count ? targets->value->items[i].key : NULL;
}

void
load_fault_target(struct loader *l, const struct item *i, char ret[static NAME_MAX_LEN])
{
	const char *text = load_text(l, i);
	char hint[80];

	if (text == NULL)
		return;
	if (l->targets != NULL && node_find(l->targets->value, text) != NULL)
		(void)snprintf(ret, NAME_MAX_LEN, "%s", text);
	else
		diag_error(&l->diag, i->value->place,
		    "%s '%s' is not declared in targets%s", i->key, text,
		    load_hint(
			nearest(text, next_target, l->targets), hint, sizeof(hint)));
}

static const char *
next_topology(const void *ctx, size_t i)
{
	(void)ctx;
	i += TOPOLOGY_HALVES;
	return i < TOPOLOGIES ? topology_name((enum topology)i) : NULL;
}

void
load_fault_topology(struct loader *l, const struct item *i, struct fault_def *f)
{
	const char *text = load_text(l, i), *near;
	char hint[80];

	if (text == NULL || topology_parse(text, &f->topology) == 0)
		return;
	near = nearest(text, next_topology, NULL);
	diag_error(&l->diag, i->value->place, "unknown topology '%s'%s", text,
	    near != NULL ? load_hint(near, hint, sizeof(hint)) :
			   ": it is one of halves, isolate, ring, bridge and one-way");
}

/* What `against` and `topology` need, whatever the inventory holds; `i` is the one given. */
static bool
check_far_side(struct loader *l, const struct item *i, const struct kind *k,
    const struct item *params)
{
	const struct param *to = kind_param(k, "to");
	const struct item *given =
	    params->value->type == NODE_MAP ? node_find(params->value, "to") : NULL;

	if (to == NULL || to->type != PARAM_NETS)
		diag_error(&l->diag, i->place,
		    "%s has no 'to': '%s' is for faults between hosts, such as net.partition",
		    k->name, i->key);
	else if (given != NULL)
		diag_error(&l->diag, given->place,
		    "'to' and '%s' both say who is on the far side: leave one out",
		    i->key);
	else
		return true;
	return false;
}

static void
check_against(struct loader *l, const struct item *i, const struct fault_def *f)
{
	const struct target_def *t = experiment_target(l->x, f->against);

	if (strcmp(f->target, f->against) == 0)
		diag_error(&l->diag, i->value->place,
		    "'%s' is the fault's own target: a 'topology' says who of it is kept from "
		    "whom",
		    f->against);
	else if (t != NULL && target_is_local(t))
		diag_error(&l->diag, i->value->place,
		    "'%s' is this host, by no address that others know: name it in the "
		    "inventory",
		    f->against);
}

/* Nothing but a direction makes a cut one-way. */
static void
check_one_way(struct loader *l, const struct item *i, const struct kind *k,
    const struct item *params)
{
	const struct item *given = params->value->type == NODE_MAP ?
				       node_find(params->value, "direction") :
				       NULL;

	if (topology_inward(k) == NULL)
		diag_error(&l->diag, i->value->place, "%s knows no direction", k->name);
	else if (given != NULL)
		diag_error(&l->diag, given->place,
		    "'topology: one-way' sets the direction itself: leave it out");
}

static void
check_topology(struct loader *l, const struct item *i, const struct fault_def *f)
{
	const struct target_def *t = experiment_target(l->x, f->target);
	size_t least = topology_least(f->topology), count = HOSTS_MAX;
	struct err e;

	if (f->target[0] == '\0' || (t != NULL && target_is_local(t))) {
		diag_error(&l->diag, i->place,
		    "a topology is among the hosts of a target, and this fault is on one host");
		return;
	}
	if (t == NULL)
		return; /* it was wrong itself */
	if (t->pick == PICK_COUNT)
		count = t->pick_number;
	else if (t->hosts != NULL &&
		 pick_size(t, string_list_count(t->hosts), &count, &e) < 0)
		return; /* said with the target */
	if (count < least)
		diag_error(&l->diag, i->value->place,
		    "%s needs at least %zu hosts, and target '%s' has %zu",
		    topology_name(f->topology), least, t->name, count);
}

bool
load_fault_check(struct loader *l, const struct node *fault, const struct item *params,
    const struct fault_def *f)
{
	const struct item *against = node_find(fault, "against");
	const struct item *topology = node_find(fault, "topology");
	const struct kind *k = kind_find(f->spec.kind);
	unsigned before = l->diag.count;

	if (against != NULL && topology != NULL) {
		diag_error(&l->diag, against->place,
		    "'against' names the far side, a topology finds it among the target's own "
		    "hosts: leave one out");
		return false;
	}
	if (against != NULL && check_far_side(l, against, k, params))
		check_against(l, against, f);
	if (topology != NULL && check_far_side(l, topology, k, params))
		check_topology(l, topology, f);
	if (f->topology == TOPOLOGY_ONE_WAY && l->diag.count == before)
		check_one_way(l, topology, k, params);
	return l->diag.count == before;
}
