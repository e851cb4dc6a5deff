/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impairments by the kernel's netem, in a network namespace of this program's own: how long
 * arming and disarming take beside the same messages sent with nothing around them, and
 * beside tc; with one network and with five hundred; and what is not in a hurry, staging
 * and sweeping, as rows of their own.
 */
#include "bench.h"

#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_gact.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>

#include "impair.h"
#include "link.h"
#include "nl.h"
#include "process.h"
#include "tc.h"
#include "xalloc.h"

enum { ARMS = 100, PEER_ARMS = 10, STAGES = 3, MANY = 500 };

static struct store store;
static char dir[] = "/tmp/stormdrill-bench-XXXXXX";

static void
sweep_shared(void)
{
	struct undo_ctx *c = NULL;
	struct err e = { 0 };

	must(undo_ctx_open(&c, -1, true, &e), "sweep", &e);
	must(shared_sweep(&store, c, &e), "sweep", &e);
	undo_ctx_free(c);
}

static char *
networks(unsigned count)
{
	char *to = xcalloc(count, 24);
	size_t used = 0;

	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(to + used, count * 24 - used, "%s10.%u.%u.0/24",
		    i > 0 ? "," : "", i / 256, i % 256);
	return to;
}

/* --- the same messages, raw --- */

struct raw {
	int fd;
	struct nl_msg *msg;
};

static struct raw
raw_open(uint16_t type, const char *id, int action)
{
	const struct tcamsg head = { 0 };
	const struct tc_gact parms = { .index = tc_gate_of(id), .action = action };
	struct raw r = { .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
		.msg = nlmsg_alloc() };
	struct nlattr *tab, *one, *options;

	(void)nlmsg_put(r.msg, 0, 1, type, 0,
	    NLM_F_REQUEST | NLM_F_ACK | (type == RTM_NEWACTION ? NLM_F_REPLACE : 0));
	(void)nlmsg_append(r.msg, (void *)&head, sizeof(head), NLMSG_ALIGNTO);
	tab = nla_nest_start(r.msg, TCA_ACT_TAB);
	one = nla_nest_start(r.msg, 1);
	(void)nla_put_string(r.msg, TCA_ACT_KIND, "gact");
	if (type == RTM_GETACTION) {
		(void)nla_put_u32(r.msg, TCA_ACT_INDEX, parms.index);
	} else {
		(void)nla_put(r.msg, TCA_ACT_COOKIE, 8, id);
		options = nla_nest_start(r.msg, TCA_ACT_OPTIONS);
		(void)nla_put(r.msg, TCA_GACT_PARMS, sizeof(parms), &parms);
		(void)nla_nest_end(r.msg, options);
	}
	(void)nla_nest_end(r.msg, one);
	(void)nla_nest_end(r.msg, tab);
	return r;
}

static void
raw_ask(const struct raw *r)
{
	const struct nlmsghdr *h = nlmsg_hdr(r->msg);
	union {
		struct nlmsghdr h;
		char bytes[4096];
	} answer;

	if (send(r->fd, h, h->nlmsg_len, 0) < 0)
		exit(1);
	do {
		if (recv(r->fd, &answer, sizeof(answer), 0) < 0)
			exit(1);
	} while (answer.h.nlmsg_type != NLMSG_ERROR);
	if (((const struct nlmsgerr *)nlmsg_data(&answer.h))->error != 0)
		exit(1);
}

static void
raw_close(struct raw *r)
{
	nlmsg_free(r->msg);
	(void)close(r->fd);
}

/* --- rows --- */

struct arming {
	double on, off;
};

static struct arming
arm_and_disarm(struct lone *l)
{
	double on[ARMS], off[ARMS];
	struct err e = { 0 };

	for (int i = 0; i < ARMS; i++) {
		double start = now_ms(), middle;

		must(l->fault->apply(&l->run, &e), "apply", &e);
		middle = now_ms();
		must(undo_run(l->run.ctx, &l->run.undo, BEAT_DISARM, &e), "disarm", &e);
		on[i] = (middle - start) * 1e3;
		off[i] = (now_ms() - middle) * 1e3;
	}
	return (struct arming){ median(on, ARMS), median(off, ARMS) };
}

/* A disarm looks whose gate it is before it closes it. */
static struct arming
raw_arm_and_disarm(const char *id)
{
	struct raw open = raw_open(RTM_NEWACTION, id, TC_ACT_PIPE);
	struct raw look = raw_open(RTM_GETACTION, id, 0);
	struct raw shut = raw_open(RTM_NEWACTION, id, TC_ACT_UNSPEC);
	double on[ARMS], off[ARMS];

	for (int i = 0; i < ARMS; i++) {
		double start = now_ms(), middle;

		raw_ask(&open);
		middle = now_ms();
		raw_ask(&look);
		raw_ask(&shut);
		on[i] = (middle - start) * 1e3;
		off[i] = (now_ms() - middle) * 1e3;
	}
	raw_close(&open);
	raw_close(&look);
	raw_close(&shut);
	return (struct arming){ median(on, ARMS), median(off, ARMS) };
}

static struct arming
tc_arm_and_disarm(void)
{
	double on[PEER_ARMS], off[PEER_ARMS];

	for (int i = 0; i < PEER_ARMS; i++) {
		double start = now_ms(), middle;

		if (PEER("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay",
			"20ms") < 0)
			return (struct arming){ 0 };
		middle = now_ms();
		(void)PEER("tc", "qdisc", "del", "dev", "lo", "root");
		on[i] = (middle - start) * 1e3;
		off[i] = (now_ms() - middle) * 1e3;
	}
	return (struct arming){ median(on, PEER_ARMS), median(off, PEER_ARMS) };
}

static void
print(const char *name, double ours, const char *peer_name, double peer_us,
    const char *target)
{
	const struct figure f = { .name = name,
		.peer_name = peer_name,
		.unit = "us",
		.target = target,
		.ours = ours,
		.peer = peer_us };

	print_row(&f);
}

static void
bench_one(void)
{
	struct arming ours, raw, tc;
	struct err e = { 0 };
	struct lone l;

	LONE(&l, "net.delay", "to", "127.0.0.2", "delay", "20ms", "engine", "netem");
	l.run.store = &store;
	must(l.fault->stage(&l.run, &e), "stage", &e);
	ours = arm_and_disarm(&l);
	raw = raw_arm_and_disarm(l.spec.id);
	lone_undo(&l);
	sweep_shared();
	tc = tc_arm_and_disarm();
	print("netem, arm", ours.on, "raw", raw.on, "x2.0");
	print("netem, arm", ours.on, "tc", tc.on, "1/50");
	print("netem, disarm", ours.off, "raw", raw.off, "x2.0");
	print("netem, disarm", ours.off, "tc", tc.off, "1/50");
}

static void
bench_stage(unsigned count)
{
	double staged[STAGES], swept[STAGES];
	struct arming ours = { 0 };
	char *to = networks(count), name[64];

	for (int i = 0; i < STAGES; i++) {
		struct err e = { 0 };
		struct lone l;
		double start;

		LONE(&l, "net.delay", "to", to, "delay", "20ms", "engine", "netem",
		    "interface", "lo", "direction", "both");
		l.run.store = &store;
		start = now_ms();
		must(l.fault->stage(&l.run, &e), "stage", &e);
		staged[i] = (now_ms() - start) * 1e3;
		if (i == 0)
			ours = arm_and_disarm(&l);
		start = now_ms();
		lone_undo(&l);
		swept[i] = (now_ms() - start) * 1e3;
		sweep_shared();
	}
	(void)snprintf(name, sizeof(name), "netem, %u network%s both ways, arm", count,
	    count == 1 ? "" : "s");
	print(name, ours.on, "-", 0, count > 1 ? "< 1000 us" : "");
	(void)snprintf(name, sizeof(name), "netem, %u network%s both ways, disarm", count,
	    count == 1 ? "" : "s");
	print(name, ours.off, "-", 0, "");
	(void)snprintf(name, sizeof(name), "netem, %u network%s both ways, stage", count,
	    count == 1 ? "" : "s");
	print(name, median(staged, STAGES), "-", 0, "");
	(void)snprintf(name, sizeof(name), "netem, %u network%s both ways, sweep", count,
	    count == 1 ? "" : "s");
	print(name, median(swept, STAGES), "-", 0, "");
	free(to);
}

static void
make_world(void)
{
	struct err e = { 0 };
	struct nl *n = NULL;

	if (impair_engine_netem.supported(&e) < 0) {
		(void)printf("skip: %s\n", e.msg);
		exit(77);
	}
	if (unshare(CLONE_NEWNET) < 0 || mkdtemp(dir) == NULL) {
		(void)printf("skip: cannot make a network namespace\n");
		exit(77);
	}
	must(nl_open(&n, NETLINK_ROUTE, &e), "netlink", &e);
	must(link_up(n, 1, &e), "loopback", &e);
	nl_free(n);
	must(store_open(&store, dir, "", dir, &e), "store", &e);
}

int
main(void)
{
	make_world();
	process_fortify(); /* as a holder does; its children do not inherit it */
	bench_one();
	bench_stage(1);
	bench_stage(MANY);
	store_close(&store);
	return PEER("rm", "-rf", dir) == 0 ? 0 : 1;
}
