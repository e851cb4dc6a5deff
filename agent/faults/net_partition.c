/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.partition: packets to and from chosen networks are dropped, or rejected so that the
 * sender learns at once.  Which packets is net/flows.c's business and how they are caught
 * net/steer.c's; this file says what becomes of them, and when: a flap takes the cut out of
 * force and puts it back.
 */
#include "fault.h"
#include "steer.h"

#include <stdio.h>
#include <string.h>

#include "err.h"
#include "xalloc.h"

enum { MODE_DROP, MODE_REJECT, MODE_UNREACHABLE }; /* as in the kind's choices */
enum { ESTABLISHED_CUT, ESTABLISHED_KEEP };
enum { PARTITION_CHECK_MS = 100 }; /* is it still there? */

struct partition {
	struct flows flows;
	struct steer steer;
	usec_t on, off; /* of a flap; 0: always on */
	usec_t active_at;
	bool rests;
};

static enum steer_verdict
chosen_verdict(const struct spec *spec)
{
	switch (spec_num(spec, "mode")) {
	case MODE_DROP:
		return STEER_DROP;
	case MODE_REJECT:
		return STEER_REJECT;
	default:
		return STEER_UNREACHABLE;
	}
}

static struct steer *
steer_of(const struct fault_run *r)
{
	return &((struct partition *)r->state)->steer;
}

/* What the note says beside the engine. */
static void
describe(struct fault_run *r, const struct partition *p)
{
	size_t used = strlen(r->note);

	(void)snprintf(r->note + used, sizeof(r->note) - used,
	    ", %zu IPv4 and %zu IPv6 networks", p->steer.count[STEER_V4],
	    p->steer.count[STEER_V6]);
}

static int
net_partition_prepare(struct fault_run *r, struct err *e)
{
	struct partition *p = xcalloc(1, sizeof(*p));

	r->state = p;
	p->steer.flows = &p->flows;
	p->steer.verdict = chosen_verdict(r->spec);
	p->steer.keeps_established = spec_num(r->spec, "established") == ESTABLISHED_KEEP;
	p->steer.engine = (enum steer_engine)spec_num(r->spec, "engine");
	(void)spec_cycle(r->spec, "flap", &p->on, &p->off); /* absent: always on */
	if (flows_read(r, &p->flows, e) < 0 || steer_prepare(r, &p->steer, e) < 0)
		return e->code;
	describe(r, p);
	return 0;
}

static int
net_partition_stage(struct fault_run *r, struct err *e)
{
	return steer_stage(r, steer_of(r), e);
}

static int
net_partition_apply(struct fault_run *r, struct err *e)
{
	struct partition *p = r->state;

	p->active_at = clock_boottime();
	return steer_apply(r, &p->steer, e);
}

/* Be called again when it changes next. */
static void
wake_by(struct fault_run *r, usec_t left)
{
	usec_t ms = left / USEC_PER_MSEC + 1;

	if (r->wake_ms < 0 || ms < (usec_t)r->wake_ms)
		r->wake_ms = (int)ms;
}

/* Each edge counts from the first, so that none is late for long. */
static int
follow_flap(struct fault_run *r, struct partition *p, struct err *e)
{
	usec_t at = (clock_boottime() - p->active_at) % (p->on + p->off);
	bool rests = at >= p->on;

	if (rests != p->rests && steer_rest(r, &p->steer, rests, e) < 0)
		return e->code;
	p->rests = rests;
	wake_by(r, rests ? p->on + p->off - at : p->on - at);
	return 0;
}

static int
net_partition_verify(struct fault_run *r, struct err *e)
{
	struct partition *p = r->state;
	int rc = steer_verify(r, &p->steer, e);

	if (rc == 0 && p->on > 0)
		wake_by(r, p->on);
	return rc;
}

/* A flap that cannot go on because somebody took the rules away is a loss, not a failure
 * of ours. */
static int
net_partition_hold(struct fault_run *r, struct err *e)
{
	struct partition *p = r->state;
	struct err why = { 0 };

	r->wake_ms = PARTITION_CHECK_MS;
	if (p->on > 0)
		(void)follow_flap(r, p, &why); /* told below, unless it was a loss */
	if (steer_hold(r, &p->steer, e) < 0)
		return e->code;
	if (why.code != 0 && !r->lost)
		*e = why;
	return r->lost ? 0 : why.code;
}

const struct fault fault_net_partition = {
	.kind = &kind_net_partition,
	.effect_unit = "packets",
	.supported = steer_supported,
	.how = steer_how,
	.prepare = net_partition_prepare,
	.stage = net_partition_stage,
	.apply = net_partition_apply,
	.verify = net_partition_verify,
	.hold = net_partition_hold,
	.release = fault_release_nothing,
	.runs_tools = true,
};
