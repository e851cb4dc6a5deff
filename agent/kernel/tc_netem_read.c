/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a netem is set to and what it has done, as the kernel tells it.  Times come back in
 * nanoseconds and shares as fractions; both are rounded to what was asked, so that a netem
 * that nobody changed compares equal.
 */
#include "tc.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "err.h"
#include "nl.h"
#include "tc_msg.h"

struct found {
	struct netem netem;
	struct qdisc_stats stats;
};

uint32_t
tc_share_of(uint32_t fraction)
{
	return (
	    uint32_t)(((uint64_t)fraction * TC_SHARE_ALL + UINT32_MAX / 2) / UINT32_MAX);
}

/* As much of a struct as the kernel gave; the rest stays zero. */
static void
read_struct(struct nlattr *a, void *ret, size_t size)
{
	if (a != NULL)
		(void)nla_memcpy(ret, a, (int)size);
}

static usec_t
read_nsec(struct nlattr *a, uint32_t in_ticks)
{
	uint64_t ns = (uint64_t)in_ticks << TICK_SHIFT;

	if (a != NULL && nla_len(a) >= (int)sizeof(ns))
		memcpy(&ns, nla_data(a), sizeof(ns));
	return ns / NSEC_PER_USEC;
}

static void
read_loss(struct netem *ret, struct nlattr *nest)
{
	struct nlattr *tb[NETEM_LOSS_MAX + 1];
	struct tc_netem_gimodel state = { 0 };
	struct tc_netem_gemodel gilbert = { 0 };

	if (nest == NULL || nla_parse_nested(tb, NETEM_LOSS_MAX, nest, NULL) < 0)
		return;
	if (tb[NETEM_LOSS_GI] != NULL) {
		read_struct(tb[NETEM_LOSS_GI], &state, sizeof(state));
		ret->loss_model = TC_LOSS_STATE;
		ret->loss_args[0] = tc_share_of(state.p13);
		ret->loss_args[1] = tc_share_of(state.p31);
		ret->loss_args[2] = tc_share_of(state.p32);
		ret->loss_args[3] = tc_share_of(state.p23);
		ret->loss_args[4] = tc_share_of(state.p14);
	} else if (tb[NETEM_LOSS_GE] != NULL) {
		read_struct(tb[NETEM_LOSS_GE], &gilbert, sizeof(gilbert));
		ret->loss_model = TC_LOSS_GEMODEL;
		ret->loss_args[0] = tc_share_of(gilbert.p);
		ret->loss_args[1] = tc_share_of(gilbert.r);
		ret->loss_args[2] = tc_share_of(UINT32_MAX - gilbert.h);
		ret->loss_args[3] = tc_share_of(gilbert.k1);
	}
}

static void
read_chances(struct netem *ret, struct nlattr **tb)
{
	struct tc_netem_corr correlation = { 0 };
	struct tc_netem_reorder reorder = { 0 };
	struct tc_netem_corrupt corrupt = { 0 };

	read_struct(tb[TCA_NETEM_CORR], &correlation, sizeof(correlation));
	read_struct(tb[TCA_NETEM_REORDER], &reorder, sizeof(reorder));
	read_struct(tb[TCA_NETEM_CORRUPT], &corrupt, sizeof(corrupt));
	ret->delay_correlation = tc_share_of(correlation.delay_corr);
	ret->loss_correlation = tc_share_of(correlation.loss_corr);
	ret->duplicate_correlation = tc_share_of(correlation.dup_corr);
	ret->reorder = tc_share_of(reorder.probability);
	ret->reorder_correlation = tc_share_of(reorder.correlation);
	ret->corrupt = tc_share_of(corrupt.probability);
	ret->corrupt_correlation = tc_share_of(corrupt.correlation);
	ret->ecn = tb[TCA_NETEM_ECN] != NULL && nla_get_u32(tb[TCA_NETEM_ECN]) != 0;
	read_loss(ret, tb[TCA_NETEM_LOSS]);
}

static void
read_pace(struct netem *ret, struct nlattr **tb)
{
	struct tc_netem_rate rate = { 0 };
	struct tc_netem_slot slot = { 0 };

	read_struct(tb[TCA_NETEM_RATE], &rate, sizeof(rate));
	ret->rate = rate.rate;
	ret->packet_overhead = rate.packet_overhead;
	ret->cell_size = rate.cell_size;
	ret->cell_overhead = rate.cell_overhead;
	read_struct(tb[TCA_NETEM_RATE64], &ret->rate, sizeof(ret->rate));
	read_struct(tb[TCA_NETEM_SLOT], &slot, sizeof(slot));
	ret->slot = (usec_t)slot.min_delay / NSEC_PER_USEC;
	ret->slot_max = (usec_t)slot.max_delay / NSEC_PER_USEC;
	ret->slot_packets = (uint32_t)slot.max_packets;
	ret->slot_bytes = (uint32_t)slot.max_bytes;
	ret->has_seed = tb[NETEM_PRNG_SEED] != NULL;
	read_struct(tb[NETEM_PRNG_SEED], &ret->seed, sizeof(ret->seed));
}

static int
read_options(struct netem *ret, struct nlattr *options)
{
	struct nlattr *tb[NETEM_PRNG_SEED + 1];
	struct tc_netem_qopt q;
	int more = nla_len(options) - (int)sizeof(q);

	if (more < 0)
		return -EBADMSG;
	memcpy(&q, nla_data(options), sizeof(q));
	if (nla_parse(tb, NETEM_PRNG_SEED,
		(struct nlattr *)((char *)nla_data(options) + sizeof(q)), more, NULL) < 0)
		return -EBADMSG;
	ret->limit = q.limit;
	ret->gap = q.gap;
	ret->loss = tc_share_of(q.loss);
	ret->duplicate = tc_share_of(q.duplicate);
	ret->delay = read_nsec(tb[TCA_NETEM_LATENCY64], q.latency);
	ret->jitter = read_nsec(tb[TCA_NETEM_JITTER64], q.jitter);
	read_chances(ret, tb);
	read_pace(ret, tb);
	return 0;
}

static void
read_stats(struct qdisc_stats *ret, struct nlattr *stats)
{
	struct nlattr *tb[TCA_STATS_MAX + 1];
	struct gnet_stats_basic basic = { 0 };
	struct gnet_stats_queue queue = { 0 };

	if (nla_parse_nested(tb, TCA_STATS_MAX, stats, NULL) < 0)
		return;
	if (tb[TCA_STATS_BASIC] != NULL)
		(void)nla_memcpy(&basic, tb[TCA_STATS_BASIC], sizeof(basic));
	if (tb[TCA_STATS_QUEUE] != NULL)
		(void)nla_memcpy(&queue, tb[TCA_STATS_QUEUE], sizeof(queue));
	ret->bytes = basic.bytes;
	ret->packets = basic.packets;
	ret->drops = queue.drops;
	ret->backlog = queue.qlen;
	if (tb[TCA_STATS_PKT64] != NULL)
		ret->packets = (uint64_t)nla_get_u64(tb[TCA_STATS_PKT64]);
}

static int
on_qdisc(void *ctx, const struct tcmsg *t, struct nlattr **tb)
{
	struct found *f = ctx;
	int rc;

	if (tb[TCA_KIND] == NULL || nla_strcmp(tb[TCA_KIND], "netem") != 0 ||
	    tb[TCA_OPTIONS] == NULL)
		return 0;
	f->netem.parent = t->tcm_parent == TC_SPLIT ? TC_SPLIT : 0;
	rc = read_options(&f->netem, tb[TCA_OPTIONS]);
	if (rc == 0 && tb[TCA_STATS2] != NULL)
		read_stats(&f->stats, tb[TCA_STATS2]);
	return rc < 0 ? rc : 1;
}

int
tc_netem_stats(struct nl *n, int ifindex, struct netem *ret,
    struct qdisc_stats *ret_stats, struct err *e)
{
	const struct tcmsg what = { .tcm_ifindex = ifindex };
	struct found f = { 0 };
	int rc = tc_dump(n, RTM_GETQDISC, &what, on_qdisc, &f);

	if (rc < 0)
		return tc_refused(n, e, rc, "read netem");
	if (rc == 0)
		return err_set(e, -ENOENT, "interface %d has no netem", ifindex);
	if (ret != NULL)
		*ret = f.netem;
	if (ret_stats != NULL)
		*ret_stats = f.stats;
	return 0;
}

/* One thing of both, for tc_netem_differs. */
#define SAME(field) (a->field == b->field)

static bool
same_loss(const struct netem *a, const struct netem *b)
{
	if (!SAME(loss_model))
		return false;
	if (a->loss_model == TC_LOSS_RANDOM)
		return SAME(loss) && SAME(loss_correlation);
	return memcmp(a->loss_args, b->loss_args,
		   (a->loss_model == TC_LOSS_STATE ? 5 : 4) * sizeof(a->loss_args[0])) ==
	       0;
}

static bool
same_slot(const struct netem *a, const struct netem *b)
{
	usec_t a_max = a->slot_max > a->slot ? a->slot_max : a->slot;
	usec_t b_max = b->slot_max > b->slot ? b->slot_max : b->slot;

	if (a_max == 0 && b_max == 0)
		return true; /* the kernel gives none back */
	return SAME(slot) && a_max == b_max && SAME(slot_packets) && SAME(slot_bytes);
}

const char *
tc_netem_differs(const struct netem *a, const struct netem *b)
{
	if (!SAME(delay) || !SAME(jitter) || !SAME(delay_correlation))
		return "delay";
	if (!same_loss(a, b) || !SAME(ecn))
		return "loss";
	if (!SAME(duplicate) || !SAME(duplicate_correlation))
		return "duplication";
	if (!SAME(corrupt) || !SAME(corrupt_correlation))
		return "corruption";
	if (!SAME(gap) || (a->gap != 0 && (!SAME(reorder) || !SAME(reorder_correlation))))
		return "reordering";
	if (!SAME(rate) || !SAME(packet_overhead) || !SAME(cell_size) ||
	    !SAME(cell_overhead))
		return "rate";
	if (!same_slot(a, b))
		return "slots";
	if (a->has_seed && b->has_seed && !SAME(seed))
		return "seed";
	return SAME(limit) ? NULL : "limit";
}
