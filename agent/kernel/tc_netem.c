/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking for netem as the root of an ifb of ours; tc_netem_read.c reads it back.  Delays go
 * as 64-bit nanoseconds (Linux 4.15); the old field of 64 ns ticks is filled in as well,
 * because the kernel insists on the struct.
 */
#include "tc.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "err.h"
#include "nl.h"
#include "tc_msg.h"

enum { LOOPBACK = 1 };

/* Bytes a second that no interface has. */
#define SPLIT_RATE UINT64_C(1000000000000)

/* An action of this kind without options: refused by the module, if there is one. */
static int
supports_action(struct nl *n, const char *kind)
{
	void *tab, *one;

	(void)nl_begin(
	    n, RTM_NEWACTION, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct tcamsg));
	tab = nl_nest(n, TCA_ACT_TAB);
	one = nl_nest(n, 1);
	nl_put_str(n, TCA_ACT_KIND, kind);
	nl_nest_end(n, one);
	nl_nest_end(n, tab);
	return nl_ask(n);
}

/* netem refuses to start without options (EINVAL since it exists), after its module was
 * found and before anything is attached: REPLACE only keeps a qdisc that loopback has
 * already from being an answer of its own. */
int
tc_supports_netem(struct nl *n, struct err *e)
{
	int rc;

	(void)tc_begin(n, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE,
	    LOOPBACK, TC_H_ROOT);
	nl_put_str(n, TCA_KIND, "netem");
	rc = nl_ask(n);
	if (rc == -ENOENT)
		return tc_missing(e, "sch_netem");
	if (rc == -EPERM)
		return tc_refused(n, e, rc, "ask for netem");
	if (supports_action(n, "mirred") == -ENOENT)
		return tc_missing(e, "act_mirred");
	if (supports_action(n, "gact") == -ENOENT)
		return tc_missing(e, "act_gact");
	return 0;
}

uint32_t
tc_fraction_of(uint32_t share)
{
	return (
	    uint32_t)(((uint64_t)share * UINT32_MAX + TC_SHARE_ALL / 2) / TC_SHARE_ALL);
}

static uint32_t
ticks(uint64_t ns)
{
	uint64_t t = ns >> TICK_SHIFT;

	return t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static void
put_s64(struct nl *n, uint16_t attr, uint64_t v)
{
	nl_put(n, attr, &v, sizeof(v));
}

/* The order of p14 and p23 is the kernel's, and h is what its "1-h" is taken from. */
static void
put_loss(struct nl *n, const struct netem *p)
{
	const uint32_t *arg = p->loss_args;
	const struct tc_netem_gimodel state = {
		.p13 = tc_fraction_of(arg[0]),
		.p31 = tc_fraction_of(arg[1]),
		.p32 = tc_fraction_of(arg[2]),
		.p23 = tc_fraction_of(arg[3]),
		.p14 = tc_fraction_of(arg[4]),
	};
	const struct tc_netem_gemodel gilbert = {
		.p = tc_fraction_of(arg[0]),
		.r = tc_fraction_of(arg[1]),
		.h = UINT32_MAX - tc_fraction_of(arg[2]),
		.k1 = tc_fraction_of(arg[3]),
	};
	void *nest;

	if (p->loss_model == TC_LOSS_RANDOM)
		return;
	nest = nl_nest(n, TCA_NETEM_LOSS);
	if (p->loss_model == TC_LOSS_STATE)
		nl_put(n, NETEM_LOSS_GI, &state, sizeof(state));
	else
		nl_put(n, NETEM_LOSS_GE, &gilbert, sizeof(gilbert));
	nl_nest_end(n, nest);
}

/* The kernel takes the larger of the two: the old field is set even when it is too small. */
static void
put_rate(struct nl *n, const struct netem *p)
{
	const struct tc_netem_rate rate = {
		.rate = p->rate > UINT32_MAX ? UINT32_MAX : (uint32_t)p->rate,
		.packet_overhead = p->packet_overhead,
		.cell_size = p->cell_size,
		.cell_overhead = p->cell_overhead,
	};

	nl_put(n, TCA_NETEM_RATE, &rate, sizeof(rate));
	if (p->rate > UINT32_MAX)
		put_s64(n, TCA_NETEM_RATE64, p->rate);
}

static void
put_slot(struct nl *n, const struct netem *p)
{
	const usec_t max = p->slot_max > p->slot ? p->slot_max : p->slot;
	const struct tc_netem_slot slot = {
		.min_delay = (int64_t)(p->slot * NSEC_PER_USEC),
		.max_delay = (int64_t)(max * NSEC_PER_USEC),
		.max_packets = (int32_t)p->slot_packets,
		.max_bytes = (int32_t)p->slot_bytes,
	};

	nl_put(n, TCA_NETEM_SLOT, &slot, sizeof(slot));
}

static void
put_chances(struct nl *n, const struct netem *p)
{
	const struct tc_netem_corr correlation = {
		.delay_corr = tc_fraction_of(p->delay_correlation),
		.loss_corr = tc_fraction_of(p->loss_correlation),
		.dup_corr = tc_fraction_of(p->duplicate_correlation),
	};
	const struct tc_netem_reorder reorder = {
		.probability = tc_fraction_of(p->reorder),
		.correlation = tc_fraction_of(p->reorder_correlation),
	};
	const struct tc_netem_corrupt corrupt = {
		.probability = tc_fraction_of(p->corrupt),
		.correlation = tc_fraction_of(p->corrupt_correlation),
	};

	nl_put(n, TCA_NETEM_CORR, &correlation, sizeof(correlation));
	nl_put(n, TCA_NETEM_REORDER, &reorder, sizeof(reorder));
	nl_put(n, TCA_NETEM_CORRUPT, &corrupt, sizeof(corrupt));
	put_loss(n, p);
	nl_put_u32(n, TCA_NETEM_ECN, p->ecn);
}

/* Everything, always: what is left out of a change stays as it was. */
static void
put_options(struct nl *n, const struct netem *p)
{
	const uint64_t latency = p->delay * NSEC_PER_USEC;
	const uint64_t jitter = p->jitter * NSEC_PER_USEC;
	const struct tc_netem_qopt q = {
		.latency = ticks(latency),
		.jitter = ticks(jitter),
		.limit = p->limit,
		.loss = p->loss_model == TC_LOSS_RANDOM ? tc_fraction_of(p->loss) : 0,
		.gap = p->gap,
		.duplicate = tc_fraction_of(p->duplicate),
	};
	void *nest = nl_nest(n, TCA_OPTIONS);

	nl_put_raw(n, &q, sizeof(q));
	put_s64(n, TCA_NETEM_LATENCY64, latency);
	put_s64(n, TCA_NETEM_JITTER64, jitter);
	if (p->distribution != NULL)
		nl_put(n, TCA_NETEM_DELAY_DIST, p->distribution,
		    p->distribution_count * sizeof(*p->distribution));
	put_chances(n, p);
	put_rate(n, p);
	put_slot(n, p);
	if (p->has_seed)
		put_s64(n, NETEM_PRNG_SEED, p->seed);
	nl_nest_end(n, nest);
}

static int
netem_set(struct nl *n, int ifindex, uint16_t flags, const struct netem *p)
{
	(void)tc_begin(n, RTM_NEWQDISC, flags, ifindex,
	    p->parent == TC_SPLIT ? p->parent : TC_H_ROOT);
	nl_put_str(n, TCA_KIND, "netem");
	put_options(n, p);
	return nl_ask(n);
}

int
tc_netem_add(struct nl *n, int ifindex, const struct netem *p, struct err *e)
{
	int rc = netem_set(n, ifindex, NLM_F_CREATE | NLM_F_EXCL, p);

	if (rc == -ENOENT)
		return tc_missing(e, "sch_netem");
	return rc < 0 ? tc_refused(n, e, rc, "add netem") : 0;
}

int
tc_netem_change(struct nl *n, int ifindex, const struct netem *p, struct err *e)
{
	int rc = netem_set(n, ifindex, 0, p);

	return rc < 0 ? tc_refused(n, e, rc, "change netem") : 0;
}

int
tc_split_add(struct nl *n, int ifindex, uint32_t largest, struct err *e)
{
	const struct tc_tbf_qopt q = { .rate = { .rate = UINT32_MAX,
					   .linklayer = TC_LINKLAYER_ETHERNET } };
	struct tcmsg *t =
	    tc_begin(n, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, TC_H_ROOT);
	void *options;
	int rc;

	t->tcm_handle = TC_H_MAJ(TC_SPLIT);
	nl_put_str(n, TCA_KIND, "tbf");
	options = nl_nest(n, TCA_OPTIONS);
	nl_put(n, TCA_TBF_PARMS, &q, sizeof(q));
	nl_put_u32(n, TCA_TBF_BURST, largest);
	put_s64(n, TCA_TBF_RATE64, SPLIT_RATE);
	nl_nest_end(n, options);
	rc = nl_ask(n);
	if (rc == -ENOENT)
		return tc_missing(e, "sch_tbf");
	return rc < 0 ? tc_refused(n, e, rc, "add tbf") : 0;
}
