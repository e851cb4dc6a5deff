/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netem as the root of an ifb of ours.  Delays go as 64-bit nanoseconds (Linux 4.15); the
 * old field of 64 ns ticks is filled in as well, because the kernel insists on the struct.
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

enum { LOOPBACK = 1, TICK_SHIFT = 6 };

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

struct netem_options {
	struct tc_netem_qopt q;
	struct nlattr latency_head;
	uint8_t latency[sizeof(int64_t)]; /* at an offset of four: no int64_t */
	struct nlattr jitter_head;
	uint8_t jitter[sizeof(int64_t)];
};
_Static_assert(sizeof(struct netem_options) ==
		   sizeof(struct tc_netem_qopt) + 2 * (NLA_HDRLEN + sizeof(int64_t)),
    "no padding between attributes");

static uint32_t
ticks(uint64_t ns)
{
	uint64_t t = ns >> TICK_SHIFT;

	return t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static void
put_options(struct nl *n, const struct netem *p)
{
	const uint64_t latency = p->delay * NSEC_PER_USEC;
	const uint64_t jitter = p->jitter * NSEC_PER_USEC;
	struct netem_options o = {
		.q.latency = ticks(latency),
		.q.jitter = ticks(jitter),
		.q.limit = p->limit,
		.latency_head.nla_type = TCA_NETEM_LATENCY64,
		.latency_head.nla_len = NLA_HDRLEN + sizeof(latency),
		.jitter_head.nla_type = TCA_NETEM_JITTER64,
		.jitter_head.nla_len = NLA_HDRLEN + sizeof(jitter),
	};

	memcpy(o.latency, &latency, sizeof(latency));
	memcpy(o.jitter, &jitter, sizeof(jitter));
	nl_put(n, TCA_OPTIONS, &o, sizeof(o));
}

static int
netem_set(struct nl *n, int ifindex, uint16_t flags, const struct netem *p)
{
	(void)tc_begin(n, RTM_NEWQDISC, flags, ifindex, TC_H_ROOT);
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

struct found {
	struct netem netem;
	struct qdisc_stats stats;
};

static usec_t
read_nsec(struct nlattr *a, uint32_t in_ticks)
{
	uint64_t ns = (uint64_t)in_ticks << TICK_SHIFT;

	if (a != NULL && nla_len(a) >= (int)sizeof(ns))
		memcpy(&ns, nla_data(a), sizeof(ns));
	return ns / NSEC_PER_USEC;
}

static int
read_options(struct netem *ret, struct nlattr *options)
{
	struct nlattr *tb[TCA_NETEM_MAX + 1];
	struct tc_netem_qopt q;
	int more = nla_len(options) - (int)sizeof(q);

	if (more < 0)
		return -EBADMSG;
	memcpy(&q, nla_data(options), sizeof(q));
	if (nla_parse(tb, TCA_NETEM_MAX,
		(struct nlattr *)((char *)nla_data(options) + sizeof(q)), more, NULL) < 0)
		return -EBADMSG;
	ret->limit = q.limit;
	ret->delay = read_nsec(tb[TCA_NETEM_LATENCY64], q.latency);
	ret->jitter = read_nsec(tb[TCA_NETEM_JITTER64], q.jitter);
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

	(void)t;
	if (tb[TCA_KIND] == NULL || nla_strcmp(tb[TCA_KIND], "netem") != 0 ||
	    tb[TCA_OPTIONS] == NULL)
		return 0;
	rc = read_options(&f->netem, tb[TCA_OPTIONS]);
	if (rc == 0 && tb[TCA_STATS2] != NULL)
		read_stats(&f->stats, tb[TCA_STATS2]);
	return rc < 0 ? rc : 1;
}

int
tc_netem_stats(struct nl *n, int ifindex, struct netem *ret,
    struct qdisc_stats *ret_stats, struct err *e)
{
	const struct tcmsg what = { .tcm_ifindex = ifindex, .tcm_parent = TC_H_ROOT };
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
