/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLOCK_DEBT_H
#define CLOCK_DEBT_H
/*
 * What the host's clock owes to the truth, from how it stood before the fault and how it
 * stands now.  Pure: the fault watches itself by it, undo sets the clock by it.
 */
#include "host_clock.h"

struct undo;

/* What was there, and what the fault makes of it. */
struct clock_promise {
	struct host_clock was;
	int64_t step;            /* ns; 0: it drifts */
	struct clock_rate drift; /* the rate the fault sets; `was.rate` of a step */
};

enum clock_owner {
	CLOCK_TRUE,   /* as it would be without the fault */
	CLOCK_OURS,   /* wrong, and by what the fault does to it */
	CLOCK_THEIRS, /* somebody else has set it meanwhile */
};

struct clock_debt {
	enum clock_owner time, rate;
	int64_t error; /* ns that the clock is ahead of the truth */
	int64_t shift; /* ns, what sets it right when the time is ours */
};

void clock_judge(
    const struct clock_promise *p, const struct host_clock *now, struct clock_debt *ret);

/* As the operation of a record; the inverse is false when it is none of ours. */
struct undo clock_promise_undo(const struct clock_promise *p);
bool clock_promise_read(const struct undo *u, struct clock_promise *ret);

#endif
