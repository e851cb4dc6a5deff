/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of steered packets in nf_tables, without any program.  All of it is messages on
 * the undo's own socket, which owns the table: nobody else can take the rules away, and
 * the holder's death does.  Apply and disarm are one message each for both families.
 */
#include "steer_nft.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "nl.h"
#include "xalloc.h"

enum { CHECK_EVERY_MS = 100, TRIES = 5 };

static struct nl *
netfilter(const struct fault_run *r)
{
	return undo_ctx_nl(r->ctx, NETLINK_NETFILTER);
}

static struct nft_steer *
own_of(const struct steer *s)
{
	return s->own;
}

static struct nft_set
set_of(const struct steer *s, int family)
{
	if (family == STEER_V4)
		return (struct nft_set){ own_of(s)->table, NFT_SET_TO4, NFT_KEY_NET4 };
	return (struct nft_set){ own_of(s)->table, NFT_SET_TO6, NFT_KEY_NET6 };
}

static int
nft_steer_supported(struct err *e)
{
	struct nl *n = NULL;
	int rc = nl_open(&n, NETLINK_NETFILTER, e);

	if (rc == 0)
		rc = nft_table_supported(n, e);
	nl_free(n);
	return rc;
}

/* Can this kernel do what this fault needs?  Asked anew for each, since a rule needs few
 * of the modules there are. */
static int
nft_steer_can_do(const struct steer *s, struct err *e)
{
	const struct nft_need *missing = NULL;
	struct nl *n = NULL;
	int rc = nl_open(&n, NETLINK_NETFILTER, e);

	if (rc == 0)
		missing = steer_nft_missing(n, s);
	nl_free(n);
	if (missing != NULL)
		return err_unsupported(e,
		    "%s by nftables: this kernel has no module %s (Debian: "
		    "linux-image-amd64, Fedora: kernel-modules-core)",
		    missing->what, missing->module);
	return rc;
}

static void
sort_ranges(struct steer *s)
{
	struct nft_steer *o = own_of(s);
	const struct flows *flows = s->flows;

	for (int f = 0; f < STEER_FAMILIES; f++) {
		size_t len = f == STEER_V4 ? 4 : 16, count = 0;

		for (size_t i = 0; i < s->count[f]; i++)
			o->to[f][i] = range_of_net(&s->nets[f][i]);
		o->to_count[f] = ranges_merge(o->to[f], s->count[f], len);
		for (size_t i = 0; i < flows->excludes_count; i++)
			if (flows->excludes[i].family == steer_version(f))
				o->excludes[f][count++] =
				    range_of_net(&flows->excludes[i]);
		o->excludes_count[f] = ranges_merge(o->excludes[f], count, len);
	}
}

static void
add_undo(struct fault_run *r, const struct steer *s)
{
	struct undo u = { .op = UNDO_NFT_OWN };

	(void)snprintf(u.name, sizeof(u.name), "%s", own_of(s)->table);
	undo_add(&r->undo, u);
	u.op = UNDO_NFT_FLUSH;
	undo_add(&r->undo, u);
}

static void
add_ops(struct fault_run *r, const struct steer *s)
{
	const struct nft_steer *o = own_of(s);
	size_t count = o->to_count[STEER_V4] + o->to_count[STEER_V6];

	fault_op(r, "stage: nf_tables: table inet %s, owned by the fault's own process",
	    o->table);
	if (s->flows->ingress)
		fault_op(r, "stage: its chain in, before others' at the hook input");
	if (s->flows->egress)
		fault_op(r, "stage: its chain out, before others' at the hook output");
	fault_op(r, "apply: add %zu range%s of addresses to its sets", count,
	    count == 1 ? "" : "s");
}

static int
nft_steer_prepare(struct fault_run *r, struct steer *s, struct err *e)
{
	struct nft_steer *o = xcalloc(1, sizeof(*o));
	bool is_ours;
	int rc;

	s->own = o;
	(void)snprintf(o->table, sizeof(o->table), "sd-%s", r->spec->id);
	rc = nft_table_find(netfilter(r), o->table, &is_ours);
	if (rc != -ENOENT)
		return err_set(e, rc == 0 ? -EEXIST : rc, "table '%s' %s", o->table,
		    rc == 0 ? "exists already" : strerror(-rc));
	sort_ranges(s);
	steer_nft_put(netfilter(r), s);
	rc = nl_try_batch(netfilter(r));
	if (rc < 0)
		return err_set(
		    e, rc, "nf_tables would refuse the rules: %s", strerror(-rc));
	add_undo(r, s);
	add_ops(r, s);
	return 0;
}

static int
nft_steer_stage(struct fault_run *r, struct steer *s, struct err *e)
{
	int rc = -EINTR;

	for (int i = 0; i < TRIES && (rc == -EINTR || rc == -ERESTART); i++) {
		steer_nft_put(netfilter(r), s);
		rc = nl_ask_batch(netfilter(r), 0);
	}
	return rc < 0 ? err_set(e, rc, "make table '%s': %s", own_of(s)->table,
			    strerror(-rc)) :
			0;
}

static int
nft_steer_apply(struct fault_run *r, struct steer *s, struct err *e)
{
	const struct nft_steer *o = own_of(s);
	int rc = -EINTR;

	for (int i = 0; i < TRIES && (rc == -EINTR || rc == -ERESTART); i++) {
		nl_batch(netfilter(r));
		for (int f = 0; f < STEER_FAMILIES; f++) {
			const struct nft_set set = set_of(s, f);

			nft_put_ranges(netfilter(r), &set, o->to[f], o->to_count[f]);
		}
		rc = nl_ask_batch(netfilter(r), 0);
	}
	return rc < 0 ? err_set(e, rc, "fill the sets of table '%s': %s", o->table,
			    strerror(-rc)) :
			0;
}

/* What is wrong with our table, or NULL. */
static const char *
look(struct fault_run *r, const struct steer *s, struct err *e)
{
	const struct nft_steer *o = own_of(s);
	bool is_ours = false;

	if (nft_table_find(netfilter(r), o->table, &is_ours) < 0 || !is_ours)
		return "its table is gone";
	for (int f = 0; f < STEER_FAMILIES; f++) {
		const struct nft_set set = set_of(s, f);
		int count = nft_set_count(netfilter(r), &set, e);

		if (count < 0)
			return e->msg;
		if (!o->rests && (size_t)count < o->to_count[f])
			return "networks are missing from its sets";
	}
	return NULL;
}

/* Counts into r->effect. */
static const char *
count(struct fault_run *r, const struct steer *s, struct err *e)
{
	struct nft_chain_info info;

	if (nft_chain_read(netfilter(r), own_of(s)->table, NFT_CHAIN_HIT, &info, e) < 0)
		return e->msg;
	if (info.rules < steer_nft_hits(s))
		return "its rules are gone";
	r->effect = info.packets;
	return NULL;
}

static int
nft_steer_verify(struct fault_run *r, struct steer *s, struct err *e)
{
	struct err why = { 0 };
	const char *wrong = NULL;

	r->effect = 0;
	r->wake_ms = CHECK_EVERY_MS;
	if (nft_generation(netfilter(r), &own_of(s)->generation) < 0)
		wrong = "nf_tables does not answer";
	if (wrong == NULL)
		wrong = look(r, s, &why);
	if (wrong == NULL)
		wrong = count(r, s, &why);
	return wrong == NULL ? 0 :
			       err_set(e, -ENODATA, "the fault has no effect: %s", wrong);
}

/* Reading all networks back is dear: only when somebody has changed any rules. */
static int
nft_steer_hold(struct fault_run *r, struct steer *s, struct err *e)
{
	uint32_t generation = 0;
	const char *wrong = NULL;
	struct err why = { 0 };

	(void)e; /* what is wrong here is not our failure: it is told as lost */
	if (nft_generation(netfilter(r), &generation) < 0 ||
	    generation != own_of(s)->generation)
		wrong = look(r, s, &why);
	if (wrong == NULL)
		wrong = count(r, s, &why);
	if (wrong == NULL) {
		own_of(s)->generation = generation;
		return 0;
	}
	r->lost = true;
	(void)snprintf(
	    r->note, sizeof(r->note), "taken away by somebody else: %s", wrong);
	return 0;
}

static int
nft_steer_rest(struct fault_run *r, struct steer *s, bool rests, struct err *e)
{
	own_of(s)->rests = rests;
	return rests ? nft_table_flush(netfilter(r), own_of(s)->table, e) :
		       nft_steer_apply(r, s, e);
}

const struct steer_backend steer_backend_nftables = {
	.name = "nftables",
	.supported = nft_steer_supported,
	.can_do = nft_steer_can_do,
	.prepare = nft_steer_prepare,
	.stage = nft_steer_stage,
	.apply = nft_steer_apply,
	.verify = nft_steer_verify,
	.hold = nft_steer_hold,
	.rest = nft_steer_rest,
};
