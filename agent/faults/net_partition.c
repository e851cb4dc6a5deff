/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.partition: packets to and from chosen networks are dropped, or rejected so that the
 * sender learns at once.  All the work is in net/steer.c; this file only says which packets and
 * what becomes of them.
 */
#include "fault.h"
#include "steer.h"

#include <stdio.h>
#include <string.h>

#include "xalloc.h"

enum { MODE_DROP, MODE_REJECT, MODE_UNREACHABLE }; /* as in the kind's choices */

struct partition {
	struct flows flows;
	struct steer steer;
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

static int
net_partition_prepare(struct fault_run *r, struct err *e)
{
	struct partition *p = xcalloc(1, sizeof(*p));
	size_t used;

	r->state = p;
	p->steer.flows = &p->flows;
	p->steer.verdict = chosen_verdict(r->spec);
	if (flows_read(r, &p->flows, e) < 0 || steer_prepare(r, &p->steer, e) < 0)
		return e->code;
	used = strlen(r->note);
	(void)snprintf(r->note + used, sizeof(r->note) - used,
	    ", %zu IPv4 and %zu IPv6 networks", p->steer.count[STEER_V4],
	    p->steer.count[STEER_V6]);
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
	return steer_apply(r, steer_of(r), e);
}

static int
net_partition_verify(struct fault_run *r, struct err *e)
{
	return steer_verify(r, steer_of(r), e);
}

static int
net_partition_hold(struct fault_run *r, struct err *e)
{
	return steer_hold(r, steer_of(r), e);
}

const struct fault fault_net_partition = {
	.kind = &kind_net_partition,
	.effect_unit = "packets",
	.supported = steer_supported,
	.how = fault_how_plain,
	.prepare = net_partition_prepare,
	.stage = net_partition_stage,
	.apply = net_partition_apply,
	.verify = net_partition_verify,
	.hold = net_partition_hold,
	.release = fault_release_nothing,
	.runs_tools = true,
};
