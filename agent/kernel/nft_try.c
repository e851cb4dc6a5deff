/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel's nf_tables can do is asked by handing it a batch that has no end: it
 * checks every message, loads the modules that it needs, answers, and does nothing.
 */
#include "nft_table.h"

#include <errno.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

#include "err.h"
#include "nft_msg.h"

/* What is tried is never made, so any name of ours will do. */
#define TRIED "sd-00000000"

static int
no_nf_tables(struct err *e)
{
	return err_unsupported(e,
	    "this kernel has no nf_tables (module nf_tables; Debian: linux-image-amd64, "
	    "Fedora: kernel-modules-core)");
}

static int
try_whole(struct nl *n)
{
	const struct nft_set set = { TRIED, NFT_SET_TO4, NFT_KEY_NET4 };
	struct nft_rule r;

	nl_batch(n);
	nft_put_table(n, TRIED);
	nft_put_set(n, &set, 1);
	nft_put_base_chain(n, NFT_IN, TRIED, "in", NFT_BEFORE_ALL);
	r = nft_rule_begin(n, NFT_IN, TRIED, "in");
	nft_match_family(&r, 4);
	nft_match_remote_in(&r, 4, NFT_SET_TO4);
	nft_count(&r);
	nft_drop(&r);
	nft_rule_end(&r);
	return nl_try_batch(n);
}

int
nft_table_supported(struct nl *n, struct err *e)
{
	uint32_t generation;
	int rc;

	if (nft_generation(n, &generation) < 0)
		return no_nf_tables(e);
	nl_batch(n);
	nft_put_table(n, TRIED);
	rc = nl_try_batch(n);
	if (rc == -EOPNOTSUPP || rc == -EINVAL)
		return err_unsupported(e,
		    "this kernel has no tables that end with their owner (Linux 5.12)");
	rc = rc < 0 ? rc : try_whole(n);
	if (rc == -EPERM || rc == -EEXIST)
		return err_set(e, rc, "try nf_tables: %s", strerror(-rc));
	if (rc < 0)
		return err_unsupported(
		    e, "this kernel's nf_tables cannot filter: %s", strerror(-rc));
	return 0;
}

/* One without data: who does not know it says that there is no such thing, who knows it
 * misses the data. */
bool
nft_has_expression(struct nl *n, const char *name)
{
	void *list, *elem;

	nl_batch(n);
	nft_put_table(n, TRIED);
	nft_put_base_chain(n, NFT_IN, TRIED, "in", NFT_BEFORE_ALL);
	(void)nft_begin(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFPROTO_INET);
	nl_put_str(n, NFTA_RULE_TABLE, TRIED);
	nl_put_str(n, NFTA_RULE_CHAIN, "in");
	list = nl_nest(n, NFTA_RULE_EXPRESSIONS);
	elem = nl_nest(n, NFTA_LIST_ELEM);
	nl_put_str(n, NFTA_EXPR_NAME, name);
	nl_nest_end(n, elem);
	nl_nest_end(n, list);
	return nl_try_batch(n) != -ENOENT;
}

bool
nft_has_match(struct nl *n, const char *name)
{
	struct nfgenmsg *g =
	    nl_begin(n, NFNL_SUBSYS_NFT_COMPAT << 8 | NFNL_MSG_COMPAT_GET, 0, sizeof(*g));

	g->nfgen_family = NFPROTO_IPV4;
	g->version = NFNETLINK_V0;
	nl_put_str(n, NFTA_COMPAT_NAME, name);
	nft_put_be32(n, NFTA_COMPAT_REV, 0);
	nft_put_be32(n, NFTA_COMPAT_TYPE, 0); /* a match, no target */
	return nl_each(n, NULL, NULL) == 0;
}
