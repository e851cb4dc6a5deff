/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_LOOK_H
#define PROBE_LOOK_H
/*
 * What `stormctl probe` sees: the experiment's probes, guards and base load for a while,
 * nothing injected.
 */
#include "judge.h"
#include "probe.h"
#include "tally.h"
#include <jansson.h>
#include <stdio.h>

/* One of them; what was seen is in phase `before` of its tally. */
struct looked {
	const struct probe_def *def;
	struct tally tally;
	struct timing_hists timing;
	bool is_coarse; /* the judge cannot tell abort_at from what is bad already */
	char why[sizeof(((struct sample *)0)->why)];   /* the last bad answer */
	char first[sizeof(((struct sample *)0)->why)]; /* the first one */
};

/* What a drill's judge would say of it. */
enum opinion {
	OPINION_STEADY,
	OPINION_UNSTEADY, /* the objective is not met */
	OPINION_COARSE,   /* it is met, but abort_at is not clearly above what is bad */
	OPINION_FEW,      /* too few answers to say */
	OPINION_LATE,     /* our own prober was late: nothing is known */
	OPINION_LOAD,     /* nobody judges base load */
};

struct look {
	const struct experiment *x;
	struct probe_def *checks; /* probes, guards, loads */
	size_t count, judged;     /* judged: without the loads */
	struct looked *seen;
	struct prober *prober;
	usec_t span, began, ended;
	struct judge judge; /* of the probes, once it is over */
};

bool look_is_guard(const struct look *l, size_t i);
enum opinion look_opinion(const struct look *l, size_t i);
/* Bad answers of a full outage until a drill is stopped, and how long the first of them has
 * been known by then. */
unsigned look_outage(const struct look *l, size_t i, usec_t *ret_after);

/* A line for each check of what a second held. */
void look_print_second(struct look *l, usec_t now, FILE *f);
void look_print(const struct look *l, FILE *f);
json_t *look_to_json(const struct look *l);

#endif
