/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What steer_iptables.c will do: by which names, in which table, and how it is undone.
 * Reads only; whatever is slow or may be refused is found out here.
 */
#include "steer_iptables.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "err.h"
#include "ipset.h"
#include "nl.h"
#include "xalloc.h"

static struct nl *
netfilter(const struct fault_run *r)
{
	return undo_ctx_nl(r->ctx, NETLINK_NETFILTER);
}

int
iptables_steer_supported(struct err *e)
{
	struct nl *n = NULL;
	int rc = iptables_supported(4, e);

	if (rc == 0)
		rc = nl_open(&n, NETLINK_NETFILTER, e);
	if (rc == 0)
		rc = ipset_supported(n, e);
	nl_free(n);
	return rc;
}

/* In a rule "eth+" means every interface that begins with eth, and a quote opens a string:
 * such names the kernel takes and iptables does not. */
static int
check_interfaces(const struct flows *f, struct err *e)
{
	for (size_t i = 0; i < f->interfaces_count; i++) {
		const char *name = f->interfaces[i];

		if (strpbrk(name, "+\"'\\!") != NULL || name[0] == '-')
			return err_unsupported(
			    e, "iptables cannot name interface '%s'", name);
	}
	return 0;
}

int
iptables_steer_can_do(const struct steer *s, struct err *e)
{
	if (check_interfaces(s->flows, e) < 0)
		return e->code;
	return s->is_used[STEER_V6] ? iptables_supported(6, e) : 0;
}

static void
make_names(struct iptables_steer *o, const char *id)
{
	(void)snprintf(o->set[STEER_V4], sizeof(o->set[0]), "sd-%s-4", id);
	(void)snprintf(o->set[STEER_V6], sizeof(o->set[0]), "sd-%s-6", id);
	(void)snprintf(o->exclude_set[STEER_V4], sizeof(o->set[0]), "sd-%s-4x", id);
	(void)snprintf(o->exclude_set[STEER_V6], sizeof(o->set[0]), "sd-%s-6x", id);
	(void)snprintf(o->chain_in, sizeof(o->chain_in), "SD-%s-I", id);
	(void)snprintf(o->chain_out, sizeof(o->chain_out), "SD-%s-O", id);
}

static int
check_set_unused(struct fault_run *r, const char *name, struct err *e)
{
	struct ipset_info info;
	struct err none = { 0 };
	int rc = ipset_info(netfilter(r), name, &info, &none);

	if (rc == 0)
		return err_set(e, -EEXIST, "set '%s' exists already", name);
	return rc == -ENOENT ? 0 : err_set(e, rc, "%s", none.msg);
}

/* Is it declared in the table, as iptables-save writes it? */
static bool
is_declared(const char *saved, const char *chain)
{
	char line[32];

	(void)snprintf(line, sizeof(line), "\n:%s ", chain);
	return strstr(saved, line) != NULL;
}

/* One look at the table for both chains: the program is what takes its time. */
static int
check_unused(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	const struct iptables_steer *o = s->own;
	const char *const chains[] = { o->chain_in, o->chain_out };
	_cleanup_free_ char *saved = NULL;
	int rc = check_set_unused(r, o->set[family], e);

	if (rc == 0)
		rc = check_set_unused(r, o->exclude_set[family], e);
	if (rc == 0)
		rc = iptables_save(
		    steer_version(family), o->table, r->barrier_fd, &saved, e);
	for (size_t i = 0; i < ARRAY_LEN(chains) && rc == 0; i++) {
		if (is_declared(saved, chains[i]))
			rc = err_set(e, -EEXIST, "chain '%s' exists already", chains[i]);
	}
	return rc;
}

static void
add_undo_chain(struct fault_run *r, const struct steer *s, int family, const char *chain)
{
	const struct iptables_steer *o = s->own;
	struct undo u = { .op = UNDO_CHAIN, .num = { steer_version(family) } };

	(void)snprintf(u.name, sizeof(u.name), "%s", chain);
	(void)snprintf(u.dev, sizeof(u.dev), "%s", o->table);
	undo_add(&r->undo, u);
}

/* Run newest first: the set is flushed, then the chains go, then the sets can. */
static void
add_undo(struct fault_run *r, const struct steer *s, int family)
{
	const struct iptables_steer *o = s->own;
	struct undo set = { .op = UNDO_SET_DESTROY };

	if (s->excludes_count[family] > 0) {
		(void)snprintf(set.name, sizeof(set.name), "%s", o->exclude_set[family]);
		undo_add(&r->undo, set);
	}
	(void)snprintf(set.name, sizeof(set.name), "%s", o->set[family]);
	undo_add(&r->undo, set);
	if (o->hooks & HOOK_IN)
		add_undo_chain(r, s, family, o->chain_in);
	if (o->hooks & HOOK_OUT)
		add_undo_chain(r, s, family, o->chain_out);
	set.op = UNDO_SET_FLUSH;
	undo_add(&r->undo, set);
}

static void
add_ops(struct fault_run *r, const struct steer *s, int family)
{
	const struct iptables_steer *o = s->own;
	const char *tool = family == STEER_V4 ? "iptables" : "ip6tables";

	fault_op(r, "stage: create set %s (hash:net, empty)", o->set[family]);
	if (s->excludes_count[family] > 0)
		fault_op(r, "stage: create set %s, which passes, of %zu network%s",
		    o->exclude_set[family], s->excludes_count[family],
		    s->excludes_count[family] == 1 ? "" : "s");
	if (o->hooks & HOOK_IN)
		fault_op(r, "stage: %s -t %s: chain %s, first in INPUT", tool, o->table,
		    o->chain_in);
	if (o->hooks & HOOK_OUT)
		fault_op(r, "stage: %s -t %s: chain %s, first in OUTPUT", tool, o->table,
		    o->chain_out);
	fault_op(r, "apply: add %zu network%s to set %s", s->count[family],
	    s->count[family] == 1 ? "" : "s", o->set[family]);
}

/* Whoever holds this name stands in the table; it goes with its holder, however that ends,
 * and each network namespace has its own. */
static int
claim_table(const char *table)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int len =
	    snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "stormdrill/%s", table);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* After a verdict a packet skips what is left of its table, and that must neither be
 * somebody's firewall (filter) nor another fault's rules: the second one to queue packets
 * takes a later table, where it meets what the first has let go. */
static void
choose_table(struct fault_run *r, struct steer *s)
{
	struct iptables_steer *o = s->own;
	static const char *const tables[] = { "mangle", "security" };

	for (size_t i = 0; i < ARRAY_LEN(tables) && o->claim < 0; i++) {
		o->table = tables[i];
		o->claim = claim_table(o->table);
	}
	if (o->claim >= 0)
		return;
	o->table = tables[0];
	s->remark = "; two other faults queue packets here: what they match, too, meets "
		    "only the newest";
	fault_op(r, "stage: tables mangle and security are taken by other faults%s",
	    s->remark);
}

int
iptables_steer_prepare(struct fault_run *r, struct steer *s, struct err *e)
{
	struct iptables_steer *o = xcalloc(1, sizeof(*o));
	int rc = 0;

	s->own = o;
	o->claim = -1;
	o->hooks = (s->flows->ingress ? HOOK_IN : 0) | (s->flows->egress ? HOOK_OUT : 0);
	o->table = "filter";
	make_names(o, r->spec->id);
	if (s->verdict == STEER_QUEUE)
		choose_table(r, s);
	for (int f = 0; f < STEER_FAMILIES && rc == 0; f++)
		rc = s->is_used[f] ? check_unused(r, s, f, e) : 0;
	if (rc < 0)
		return rc;
	for (int f = 0; f < STEER_FAMILIES; f++) {
		if (!s->is_used[f])
			continue;
		add_undo(r, s, f);
		add_ops(r, s, f);
	}
	return 0;
}
