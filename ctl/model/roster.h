/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROSTER_H
#define ROSTER_H
/*
 * Who does what: the targets of an experiment resolved against an inventory, and each fault
 * given to its hosts with the arguments that are its own there (the two sides of a
 * partition drop different addresses).  Pure: the same experiment, inventory and seed give
 * the same roster, which is why the seed is recorded.
 */
#include "experiment.h"
#include "inventory.h"
#include <stddef.h>
#include <stdint.h>

struct err;

struct roster_host {
	const struct host *host; /* NULL: this host, by its Unix socket or embedded */
	size_t count;
	size_t fault[DRILL_FAULTS_MAX];            /* index into experiment.faults */
	const struct spec *spec[DRILL_FAULTS_MAX]; /* the experiment's, or an own one */
	struct spec *own[DRILL_FAULTS_MAX];        /* NULL: not changed for this host */
};

/* One target as it was resolved, for plan and journal. */
struct roster_target {
	const struct target_def *target;
	size_t matched; /* before pick, without own */
	size_t own;     /* hosts that match and are left out: the controller's own */
	/* In the inventory's order.  None when the target is this host (target_is_local), or
	 * no fault names it. */
	size_t count;
	const struct host **hosts;
};

struct roster {
	uint64_t seed;
	/* each of them has at least one fault; this host first, then as in the inventory */
	struct roster_host *hosts;
	size_t count;
	struct roster_target *targets; /* one for each of the experiment's */
	size_t target_count;
};

struct roster_options {
	uint64_t seed;      /* 0: made at random by the caller beforehand */
	uint32_t max_hosts; /* --max-hosts; 0: no bound beyond the inventory's */
	/* Names of hosts that are the controller's own, NULL-terminated; no fault is given to
	 * them.  NULL: none, or --include-self. */
	const char *const *self;
};

/* `v` may be NULL when no fault names a target.  -ENOENT: a target matches no host.
 * Hosts whose addresses a topology or `against` needs must have numeric addresses by now
 * (inventory_resolve). */
int roster_make(struct roster *ret, const struct experiment *x, const struct inventory *v,
    const struct roster_options *o, struct err *e);
void roster_release(struct roster *r);
/* Is this host meant by a target that a fault names, picked or not? */
bool roster_concerns(const struct experiment *x, const struct host *h);
const char *roster_name(const struct roster_host *h); /* "" for this host */

/* The target of that name as it was resolved, or NULL. */
const struct roster_target *roster_target(const struct roster *r, const char *name);
/* What a fault is on this host, or NULL when it has no part in it. */
const struct spec *roster_spec(const struct roster_host *h, size_t fault);
/* The hosts of a fault's topology by rank (topology.h), the caller's to free. */
const struct host **roster_ranks(const struct roster *r, const struct fault_def *f);
/* Under this fault alone: do packets of `from` reach `to` as they would without it? */
bool roster_hears(
    const struct roster *r, size_t fault, const struct host *to, const struct host *from);

#endif
