/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOY_H
#define TOY_H
/*
 * A fault that is nothing but its objects: every kind of thing a fault may leave in the
 * kernel, made one at a time after the record is stored, armed, disarmed and swept one
 * operation at a time.  Between any two of these it can be told to die.
 */
#include "cgroup.h"
#include "disk.h"
#include "ident.h"
#include "ipset.h"
#include "iptables.h"
#include "link.h"
#include "nl.h"
#include "store.h"
#include "tc.h"
#include "world.h"
#include <linux/netlink.h>
#include <signal.h>
#include <sys/prctl.h>

#define TOY_DEATH 42

struct toy {
	char fault[FAULT_ID_LEN];
	int die_at; /* 0: live */
	bool lasts; /* has a file, too, and so a record that outlives the boot */
	int step;
	struct undo_ctx *ctx;
	struct store store;
	struct record record;
	char file[160], set4[16], set6[16], link[16], chain4[32], chain6[32], cgroup[32];
	int dev;
	uint16_t prio;
};

static void
toy_step(struct toy *t)
{
	if (++t->step == t->die_at)
		_exit(TOY_DEATH);
}

/* `call` may name `e`. */
#define TOY_MUST(call)                                    \
 do {                                                     \
  struct err err_ = { 0 }, *e = &err_;                    \
  if ((call) < 0) {                                       \
   (void)fprintf(stderr, "toy: %s: %s\n", #call, e->msg); \
   _exit(1);                                              \
  }                                                       \
  toy_step(t);                                            \
 } while (0)

static void
toy_describe_file(struct toy *t)
{
	struct undo u = { .op = UNDO_UNLINK_FILE };
	struct disk_place place;
	struct err err = { 0 };
	int dir = disk_open_dir(world.dir, &err);

	if (dir < 0 || disk_place(dir, &place, &err) < 0) {
		(void)fprintf(stderr, "toy: %s\n", err.msg);
		_exit(1);
	}
	(void)close(dir);
	(void)snprintf(
	    t->file, sizeof(t->file), "%s/" DISK_NAME_PREFIX "%s", world.dir, t->fault);
	(void)snprintf(u.name, sizeof(u.name), "%s", t->file);
	u.num[0] = place.inode;
	u.num[1] = place.fsid;
	undo_add(&t->record.undo, u);
}

static void
toy_describe(struct toy *t)
{
	struct undo_list *l = &t->record.undo;
	int64_t chain = tc_chain_of(t->fault);
	struct undo u;

	(void)snprintf(t->set4, sizeof(t->set4), "sd-%s-4", t->fault);
	(void)snprintf(t->set6, sizeof(t->set6), "sd-%s-6", t->fault);
	(void)snprintf(t->link, sizeof(t->link), "sd%se", t->fault);
	(void)snprintf(t->chain4, sizeof(t->chain4), "SD-%s-I", t->fault);
	(void)snprintf(t->chain6, sizeof(t->chain6), "SD-%s-O", t->fault);
	(void)snprintf(t->cgroup, sizeof(t->cgroup), "stormdrill-%s", t->fault);
	for (int six = 0; six <= 1; six++) {
		u = (struct undo){ .op = UNDO_SET_DESTROY };
		(void)snprintf(u.name, sizeof(u.name), "%s", six ? t->set6 : t->set4);
		undo_add(l, u);
		u.op = UNDO_SET_FLUSH;
		undo_add(l, u);
		u = (struct undo){ UNDO_CHAIN, "", "filter", { six ? 6 : 4 } };
		(void)snprintf(u.name, sizeof(u.name), "%s", six ? t->chain6 : t->chain4);
		undo_add(l, u);
	}
	u = (struct undo){ .op = UNDO_LINK, .num = { 1000 } };
	(void)snprintf(u.name, sizeof(u.name), "%s", t->link);
	undo_add(l, u);
	undo_add(
	    l, (struct undo){ UNDO_FILTER_CHAIN, "", WORLD_DEV, { t->dev, 1, chain } });
	undo_add(l,
	    (struct undo){ UNDO_FILTER, "", WORLD_DEV, { t->dev, 1, t->prio, chain } });
	u = (struct undo){ .op = UNDO_CGROUP_REMOVE };
	(void)snprintf(u.name, sizeof(u.name), "%s", t->cgroup);
	undo_add(l, u);
	u.op = UNDO_CGROUP_KILL;
	undo_add(l, u);
	if (t->lasts)
		toy_describe_file(t);
}

/* Everything but the kernel: sockets, identities, the record in memory. */
static void
toy_prepare(struct toy *t)
{
	struct err err = { 0 };
	struct link l = { 0 };

	if (store_open(&t->store, world.run_dir, world.state_dir, world.host_dir, &err) <
		0 ||
	    undo_ctx_open(&t->ctx, -1, true, &err) < 0 ||
	    link_find(undo_ctx_nl(t->ctx, NETLINK_ROUTE), WORLD_DEV, &l, &err) < 0 ||
	    clock_boot_id(t->record.boot_id, &err) < 0 ||
	    process_id_get(getpid(), &t->record.holder) < 0) {
		(void)fprintf(stderr, "toy: %s\n", err.msg);
		_exit(1);
	}
	t->dev = l.index;
	t->prio = tc_prio_of(t->fault, 0);
	memcpy(t->record.fault, t->fault, sizeof(t->fault));
	uuid_make(t->record.drill);
	(void)snprintf(t->record.kind, sizeof(t->record.kind), "toy.all");
	(void)snprintf(t->record.summary, sizeof(t->record.summary), "toy.all");
	t->record.netns = netns_inode();
	t->record.hard_deadline = clock_boottime() + 60 * USEC_PER_SEC;
	toy_describe(t);
}

static void
toy_chain(struct toy *t, int family, const char *chain, const char *set, int hook)
{
	char rules[200];
	struct iptables_chain c = { .family = family,
		.table = "filter",
		.chain = chain,
		.hook = hook,
		.rules = rules };

	(void)snprintf(rules, sizeof(rules), "-A %s -m set --match-set %s src -j DROP\n",
	    chain, set);
	for (int table = 1; table >= 0; table--) {
		struct undo u = { table ? UNDO_NFT_TABLE : UNDO_NFT_CHAIN, "filter", "",
			{ family } };

		if (!table) {
			(void)snprintf(u.name, sizeof(u.name), "%s",
			    hook == HOOK_IN ? "INPUT" : "OUTPUT");
			(void)snprintf(u.dev, sizeof(u.dev), "filter");
		}
		TOY_MUST(shared_claim(&t->store, t->ctx, &u, e));
	}
	TOY_MUST(iptables_add(&c, 1, -1, e));
}

/* A process that would stay for ever, in the fault's cgroup. */
static void
toy_burner(struct toy *t, int group)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	TOY_MUST(cgroup_join(group, pid, e));
}

/* Filters need cls_flower, which minimal kernels lack: then only the clsact is there. */
static void
toy_filters(struct toy *t, struct nl *n, int ifb)
{
	struct tc_filter f = { .ifindex = t->dev,
		.direction = TC_EGRESS,
		.chain = tc_chain_of(t->fault),
		.prio = t->prio,
		.match = { .net = { .family = 4, .prefix = 24, .addr = { 192, 0, 2 } } },
		.redirect = ifb };
	struct err why = { 0 };
	int r = tc_filter_add(n, &f, &why);

	if (r == -EOPNOTSUPP || r == -ENOENT)
		return;
	TOY_MUST(r);
	f.chain = 0;
	f.redirect = 0;
	f.goto_chain = tc_chain_of(t->fault);
	TOY_MUST(tc_filter_add(n, &f, e));
}

static void
toy_make(struct toy *t)
{
	struct nl *route = undo_ctx_nl(t->ctx, NETLINK_ROUTE);
	struct nl *nf = undo_ctx_nl(t->ctx, NETLINK_NETFILTER);
	struct undo clsact = { UNDO_CLSACT, "", WORLD_DEV, { t->dev } };
	struct net net = { .family = 4, .prefix = 24, .addr = { 192, 0, 2 } };
	struct err why = { 0 };
	int ifb = 0, group = -1;

	TOY_MUST(store_put(&t->store, &t->record, e));
	if (t->lasts)
		TOY_MUST(open(t->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	TOY_MUST(ipset_create(nf, t->set4, 4, 16, e));
	TOY_MUST(ipset_create(nf, t->set6, 6, 16, e));
	toy_chain(t, 4, t->chain4, t->set4, HOOK_IN);
	toy_chain(t, 6, t->chain6, t->set6, HOOK_OUT);
	TOY_MUST(link_add_ifb(route, t->link, &ifb, e));
	TOY_MUST(link_up(route, ifb, e));
	TOY_MUST(shared_claim(&t->store, t->ctx, &clsact, e));
	if (tc_clsact_add(route, t->dev, &why) < 0 && why.code != -EEXIST)
		TOY_MUST(why.code);
	toy_step(t);
	toy_filters(t, route, ifb);
	TOY_MUST(cgroup_create(undo_ctx_cgroup(t->ctx, e), t->cgroup, &group, e));
	toy_burner(t, group);
	TOY_MUST(ipset_add(nf, t->set4, &net, 1, e));
}

/* As a holder does it, but one operation at a time. */
static void
toy_undo(struct toy *t)
{
	for (int beat = BEAT_DISARM; beat <= BEAT_SWEEP; beat++) {
		for (size_t i = t->record.undo.count; i-- > 0;) {
			const struct undo_list one = { .count = 1,
				.op = { t->record.undo.op[i] } };

			TOY_MUST(undo_run(t->ctx, &one, (enum undo_beat)beat, e));
		}
		TOY_MUST(undo_check(t->ctx, &t->record.undo, (enum undo_beat)beat, e));
	}
	TOY_MUST(shared_sweep(&t->store, t->ctx, e));
	TOY_MUST(store_drop(&t->store, t->fault, e));
}

#endif
