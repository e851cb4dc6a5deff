/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of steered packets.  Everything slow (two programs per family) is in prepare and
 * stage; apply, verify and hold are netlink messages on the sockets that the undo uses too.
 * Undoing is not here: it is the list that prepare writes, and for what several faults
 * share a note that stage leaves before the tool makes it.
 */
#include "steer_iptables.h"

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
#include "xalloc.h"

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

static int
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

static struct iptables_steer *
own_of(const struct steer *s)
{
	return s->own;
}

static void
make_names(struct iptables_steer *o, const char *id)
{
	(void)snprintf(o->set[STEER_V4], sizeof(o->set[0]), "sd-%s-4", id);
	(void)snprintf(o->set[STEER_V6], sizeof(o->set[0]), "sd-%s-6", id);
	(void)snprintf(o->chain_in, sizeof(o->chain_in), "SD-%s-I", id);
	(void)snprintf(o->chain_out, sizeof(o->chain_out), "SD-%s-O", id);
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

static int
check_unused(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	const char *const chains[] = { o->chain_in, o->chain_out };
	struct ipset_info info;
	struct err none = { 0 };
	int rc = ipset_info(netfilter(r), o->set[family], &info, &none);

	if (rc == 0)
		return err_set(e, -EEXIST, "set '%s' exists already", o->set[family]);
	if (rc != -ENOENT)
		return err_set(e, rc, "%s", none.msg);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		rc = iptables_chain_exists(
		    version(family), o->table, chains[i], r->barrier_fd, e);
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
	struct iptables_steer *o = own_of(s);
	struct undo u = { .op = UNDO_CHAIN, .num = { version(family) } };

	(void)snprintf(u.name, sizeof(u.name), "%s", chain);
	(void)snprintf(u.dev, sizeof(u.dev), "%s", o->table);
	undo_add(&r->undo, u);
}

/* Run newest first: the set is flushed, then the chains go, then the set can. */
static void
add_undo(struct fault_run *r, const struct steer *s, int family)
{
	struct iptables_steer *o = own_of(s);
	struct undo set = { .op = UNDO_SET_DESTROY };

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
	struct iptables_steer *o = own_of(s);
	const char *tool = family == STEER_V4 ? "iptables" : "ip6tables";

	fault_op(r, "stage: create set %s (hash:net, empty)", o->set[family]);
	if (o->hooks & HOOK_IN)
		fault_op(r, "stage: %s -t %s: chain %s, first in INPUT", tool, o->table,
		    o->chain_in);
	if (o->hooks & HOOK_OUT)
		fault_op(r, "stage: %s -t %s: chain %s, first in OUTPUT", tool, o->table,
		    o->chain_out);
	fault_op(r, "apply: add %zu network%s to set %s", s->count[family],
	    s->count[family] == 1 ? "" : "s", o->set[family]);
}

static int
iptables_prepare(struct fault_run *r, struct steer *s, struct err *e)
{
	struct iptables_steer *o = xcalloc(1, sizeof(*o));
	int rc = check_interfaces(s->flows, e);

	s->own = o;
	o->table = s->verdict == STEER_QUEUE ? "mangle" : "filter";
	o->hooks = (s->flows->ingress ? HOOK_IN : 0) | (s->flows->egress ? HOOK_OUT : 0);
	make_names(o, r->spec->id);
	if (rc == 0 && s->is_used[STEER_V6])
		rc = iptables_supported(6, e);
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

/* What iptables-nft makes for the first time it does not take away: note it before. */
static int
claim_base(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	static const struct {
		int hook;
		const char *chain;
	} bases[] = { { HOOK_IN, "INPUT" }, { HOOK_OUT, "OUTPUT" } };
	struct undo u = { .op = UNDO_NFT_TABLE, .num = { version(family) } };
	int rc;

	(void)snprintf(u.name, sizeof(u.name), "%s", o->table);
	rc = shared_claim(r->store, r->ctx, &u, e);
	u.op = UNDO_NFT_CHAIN;
	(void)snprintf(u.dev, sizeof(u.dev), "%s", o->table);
	for (size_t i = 0; i < ARRAY_LEN(bases) && rc == 0; i++) {
		if ((o->hooks & bases[i].hook) == 0)
			continue;
		(void)snprintf(u.name, sizeof(u.name), "%s", bases[i].chain);
		rc = shared_claim(r->store, r->ctx, &u, e);
	}
	return rc;
}

static int
add_chains(struct fault_run *r, struct steer *s, int family, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	_cleanup_free_ char *in = NULL;
	_cleanup_free_ char *out = NULL;
	struct iptables_chain chains[2], *c = chains;
	uint32_t sets;

	o->rules[family] = 0;
	if (o->hooks & HOOK_IN) {
		in = steer_rules(s, family, HOOK_IN, &sets);
		*c++ = (struct iptables_chain){ version(family), o->table, o->chain_in,
			HOOK_IN, in };
		o->rules[family] += sets;
	}
	if (o->hooks & HOOK_OUT) {
		out = steer_rules(s, family, HOOK_OUT, &sets);
		*c++ = (struct iptables_chain){ version(family), o->table, o->chain_out,
			HOOK_OUT, out };
		o->rules[family] += sets;
	}
	return iptables_add(chains, (size_t)(c - chains), r->barrier_fd, e);
}

static int
iptables_stage(struct fault_run *r, struct steer *s, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	for (int f = 0; f < STEER_FAMILIES; f++) {
		int rc;

		if (!s->is_used[f])
			continue;
		rc = ipset_create(netfilter(r), o->set[f], version(f), s->count[f], e);
		if (rc == 0)
			rc = claim_base(r, s, f, e);
		if (rc == 0)
			rc = add_chains(r, s, f, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
iptables_apply(struct fault_run *r, struct steer *s, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	for (int f = 0; f < STEER_FAMILIES; f++) {
		int rc = ipset_add(netfilter(r), o->set[f], s->nets[f], s->count[f], e);

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
	struct iptables_steer *o = own_of(s);
	ret_use[0] = nft_chain_use(netfilter(r), version(family), o->table, o->chain_in);
	ret_use[1] = nft_chain_use(netfilter(r), version(family), o->table, o->chain_out);
}

/* What is wrong with the set of a family, or NULL; counts its packets into r->effect. */
static const char *
look(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	struct ipset_info info;

	if (ipset_info(netfilter(r), o->set[family], &info, e) < 0)
		return e->code == -ENOENT ? "its set is gone" : e->msg;
	r->effect += info.packets;
	if (info.elements < s->count[family])
		return "networks are missing from its set";
	if (info.references < o->rules[family])
		return "its rules are gone";
	return NULL;
}

static int
iptables_verify(struct fault_run *r, struct steer *s, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	r->effect = 0;
	r->wake_ms = CHECK_EVERY_MS;
	for (int f = 0; f < STEER_FAMILIES; f++) {
		struct err why = { 0 };
		const char *wrong = s->is_used[f] ? look(r, s, f, &why) : NULL;

		if (wrong != NULL)
			return err_set(e, -ENODATA,
			    "the fault has no effect on IPv%d: %s", version(f), wrong);
		read_chain_use(r, s, f, o->chain_use[f]);
	}
	return 0;
}

static int
iptables_hold(struct fault_run *r, struct steer *s, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	uint64_t before = r->effect;

	(void)e; /* what is wrong here is not our failure: it is told as lost */
	r->effect = 0;
	for (int f = 0; f < STEER_FAMILIES; f++) {
		struct err why = { 0 };
		const char *wrong = s->is_used[f] ? look(r, s, f, &why) : NULL;
		int use[2];

		read_chain_use(r, s, f, use);
		if (wrong == NULL &&
		    (use[0] < o->chain_use[f][0] || use[1] < o->chain_use[f][1]))
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

static int
iptables_rest(struct fault_run *r, struct steer *s, bool rests, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	int rc = 0;

	if (!rests)
		rc = iptables_apply(r, s, e);
	for (int f = 0; f < STEER_FAMILIES && rests && rc == 0; f++)
		rc = s->is_used[f] ? ipset_flush(netfilter(r), o->set[f], e) : 0;
	if (rc == 0)
		o->rests = rests;
	return rc;
}

const struct steer_backend steer_backend_iptables = {
	.name = "iptables",
	.supported = iptables_steer_supported,
	.prepare = iptables_prepare,
	.stage = iptables_stage,
	.apply = iptables_apply,
	.verify = iptables_verify,
	.hold = iptables_hold,
	.rest = iptables_rest,
};
