/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iptables-nft makes base tables and chains when it first needs them and never takes them
 * away.  Those that we caused are removed here, and only while they hold nothing: the
 * emptiness that was read and the deletion are tied by the ruleset's generation, so a rule
 * that somebody adds in between makes the kernel refuse.
 */
#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdint.h>
#include <string.h>

#include "err.h"
#include "nft_msg.h"
#include "nft_table.h"
#include "nl.h"

struct nfgenmsg *
nft_begin(struct nl *n, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nfgenmsg *g;

	type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	g = nl_begin(n, type, flags, sizeof(*g));
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	return g;
}

static void
begin(struct nl *n, uint16_t type, uint16_t flags, int family)
{
	(void)nft_begin(n, type, flags, family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

void
nft_put_be32(struct nl *n, uint16_t attr, uint32_t v)
{
	nl_put_u32(n, attr, htonl(v));
}

uint32_t
nft_get_be32(struct nlattr *a, uint32_t absent)
{
	return a == NULL ? absent : ntohl(nla_get_u32(a));
}

static int
on_generation(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_GEN_MAX + 1];

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_GEN_MAX) < 0)
		return -EBADMSG;
	*(uint32_t *)ctx = nft_get_be32(tb[NFTA_GEN_ID], 0);
	return 0;
}

int
nft_generation(struct nl *n, uint32_t *ret)
{
	begin(n, NFT_MSG_GETGEN, 0, 4);
	return nl_each(n, on_generation, ret);
}

struct table {
	uint32_t use; /* chains, sets, objects, flowtables */
	uint32_t flags;
};

static int
on_table(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	struct table *t = ctx;

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_TABLE_MAX) < 0)
		return -EBADMSG;
	t->use = nft_get_be32(tb[NFTA_TABLE_USE], UINT32_MAX);
	t->flags = nft_get_be32(tb[NFTA_TABLE_FLAGS], 0);
	return 0;
}

static int
get_table(struct nl *n, int family, const char *name, struct table *ret)
{
	begin(n, NFT_MSG_GETTABLE, 0, family);
	nl_put_str(n, NFTA_TABLE_NAME, name);
	return nl_each(n, on_table, ret);
}

bool
nft_table_exists(struct nl *n, int family, const char *name)
{
	struct table t;

	return get_table(n, family, name, &t) == 0;
}

struct chain_count {
	const char *table, *chain; /* chain NULL: every one of the table */
	uint32_t seen, empty;
};

/* A base chain as iptables-nft makes it: policy accept, no rule. */
static bool
is_empty_base(struct nlattr **tb)
{
	return tb[NFTA_CHAIN_HOOK] != NULL &&
	       nft_get_be32(tb[NFTA_CHAIN_POLICY], NF_DROP) == NF_ACCEPT &&
	       nft_get_be32(tb[NFTA_CHAIN_USE], 1) == 0;
}

static int
on_chain(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_CHAIN_MAX + 1];
	struct chain_count *c = ctx;

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_CHAIN_MAX) < 0 ||
	    tb[NFTA_CHAIN_TABLE] == NULL || tb[NFTA_CHAIN_NAME] == NULL)
		return -EBADMSG;
	if (nla_strcmp(tb[NFTA_CHAIN_TABLE], c->table) != 0)
		return 0;
	if (c->chain != NULL && nla_strcmp(tb[NFTA_CHAIN_NAME], c->chain) != 0)
		return 0;
	c->seen++;
	if (is_empty_base(tb))
		c->empty++;
	return 0;
}

static int
count_chains(struct nl *n, int family, struct chain_count *c)
{
	c->seen = c->empty = 0;
	begin(n, NFT_MSG_GETCHAIN, NLM_F_DUMP, family);
	return nl_each(n, on_chain, c);
}

static int
on_chain_use(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_CHAIN_MAX + 1];

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_CHAIN_MAX) < 0)
		return -EBADMSG;
	*(int *)ctx = (int)nft_get_be32(tb[NFTA_CHAIN_USE], 0);
	return 0;
}

int
nft_chain_use(struct nl *n, int family, const char *table, const char *chain)
{
	int use = 0, rc;

	begin(n, NFT_MSG_GETCHAIN, 0, family);
	nl_put_str(n, NFTA_CHAIN_TABLE, table);
	nl_put_str(n, NFTA_CHAIN_NAME, chain);
	rc = nl_each(n, on_chain_use, &use);
	if (rc < 0)
		return -ENOENT; /* also from a kernel without nf_tables */
	return use;
}

bool
nft_chain_exists(struct nl *n, int family, const char *table, const char *chain)
{
	return nft_chain_use(n, family, table, chain) >= 0;
}

static bool
is_gone(int rc)
{
	/* -EINVAL and -EOPNOTSUPP: a kernel without nf_tables holds no table */
	return rc == -ENOENT || rc == -EINVAL || rc == -EOPNOTSUPP;
}

/* 1 deleted, 0 not there or not empty, or a negative errno: -EINTR and -ERESTART when the
 * ruleset changed under us. */
static int
try_remove_table(struct nl *n, int family, const char *name)
{
	struct chain_count c = { .table = name };
	uint32_t generation = 0;
	struct table t;
	int rc = nft_generation(n, &generation);

	if (rc == 0)
		rc = get_table(n, family, name, &t);
	if (rc == 0)
		rc = count_chains(n, family, &c);
	if (rc != 0)
		return is_gone(rc) ? 0 : rc;
	if (t.flags != 0 || c.empty != c.seen || t.use != c.seen)
		return 0;
	begin(n, NFT_MSG_DELTABLE, 0, family);
	nl_put_str(n, NFTA_TABLE_NAME, name);
	rc = nl_ask_batch(n, generation);
	return rc == 0 ? 1 : rc == -ENOENT ? 0 : rc;
}

static int
try_remove_chain(struct nl *n, int family, const char *table, const char *chain)
{
	struct chain_count c = { .table = table, .chain = chain };
	uint32_t generation = 0;
	int rc = nft_generation(n, &generation);

	if (rc == 0)
		rc = count_chains(n, family, &c);
	if (rc < 0)
		return is_gone(rc) ? 0 : rc;
	if (c.empty == 0)
		return 0;
	begin(n, NFT_MSG_DELCHAIN, 0, family);
	nl_put_str(n, NFTA_CHAIN_TABLE, table);
	nl_put_str(n, NFTA_CHAIN_NAME, chain);
	rc = nl_ask_batch(n, generation);
	return rc == 0 ? 1 : rc == -ENOENT ? 0 : rc;
}

int
nft_table_remove_empty(struct nl *n, int family, const char *name, struct err *e)
{
	int rc = -EINTR;

	for (int i = 0; i < NFT_TRIES && (rc == -EINTR || rc == -ERESTART); i++)
		rc = try_remove_table(n, family, name);
	if (rc < 0)
		return err_set(e, rc, "delete empty table '%s' of IPv%d: %s", name,
		    family, strerror(-rc));
	return rc;
}

int
nft_chain_remove_empty(
    struct nl *n, int family, const char *table, const char *chain, struct err *e)
{
	int rc = -EINTR;

	for (int i = 0; i < NFT_TRIES && (rc == -EINTR || rc == -ERESTART); i++)
		rc = try_remove_chain(n, family, table, chain);
	if (rc < 0)
		return err_set(e, rc, "delete empty chain '%s' of table '%s', IPv%d: %s",
		    chain, table, family, strerror(-rc));
	return rc;
}
