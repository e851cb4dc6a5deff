/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each operation does.  "Already gone" is success; an object that bears the recorded
 * name but is not what the record means is somebody else's, and is left alone with a note.
 * These notes are the only lines this layer logs: they say why nothing was done.
 */
#include "undo_table.h"

#include "cgroup.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "ipset.h"
#include "iptables.h"
#include "link.h"
#include "log.h"
#include "nft.h"
#include "nft_table.h"
#include "tc.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A packet that netem has let go of is still on its way through the ifb's tasklet. */
#define DRAIN_SLACK (50 * USEC_PER_MSEC)
#define DRAIN_POLL  (1 * USEC_PER_MSEC)
#define GATE_WAIT   (2 * USEC_PER_SEC)

static int
unless(int r, int fine)
{
	return r == fine ? 0 : r;
}

static struct nl *
netfilter(struct undo_ctx *c, struct err *e)
{
	if (c->netfilter == NULL)
		(void)err_unsupported(
		    e, "this kernel has no nfnetlink (module nfnetlink)");
	return c->netfilter;
}

int
run_set_flush(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct nl *n = netfilter(c, e);

	return n == NULL ? e->code : unless(ipset_flush(n, u->name, e), -ENOENT);
}

int
run_set_destroy(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct nl *n = netfilter(c, e);

	return n == NULL ? e->code : unless(ipset_destroy(n, u->name, e), -ENOENT);
}

static int
unless_theirs(int r, const struct undo *u, const struct err *why)
{
	if (r == -EPERM)
		log_notice("fault %s: %s: left alone", u->name, why->msg);
	return r == -ENOENT || r == -EPERM ? 0 : r;
}

/* One look and one message, however many filters lead through it. */
int
run_gate(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct tc_gate gate;
	int r = tc_gate_get(c->route, u->name, &gate, e);

	if (r < 0)
		return unless_theirs(r, u, e);
	return gate.is_open ? tc_gate_set(c->route, u->name, false, e) : 0;
}

/* The kernel frees filters some time after they were deleted, and holds the gate until
 * then. */
int
run_gate_delete(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	usec_t until = clock_boottime() + GATE_WAIT;
	int r;

	while ((r = tc_gate_delete(c->route, u->name, e)) == -EBUSY &&
	       clock_boottime() < until)
		sleep_usec(DRAIN_POLL);
	return unless_theirs(r, u, e);
}

bool
is_recorded_link(struct undo_ctx *c, const struct undo *u, uint32_t chain)
{
	int ifindex = (int)u->num[0];
	struct err why = { 0 };
	struct link l;

	if (link_find(c->route, u->dev, &l, &why) == 0 && l.index == ifindex)
		return true;
	return chain != 0 && tc_chain_exists(c->route, ifindex, (int)u->num[1], chain);
}

static void
note_other_link(const struct undo *u)
{
	log_notice("interface '%s' is no longer interface %d: nothing to undo there",
	    u->dev, (int)u->num[0]);
}

int
run_filter(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int r;

	if (!is_recorded_link(c, u, (uint32_t)u->num[3])) {
		note_other_link(u);
		return 0;
	}
	r = tc_goto_delete(
	    c->route, (int)u->num[0], (int)u->num[1], (uint16_t)u->num[2], e);
	return r == -ENODEV ? 0 : unless(r, -ENOENT);
}

int
run_filter_chain(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int r;

	if (!is_recorded_link(c, u, (uint32_t)u->num[2]))
		return 0; /* disarm has said so already */
	r = tc_chain_delete(
	    c->route, (int)u->num[0], (int)u->num[1], (uint32_t)u->num[2], e);
	return r == -ENODEV ? 0 : unless(r, -ENOENT);
}

#define KILL_FILE "cgroup.kill"

int
undo_hold_cgroup(struct undo_ctx *c, const char *name, struct err *e)
{
	struct undo_held *h = &c->held[c->held_count];
	char path[PATH_LEN_MAX + sizeof("/" KILL_FILE)];
	int fd;

	if (c->held_count == ARRAY_LEN(c->held))
		return err_set(e, -E2BIG, "too many cgroups for one fault");
	(void)snprintf(path, sizeof(path), "%s/" KILL_FILE, name);
	fd = openat(c->cgroup, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, "open '%s'", path);
	*h = (struct undo_held){ .fd = fd };
	(void)snprintf(h->tree, sizeof(h->tree), KILL_FILE);
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	c->held_count++;
	return 0;
}

static struct undo_held *
held_of(struct undo_ctx *c, const struct undo *u)
{
	for (size_t i = 0; i < c->held_count; i++) {
		if (strcmp(c->held[i].tree, KILL_FILE) == 0 &&
		    strcmp(c->held[i].name, u->name) == 0)
			return &c->held[i];
	}
	return NULL;
}

static void
let_go(struct undo_ctx *c, struct undo_held *h)
{
	cleanup_close(&h->fd);
	*h = c->held[--c->held_count];
}

int
run_cgroup_kill(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	const struct undo_held *h = held_of(c, u);
	int root;

	if (h != NULL && (pwrite(h->fd, "1", 1, 0) == 1 || errno == ENODEV))
		return 0;
	root = undo_ctx_cgroup(c, e);
	return root < 0 ? root : unless(cgroup_kill(root, u->name, e), -ENOENT);
}

int
run_cgroup_remove(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct undo_held *h = held_of(c, u);
	int root = undo_ctx_cgroup(c, e);
	int r = root < 0 ? root : unless(cgroup_remove(root, u->name, e), -ENOENT);

	if (r >= 0 && h != NULL)
		let_go(c, h);
	return r;
}

int
run_cgroup_v1(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int tree = cgroup_tree(u->dev, e);

	(void)c;
	return tree < 0 ? tree : unless(cgroup_remove(tree, u->name, e), -ENOENT);
}

/* Closed by putting another in its place: the number stays taken, so that doing this twice
 * never closes a descriptor that was opened in between. */
int
run_descriptor(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	if (!c->is_holder)
		return 0;
	if (dup3(c->nothing, (int)u->num[0], O_CLOEXEC) < 0)
		return err_errno(e, "close descriptor %d", (int)u->num[0]);
	return 0;
}

/* Deleting an ifb loses the packets its netem holds: let them out first, and let nothing
 * new happen to any. */
static void
drain(struct nl *n, int ifindex, usec_t longest)
{
	usec_t until = clock_boottime() + longest + DRAIN_SLACK;
	struct qdisc_stats stats;
	struct netem netem, nothing = { 0 };
	struct err why = { 0 };

	if (tc_netem_stats(n, ifindex, &netem, &stats, &why) < 0 || stats.backlog == 0)
		return;
	nothing.limit = netem.limit;
	(void)tc_netem_change(
	    n, ifindex, &nothing, &why); /* the wait is bounded anyhow */
	while (stats.backlog > 0 && clock_boottime() < until) {
		sleep_usec(DRAIN_POLL);
		if (tc_netem_stats(n, ifindex, &netem, &stats, &why) < 0)
			return;
	}
	sleep_usec(DRAIN_POLL);
}

int
run_link(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct link l;
	int r;

	r = link_find(c->route, u->name, &l, e);
	if (r < 0)
		return unless(r, -ENODEV);
	if (strcmp(l.kind, "ifb") != 0) {
		log_notice(
		    "link '%s' is of kind '%s', not ours: left alone", u->name, l.kind);
		return 0;
	}
	drain(c->route, l.index, (usec_t)u->num[0]);
	return unless(link_delete(c->route, u->name, "ifb", e), -ENODEV);
}

int
run_chain(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	return iptables_remove((int)u->num[0], u->dev, u->name, c->barrier, e);
}

int
run_clsact(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int r;

	if (!is_recorded_link(c, u, 0))
		return 0;
	r = tc_clsact_remove_empty(c->route, (int)u->num[0], e);
	return r > 0 ? 0 : unless(r, -ENODEV);
}

int
run_nft_table(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct nl *n = netfilter(c, e);
	int r =
	    n == NULL ? e->code : nft_table_remove_empty(n, (int)u->num[0], u->name, e);

	return r > 0 ? 0 : r;
}

int
run_nft_chain(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct nl *n = netfilter(c, e);
	int r = n == NULL ? e->code :
			    nft_chain_remove_empty(n, (int)u->num[0], u->dev, u->name, e);

	return r > 0 ? 0 : r;
}

int
run_nft_flush(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct nl *n = netfilter(c, e);

	return n == NULL ? e->code : unless(nft_table_flush(n, u->name, e), -ENOENT);
}

int
run_nft_own(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct nl *n = netfilter(c, e);
	bool is_ours = false;

	if (n == NULL)
		return e->code;
	if (nft_table_find(n, u->name, &is_ours) < 0)
		return 0; /* gone; what cannot be read the check will say */
	if (!is_ours) {
		log_notice("table '%s' is not of our making: left alone", u->name);
		return 0;
	}
	return unless(nft_table_delete(n, u->name, e), -ENOENT);
}
