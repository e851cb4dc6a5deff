/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading back: is what an operation takes away still in force (disarm) or still there
 * (sweep, shared)?  Nothing is changed.  What cannot be read counts as not verified, never
 * as gone.
 */
#include "undo_table.h"

#include "cgroup.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "ipset.h"
#include "iptables.h"
#include "link.h"
#include "nft.h"
#include "nft_table.h"
#include "tc.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* SIGKILL to a cgroup is asynchronous: so long may its processes take to be gone. */
/* A process that has many sockets open takes its time to die; stormd has 2 s for this. */
#define KILL_WAIT (1500 * USEC_PER_MSEC)
#define KILL_POLL (1 * USEC_PER_MSEC)

static const char *
direction(const struct undo *u)
{
	return u->num[1] == TC_EGRESS ? "egress" : "ingress";
}

/* 1 with the set's figures, 0 when there is no such set. */
static int
find_set(struct undo_ctx *c, const char *name, struct ipset_info *ret, struct err *e)
{
	int r;

	if (c->netfilter == NULL)
		return err_unsupported(
		    e, "this kernel has no nfnetlink (module nfnetlink)");
	r = ipset_info(c->netfilter, name, ret, e);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int
check_set_flushed(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct ipset_info info = { 0 };
	int r = find_set(c, u->name, &info, e);

	if (r > 0 && info.elements > 0)
		return err_set(
		    e, -EBUSY, "set '%s' still has %u elements", u->name, info.elements);
	return r < 0 ? r : 0;
}

int
check_set_gone(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct ipset_info info = { 0 };
	int r = find_set(c, u->name, &info, e);

	return r > 0 ? err_set(e, -EBUSY, "set '%s' still exists", u->name) : r;
}

int
check_gate(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct tc_gate gate;
	int r = tc_gate_get(c->route, u->name, &gate, e);

	if (r == 0 && gate.is_open)
		return err_set(e, -EBUSY, "the gate of fault %s is still open", u->name);
	return r == -ENOENT || r == -EPERM ? 0 : r;
}

int
check_gate_gone(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct tc_gate gate;
	int r = tc_gate_get(c->route, u->name, &gate, e);

	if (r == 0)
		return err_set(e, -EBUSY,
		    "the gate of fault %s still exists (gact action %u)", u->name,
		    tc_gate_of(u->name));
	return r == -ENOENT || r == -EPERM ? 0 : r;
}

int
check_filter(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int ifindex = (int)u->num[0];

	if (is_recorded_link(c, u, (uint32_t)u->num[3]) &&
	    tc_goto_exists(c->route, ifindex, (int)u->num[1], (uint16_t)u->num[2]))
		return err_set(e, -EBUSY, "filter %d still stands on %s of '%s'",
		    (int)u->num[2], direction(u), u->dev);
	return 0;
}

int
check_filter_chain(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	if (tc_chain_exists(
		c->route, (int)u->num[0], (int)u->num[1], (uint32_t)u->num[2]))
		return err_set(e, -EBUSY, "filter chain %u still exists on %s of '%s'",
		    (uint32_t)u->num[2], direction(u), u->dev);
	return 0;
}

int
check_cgroup_killed(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	usec_t until = clock_boottime() + KILL_WAIT;
	int root = undo_ctx_cgroup(c, e);
	int count;

	if (root < 0)
		return root;
	while ((count = cgroup_count(root, u->name)) > 0 && clock_boottime() < until)
		sleep_usec(KILL_POLL);
	if (count > 0)
		return err_set(
		    e, -EBUSY, "cgroup '%s' still has %d processes", u->name, count);
	if (count < 0 && count != -ENOENT && count != -ENODEV) /* being removed */
		return err_set(
		    e, count, "count cgroup '%s': %s", u->name, strerror(-count));
	return 0;
}

int
check_cgroup_gone(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int root = undo_ctx_cgroup(c, e);
	int count;

	if (root < 0)
		return root;
	count = cgroup_count(root, u->name);
	return count == -ENOENT ? 0 :
				  err_set(e, -EBUSY, "cgroup '%s' still exists", u->name);
}

int
check_cgroup_v1(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int tree = cgroup_tree(u->dev, e);

	(void)c;
	if (tree < 0)
		return tree;
	return cgroup_count(tree, u->name) == -ENOENT ?
		   0 :
		   err_set(e, -EBUSY, "cgroup '%s' still exists in the %s tree", u->name,
		       u->dev);
}

int
check_descriptor(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int flags = c->is_holder ? fcntl((int)u->num[0], F_GETFL) : -1;

	if (flags >= 0 && (flags & O_PATH) == 0)
		return err_set(e, -EBUSY, "descriptor %d is still open", (int)u->num[0]);
	return 0;
}

int
check_link(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct link l;
	int r = link_find(c->route, u->name, &l, e);

	if (r == 0 && strcmp(l.kind, "ifb") == 0)
		return err_set(e, -EBUSY, "link '%s' still exists", u->name);
	return r == -ENODEV ? 0 : r;
}

int
check_chain(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int r = iptables_chain_exists((int)u->num[0], u->dev, u->name, c->barrier, e);

	if (r > 0)
		return err_set(e, -EBUSY, "chain '%s' still exists in IPv%d's table %s",
		    u->name, (int)u->num[0], u->dev);
	return r;
}

int
check_clsact(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	if (is_recorded_link(c, u, 0) && tc_clsact_exists(c->route, (int)u->num[0]))
		return err_set(e, -EBUSY,
		    "clsact of '%s' is still there: others have filters on it", u->dev);
	return 0;
}

int
check_nft_table(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	if (c->netfilter != NULL &&
	    nft_table_exists(c->netfilter, (int)u->num[0], u->name))
		return err_set(e, -EBUSY,
		    "IPv%d's table '%s' is still there: it is in use", (int)u->num[0],
		    u->name);
	return 0;
}

int
check_nft_chain(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	if (c->netfilter != NULL &&
	    nft_chain_exists(c->netfilter, (int)u->num[0], u->dev, u->name))
		return err_set(e, -EBUSY,
		    "chain '%s' of IPv%d's table '%s' is still there: it is in use",
		    u->name, (int)u->num[0], u->dev);
	return 0;
}

int
check_nft_flushed(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	const struct nft_set sets[] = { { u->name, NFT_SET_TO4, NFT_KEY_NET4 },
		{ u->name, NFT_SET_TO6, NFT_KEY_NET6 } };

	for (size_t i = 0; c->netfilter != NULL && i < ARRAY_LEN(sets); i++) {
		int count = nft_set_count(c->netfilter, &sets[i], e);

		if (count > 0)
			return err_set(e, -EBUSY,
			    "set '%s' of table '%s' still has %d elements", sets[i].name,
			    u->name, count);
		if (count < 0 && count != -ENOENT)
			return count;
	}
	return 0;
}

int
check_nft_own(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	bool is_ours = false;
	int rc = -ENOENT;

	if (c->netfilter != NULL)
		rc = nft_table_find(c->netfilter, u->name, &is_ours);
	if (rc == 0 && is_ours)
		return err_set(e, -EBUSY, "table '%s' still exists", u->name);
	return rc == 0 || rc == -ENOENT ?
		   0 :
		   err_set(e, rc, "find table '%s': %s", u->name, strerror(-rc));
}
