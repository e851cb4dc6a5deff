/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_H
#define PLAN_H
/*
 * What a drill would do, worked out without doing it: the phases and samples, the judge's
 * numbers, the timeline, and, from an agent when one can be asked, the exact operations.
 */
#include "client.h"
#include "err.h"
#include "experiment.h"
#include "judge.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct agent_options;

enum asked {
	ASKED_NOT,     /* no agent could be asked: why says why */
	ASKED_REFUSED, /* it would refuse the drill: why */
	ASKED_ANSWERED,
};

struct plan {
	const struct experiment *x;
	struct judge judge; /* as after a clean baseline of the planned size */
	enum asked asked;
	struct err why;
	struct drill_view view; /* ASKED_ANSWERED */
};

void plan_make(struct plan *p, const struct experiment *x);
void plan_ask_agent(struct plan *p, const struct agent_options *o);
void plan_release(struct plan *p);

/* Samples of a probe in a phase of this length. */
double plan_samples(const struct probe_def *d, usec_t phase);
/* The fault's operations as the agent told them, or NULL. */
const char *plan_ops(const struct plan *p, size_t fault);

void plan_print(const struct plan *p, FILE *f);
json_t *plan_to_json(const struct plan *p);

#endif
