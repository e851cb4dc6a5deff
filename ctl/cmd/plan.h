/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_H
#define PLAN_H
/*
 * What a drill would do, worked out without doing it: the phases and samples, the judge's
 * numbers, the timeline, the hosts, and, from every agent that can be asked, the exact
 * operations.
 */
#include "drill_view.h"
#include "err.h"
#include "experiment.h"
#include "judge.h"
#include "roster.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct agent_options;
struct host_options;

enum asked {
	ASKED_NOT,     /* no agent could be asked: why says why */
	ASKED_REFUSED, /* it would refuse the drill: why */
	ASKED_ANSWERED,
};

struct plan_host {
	const struct roster_host *row;
	enum asked asked;
	struct err why;
	struct drill_view view; /* ASKED_ANSWERED; its faults are the row's */
};

struct plan {
	const struct experiment *x;
	struct judge judge; /* as after a clean baseline of the planned size */
	/* Who does what; when it is not known, no hosts and why_not. */
	bool has_roster;
	struct err why_not;
	struct inventory *inventory;
	struct roster roster;
	struct plan_host *hosts; /* as many as the roster's */
};

void plan_make(struct plan *p, const struct experiment *x);
/* The roster: negative when there is none, with why_not. */
int plan_choose(struct plan *p, const struct host_options *o);
/* What every host's agent would do. */
void plan_ask(
    struct plan *p, const struct agent_options *a, const struct host_options *o);
void plan_release(struct plan *p);

/* Samples of a probe in a phase of this length. */
double plan_samples(const struct probe_def *d, usec_t phase);
/* Is all of it done on this host? */
bool plan_is_here(const struct plan *p);
/* The order of specs by their time; those of one time stay as they are. */
void plan_by_time(const struct spec *const *specs, size_t count, size_t *ret_order);
/* The operations of the host's i-th fault as the agent told them, or NULL; its note goes
 * to *ret_note. */
const char *plan_ops(const struct plan_host *h, size_t i, const char **ret_note);

void plan_print(const struct plan *p, FILE *f);
json_t *plan_to_json(const struct plan *p); /* its secrets redacted */

/* Parts of plan_print. */
void plan_print_probes(const struct plan *p, FILE *f);
void plan_print_targets(const struct plan *p, FILE *f);
/* Between whom a fault is that has a topology or `against`. */
void plan_print_sides(const struct plan *p, size_t fault, FILE *f);
void plan_print_hosts(const struct plan *p, FILE *f);
void plan_print_lines(const char *lines, const char *indent, FILE *f);

#endif
