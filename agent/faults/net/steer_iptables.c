/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of steered packets.  Everything slow (two programs per family) is in prepare
 * (steer_iptables_plan.c) and stage; apply, verify and hold are netlink messages on the
 * sockets that the undo uses too.  Undoing is not here: it is the list that prepare writes,
 * and for what several faults share a note that stage leaves before the tool makes it.
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

static struct nl *
netfilter(const struct fault_run *r)
{
	return undo_ctx_nl(r->ctx, NETLINK_NETFILTER);
}

static struct iptables_steer *
own_of(const struct steer *s)
{
	return s->own;
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
	struct undo u = { .op = UNDO_NFT_TABLE, .num = { steer_version(family) } };
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
		*c++ = (struct iptables_chain){ steer_version(family), o->table,
			o->chain_in, HOOK_IN, in };
		o->rules[family] += sets;
	}
	if (o->hooks & HOOK_OUT) {
		out = steer_rules(s, family, HOOK_OUT, &sets);
		*c++ = (struct iptables_chain){ steer_version(family), o->table,
			o->chain_out, HOOK_OUT, out };
		o->rules[family] += sets;
	}
	return iptables_add(chains, (size_t)(c - chains), r->barrier_fd, e);
}

/* It is full before any rule asks for it: what it holds is never in doubt. */
static int
make_exclude_set(struct fault_run *r, const struct steer *s, int f, struct err *e)
{
	const char *name = own_of(s)->exclude_set[f];
	int rc;

	if (s->excludes_count[f] == 0)
		return 0;
	rc = ipset_create(netfilter(r), name, steer_version(f), s->excludes_count[f], e);
	if (rc == 0)
		rc = ipset_add(
		    netfilter(r), name, s->excludes[f], s->excludes_count[f], e);
	return rc < 0 ? rc : 0;
}

static int
iptables_stage(struct fault_run *r, struct steer *s, struct err *e)
{
	struct iptables_steer *o = own_of(s);

	for (int f = 0; f < STEER_FAMILIES; f++) {
		int rc;

		if (!s->is_used[f])
			continue;
		rc = ipset_create(
		    netfilter(r), o->set[f], steer_version(f), s->count[f], e);
		if (rc == 0)
			rc = make_exclude_set(r, s, f, e);
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

	ret_use[0] =
	    nft_chain_use(netfilter(r), steer_version(family), o->table, o->chain_in);
	ret_use[1] =
	    nft_chain_use(netfilter(r), steer_version(family), o->table, o->chain_out);
}

/* What is wrong with the sets of a family, or NULL; counts its packets into r->effect. */
static const char *
look(struct fault_run *r, const struct steer *s, int family, struct err *e)
{
	const struct iptables_steer *o = own_of(s);
	struct ipset_info info;

	r->effect += o->counted[family];
	if (ipset_info(netfilter(r), o->set[family], &info, e) < 0)
		return e->code == -ENOENT ? "its set is gone" : e->msg;
	r->effect += info.packets;
	if (!o->rests && info.elements < s->count[family])
		return "networks are missing from its set";
	if (info.references < o->rules[family])
		return "its rules are gone";
	if (s->excludes_count[family] == 0)
		return NULL;
	if (ipset_info(netfilter(r), o->exclude_set[family], &info, e) < 0 ||
	    info.elements < s->excludes_count[family])
		return "what is excluded is missing from its set";
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
			    "the fault has no effect on IPv%d: %s", steer_version(f),
			    wrong);
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
		    "taken away by somebody else (IPv%d): %s", steer_version(f), wrong);
	}
	if (r->effect < before)
		r->effect = before; /* the counters went with the elements */
	return 0;
}

/* With its elements a set loses its counters: they are kept here. */
static int
empty_set(struct fault_run *r, struct iptables_steer *o, int family, struct err *e)
{
	struct ipset_info info;
	int rc = ipset_info(netfilter(r), o->set[family], &info, e);

	if (rc == 0)
		rc = ipset_flush(netfilter(r), o->set[family], e);
	if (rc == 0)
		o->counted[family] += info.packets;
	return rc;
}

static int
iptables_rest(struct fault_run *r, struct steer *s, bool rests, struct err *e)
{
	struct iptables_steer *o = own_of(s);
	int rc = rests ? 0 : iptables_apply(r, s, e);

	for (int f = 0; f < STEER_FAMILIES && rests && rc == 0; f++)
		rc = s->is_used[f] ? empty_set(r, o, f, e) : 0;
	if (rc == 0)
		o->rests = rests;
	return rc;
}

const struct steer_backend steer_backend_iptables = {
	.name = "iptables",
	.supported = iptables_steer_supported,
	.can_do = iptables_steer_can_do,
	.prepare = iptables_steer_prepare,
	.stage = iptables_stage,
	.apply = iptables_apply,
	.verify = iptables_verify,
	.hold = iptables_hold,
	.rest = iptables_rest,
};
