/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of steered packets.  Everything slow (two programs per family) is in prepare and
 * stage; apply, verify and hold are netlink messages on the sockets that the undo uses too.
 * Undoing is not here: it is the list that prepare writes, and for what several faults
 * share a note that stage leaves before the tool makes it.
 */
#include "steer.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "ipset.h"
#include "link.h"
#include "nft.h"
#include "nl.h"

#define CHECK_EVERY_MS 100

static int
version(int family)
{
	return family == STEER_V4 ? 4 : 6;
}

static struct nl *
netfilter(const struct fault_run *r)
{
	return undo_ctx_nl(r->ctx, NETLINK_NETFILTER);
}

int
steer_supported(struct err *e)
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

static bool
has_ipv6(void)
{
	return access("/proc/self/net/if_inet6", F_OK) == 0;
}

static void
add_net(struct steer *s, const struct net *net)
{
	int family = net->family == 4 ? STEER_V4 : STEER_V6;
	size_t count = s->count[family];

	for (size_t i = 0; i < count; i++)
		if (memcmp(&s->nets[family][i], net, sizeof(*net)) == 0)
			return;
	s->nets[family][count] = *net;
	s->count[family] = count + 1;
	s->is_used[family] = true;
}

/* hash:net takes no /0: everything is its two halves. */
static void
add_everything(struct steer *s, uint8_t family)
{
	struct net half = { .family = family, .prefix = 1 };

	add_net(s, &half);
	half.addr[0] = 0x80;
	add_net(s, &half);
}

/* Distinct networks by family, so that what the sets must hold can be counted.  "any" is
 * both families, of which a host without IPv6 has only one. */
static int
sort_nets(struct steer *s, const struct spec *spec, struct err *e)
{
	bool with_ipv6 = has_ipv6();

	for (size_t i = 0; i < spec->nets_count; i++) {
		const struct net *net = &spec->nets[i];
		char name[64];

		if (net->family == 6 && !with_ipv6 && net->prefix == 0)
			continue;
		if (net->family == 6 && !with_ipv6)
			return err_unsupported(e, "this host has no IPv6, for '%s'",
			    format_net(net, name, sizeof(name)));
		if (net->prefix == 0)
			add_everything(s, net->family);
		else
			add_net(s, net);
	}
	if (!s->is_used[STEER_V4] && !s->is_used[STEER_V6])
		return err_invalid(e, "no address or network to match");
	return s->is_used[STEER_V6] ? iptables_supported(6, e) : 0;
}

static void
make_names(struct steer *s, const char *id)
{
	(void)snprintf(s->set[STEER_V4], sizeof(s->set[0]), "sd-%s-4", id);
	(void)snprintf(s->set[STEER_V6], sizeof(s->set[0]), "sd-%s-6", id);
	(void)snprintf(s->chain_in, sizeof(s->chain_in), "SD-%s-I", id);
	(void)snprintf(s->chain_out, sizeof(s->chain_out), "SD-%s-O", id);
}

/* In a rule "eth+" means every interface that begins with eth, and a quote opens a string:
 * such names the kernel takes and iptables does not. */
static int
check_interface(struct fault_run *r, const struct steer *s, struct err *e)
{
	struct link l;

	if (s->interface[0] == '\0')
		return 0;
	if (strpbrk(s->interface, "+\"'\\!") != NULL || s->interface[0] == '-')
		return err_unsupported(
		    e, "iptables cannot name interface '%s'", s->interface);
	return link_find(undo_ctx_nl(r->ctx, NETLINK_ROUTE), s->interface, &l, e);
}

static int
check_unused(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	const char *const chains[] = { s->chain_in, s->chain_out };
	struct ipset_info info;
	struct err none = { 0 };
	int rc = ipset_info(netfilter(r), s->set[family], &info, &none);

	if (rc == 0)
		return err_set(e, -EEXIST, "set '%s' exists already", s->set[family]);
	if (rc != -ENOENT)
		return err_set(e, rc, "%s", none.msg);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		rc = iptables_chain_exists(
		    version(family), s->table, chains[i], r->barrier_fd, e);
		if (rc < 0)
			return rc;
		if (rc > 0)
			return err_set(
			    e, -EEXIST, "chain '%s' exists already", chains[i]);
	}
	return 0;
}

static void
add_undo_chain(struct fault_run *r, const struct steer *s, int family, const char *chain)
{
	struct undo u = { .op = UNDO_CHAIN, .num = { version(family) } };

	(void)snprintf(u.name, sizeof(u.name), "%s", chain);
	(void)snprintf(u.dev, sizeof(u.dev), "%s", s->table);
	undo_add(&r->undo, u);
}

/* Run newest first: the set is flushed, then the chains go, then the set can. */
static void
add_undo(struct fault_run *r, const struct steer *s, int family)
{
	struct undo set = { .op = UNDO_SET_DESTROY };

	(void)snprintf(set.name, sizeof(set.name), "%s", s->set[family]);
	undo_add(&r->undo, set);
	if (s->hooks & HOOK_IN)
		add_undo_chain(r, s, family, s->chain_in);
	if (s->hooks & HOOK_OUT)
		add_undo_chain(r, s, family, s->chain_out);
	set.op = UNDO_SET_FLUSH;
	undo_add(&r->undo, set);
}

static void
add_ops(struct fault_run *r, const struct steer *s, int family)
{
	const char *tool = family == STEER_V4 ? "iptables" : "ip6tables";

	fault_op(r, "stage: create set %s (hash:net, empty)", s->set[family]);
	if (s->hooks & HOOK_IN)
		fault_op(r, "stage: %s -t %s: chain %s, first in INPUT, verdict %s", tool,
		    s->table, s->chain_in, s->other[family]);
	if (s->hooks & HOOK_OUT)
		fault_op(r, "stage: %s -t %s: chain %s, first in OUTPUT, verdict %s",
		    tool, s->table, s->chain_out, s->other[family]);
	fault_op(r, "apply: add %zu network%s to set %s", s->count[family],
	    s->count[family] == 1 ? "" : "s", s->set[family]);
}

int
steer_prepare(struct fault_run *r, struct steer *s, struct err *e)
{
	int rc;

	make_names(s, r->spec->id);
	s->protected_interfaces = r->protect->interfaces;
	s->control_port = r->protect->control_port;
	rc = sort_nets(s, r->spec, e);
	if (rc == 0)
		rc = check_interface(r, s, e);
	if (rc < 0)
		return rc;
	rc = ssh_sessions(s->ssh, ARRAY_LEN(s->ssh), e);
	if (rc < 0)
		return rc;
	s->ssh_count = (size_t)rc;
	for (int f = 0; f < STEER_FAMILIES; f++) {
		rc = s->is_used[f] ? check_unused(r, s, f, e) : 0;
		if (rc < 0)
			return rc;
	}
	for (int f = 0; f < STEER_FAMILIES; f++) {
		if (!s->is_used[f])
			continue;
		add_undo(r, s, f);
		add_ops(r, s, f);
	}
	if (s->ssh_count > 0)
		fault_op(r, "stage: %zu logged-in SSH session%s exempt", s->ssh_count,
		    s->ssh_count == 1 ? " is" : "s are");
	if (s->control_port != 0)
		fault_op(
		    r, "stage: the agent's own TCP port %u is exempt", s->control_port);
	return 0;
}

/* What iptables-nft makes for the first time it does not take away: note it before. */
static int
claim_base(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	static const struct {
		int hook;
		const char *chain;
	} bases[] = { { HOOK_IN, "INPUT" }, { HOOK_OUT, "OUTPUT" } };
	struct undo u = { .op = UNDO_NFT_TABLE, .num = { version(family) } };
	int rc;

	(void)snprintf(u.name, sizeof(u.name), "%s", s->table);
	rc = shared_claim(r->store, r->ctx, &u, e);
	u.op = UNDO_NFT_CHAIN;
	(void)snprintf(u.dev, sizeof(u.dev), "%s", s->table);
	for (size_t i = 0; i < ARRAY_LEN(bases) && rc == 0; i++) {
		if ((s->hooks & bases[i].hook) == 0)
			continue;
		(void)snprintf(u.name, sizeof(u.name), "%s", bases[i].chain);
		rc = shared_claim(r->store, r->ctx, &u, e);
	}
	return rc;
}

static int
add_chains(struct fault_run *r, struct steer *s, int family, struct err *e)
{
	_cleanup_free_ char *in = NULL;
	_cleanup_free_ char *out = NULL;
	struct iptables_chain chains[2], *c = chains;
	uint32_t sets;

	s->rules[family] = 0;
	if (s->hooks & HOOK_IN) {
		in = steer_rules(s, family, HOOK_IN, &sets);
		*c++ = (struct iptables_chain){ version(family), s->table, s->chain_in,
			HOOK_IN, in };
		s->rules[family] += sets;
	}
	if (s->hooks & HOOK_OUT) {
		out = steer_rules(s, family, HOOK_OUT, &sets);
		*c++ = (struct iptables_chain){ version(family), s->table, s->chain_out,
			HOOK_OUT, out };
		s->rules[family] += sets;
	}
	return iptables_add(chains, (size_t)(c - chains), r->barrier_fd, e);
}

int
steer_stage(struct fault_run *r, struct steer *s, struct err *e)
{
	for (int f = 0; f < STEER_FAMILIES; f++) {
		int rc;

		if (!s->is_used[f])
			continue;
		rc = ipset_create(netfilter(r), s->set[f], version(f), s->count[f], e);
		if (rc == 0)
			rc = claim_base(r, s, f, e);
		if (rc == 0)
			rc = add_chains(r, s, f, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
steer_apply(struct fault_run *r, struct steer *s, struct err *e)
{
	for (int f = 0; f < STEER_FAMILIES; f++) {
		int rc = ipset_add(netfilter(r), s->set[f], s->nets[f], s->count[f], e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The use counts of our chains: rules and the jump.  A set's references do not tell when
 * only the jump was deleted.  iptables-legacy has no such counts: there it goes unseen. */
static void
read_chain_use(struct fault_run *r, const struct steer *s, int family, int *ret_use)
{
	ret_use[0] = nft_chain_use(netfilter(r), version(family), s->table, s->chain_in);
	ret_use[1] = nft_chain_use(netfilter(r), version(family), s->table, s->chain_out);
}

/* What is wrong with the set of a family, or NULL; counts its packets into r->effect. */
static const char *
look(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	struct ipset_info info;

	if (ipset_info(netfilter(r), s->set[family], &info, e) < 0)
		return e->code == -ENOENT ? "its set is gone" : e->msg;
	r->effect += info.packets;
	if (info.elements < s->count[family])
		return "networks are missing from its set";
	if (info.references < s->rules[family])
		return "its rules are gone";
	return NULL;
}

int
steer_verify(struct fault_run *r, struct steer *s, struct err *e)
{
	r->effect = 0;
	r->wake_ms = CHECK_EVERY_MS;
	for (int f = 0; f < STEER_FAMILIES; f++) {
		struct err why = { 0 };
		const char *wrong = s->is_used[f] ? look(r, s, f, &why) : NULL;

		if (wrong != NULL)
			return err_set(e, -ENODATA,
			    "the fault has no effect on IPv%d: %s", version(f), wrong);
		read_chain_use(r, s, f, s->chain_use[f]);
	}
	return 0;
}

int
steer_hold(struct fault_run *r, struct steer *s, struct err *e)
{
	uint64_t before = r->effect;

	(void)e; /* what is wrong here is not our failure: it is told as lost */
	r->effect = 0;
	for (int f = 0; f < STEER_FAMILIES; f++) {
		struct err why = { 0 };
		const char *wrong = s->is_used[f] ? look(r, s, f, &why) : NULL;
		int use[2];

		read_chain_use(r, s, f, use);
		if (wrong == NULL &&
		    (use[0] < s->chain_use[f][0] || use[1] < s->chain_use[f][1]))
			wrong = "the jump to its rules is gone";
		if (wrong == NULL)
			continue;
		r->lost = true;
		(void)snprintf(r->note, sizeof(r->note),
		    "taken away by somebody else (IPv%d): %s", version(f), wrong);
	}
	if (r->effect < before)
		r->effect = before; /* the counters went with the elements */
	return 0;
}
