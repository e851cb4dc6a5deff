/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, finding and taking away a table of ours, and reading the rules of a chain.
 */
#include "nft_table.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "nft_msg.h"

/* --- making --------------------------------------------------------------------------- */

/* As nft(8) keeps a comment: a type, which is 0, a length, the text with its NUL. */
struct comment {
	uint8_t type, len;
	char text[64];
};

static size_t
make_comment(const char *table, struct comment *ret)
{
	int len;

	memset(ret, 0, sizeof(*ret));
	len = snprintf(ret->text, sizeof(ret->text), "stormdrill %s", table);
	assert(len > 0 && (size_t)len < sizeof(ret->text));
	ret->len = (uint8_t)(len + 1);
	return offsetof(struct comment, text) + ret->len;
}

void
nft_put_table(struct nl *n, const char *table)
{
	struct comment c;
	size_t len = make_comment(table, &c);

	(void)nft_begin(n, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, NFPROTO_INET);
	nl_put_str(n, NFTA_TABLE_NAME, table);
	nft_put_be32(n, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	nl_put(n, NFTA_TABLE_USERDATA, &c, len);
}

void
nft_put_chain(struct nl *n, const char *table, const char *chain)
{
	(void)nft_begin(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, NFPROTO_INET);
	nl_put_str(n, NFTA_CHAIN_TABLE, table);
	nl_put_str(n, NFTA_CHAIN_NAME, chain);
}

void
nft_put_base_chain(struct nl *n, enum nft_way way, const char *table, const char *chain,
    int32_t priority)
{
	void *hook;

	nft_put_chain(n, table, chain);
	nl_put_str(n, NFTA_CHAIN_TYPE, "filter");
	hook = nl_nest(n, NFTA_CHAIN_HOOK);
	nft_put_be32(
	    n, NFTA_HOOK_HOOKNUM, way == NFT_OUT ? NF_INET_LOCAL_OUT : NF_INET_LOCAL_IN);
	nft_put_be32(n, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nl_nest_end(n, hook);
	nft_put_be32(n, NFTA_CHAIN_POLICY, NF_ACCEPT);
}

/* --- finding and taking away ---------------------------------------------------------- */

static int
on_table(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	struct comment c;
	char name[NFT_TABLE_NAME_MAX];
	size_t len;

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_TABLE_MAX) < 0 ||
	    tb[NFTA_TABLE_NAME] == NULL)
		return -EBADMSG;
	(void)nla_strlcpy(name, tb[NFTA_TABLE_NAME], sizeof(name));
	len = make_comment(name, &c);
	*(bool *)ctx = tb[NFTA_TABLE_USERDATA] != NULL &&
		       nla_memcmp(tb[NFTA_TABLE_USERDATA], &c, len) == 0 &&
		       (size_t)nla_len(tb[NFTA_TABLE_USERDATA]) == len;
	return 0;
}

int
nft_table_find(struct nl *n, const char *table, bool *ret_is_ours)
{
	(void)nft_begin(n, NFT_MSG_GETTABLE, 0, NFPROTO_INET);
	nl_put_str(n, NFTA_TABLE_NAME, table);
	return nl_each(n, on_table, ret_is_ours);
}

static int
refused(struct err *e, int rc, const char *what, const char *table)
{
	if (rc == -EPERM)
		return err_set(e, rc,
		    "%s table '%s': it belongs to a process that is alive, and ends with "
		    "it",
		    what, table);
	return err_set(e, rc, "%s table '%s': %s", what, table, strerror(-rc));
}

/* A kernel without nf_tables holds no table. */
static int
gone_or(int rc)
{
	return rc == -EINVAL || rc == -EOPNOTSUPP ? -ENOENT : rc;
}

int
nft_table_delete(struct nl *n, const char *table, struct err *e)
{
	int rc = -EINTR;

	for (int i = 0; i < NFT_TRIES && (rc == -EINTR || rc == -ERESTART); i++) {
		(void)nft_begin(n, NFT_MSG_DELTABLE, 0, NFPROTO_INET);
		nl_put_str(n, NFTA_TABLE_NAME, table);
		rc = nl_ask_batch(n, 0);
	}
	return rc < 0 ? refused(e, gone_or(rc), "delete", table) : 0;
}

int
nft_table_flush(struct nl *n, const char *table, struct err *e)
{
	const struct nft_set four = { table, NFT_SET_TO4, NFT_KEY_NET4 };
	const struct nft_set six = { table, NFT_SET_TO6, NFT_KEY_NET6 };
	int rc = -EINTR;

	for (int i = 0; i < NFT_TRIES && (rc == -EINTR || rc == -ERESTART); i++) {
		nl_batch(n);
		nft_put_flush(n, &four);
		nft_put_flush(n, &six);
		rc = nl_ask_batch(n, 0);
	}
	return rc < 0 ? refused(e, gone_or(rc), "empty the sets of", table) : 0;
}

struct names {
	int (*fn)(void *ctx, const char *name);
	void *ctx;
};

static int
on_name(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	const struct names *names = ctx;
	char name[NFT_NAME_MAXLEN];

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_TABLE_MAX) < 0 ||
	    tb[NFTA_TABLE_NAME] == NULL)
		return -EBADMSG;
	(void)nla_strlcpy(name, tb[NFTA_TABLE_NAME], sizeof(name));
	return names->fn(names->ctx, name);
}

int
nft_table_each(
    struct nl *n, int (*fn)(void *ctx, const char *name), void *ctx, struct err *e)
{
	struct names names = { fn, ctx };
	uint32_t generation;
	int rc;

	if (nft_generation(n, &generation) < 0)
		return 0; /* no nf_tables, no tables */
	(void)nft_begin(n, NFT_MSG_GETTABLE, NLM_F_DUMP, NFPROTO_INET);
	rc = nl_each(n, on_name, &names);
	if (rc == -EINTR)
		rc = 0; /* changed meanwhile: what was there all the time has been seen */
	return rc < 0 ? err_set(e, rc, "list tables: %s", strerror(-rc)) : rc;
}

/* --- the rules of a chain ------------------------------------------------------------- */

static uint64_t
packets_of(struct nlattr *expression)
{
	struct nlattr *tb[NFTA_EXPR_MAX + 1], *counter[NFTA_COUNTER_MAX + 1];

	if (nla_parse_nested(tb, NFTA_EXPR_MAX, expression, NULL) < 0 ||
	    tb[NFTA_EXPR_NAME] == NULL || tb[NFTA_EXPR_DATA] == NULL ||
	    nla_strcmp(tb[NFTA_EXPR_NAME], "counter") != 0 ||
	    nla_parse_nested(counter, NFTA_COUNTER_MAX, tb[NFTA_EXPR_DATA], NULL) < 0 ||
	    counter[NFTA_COUNTER_PACKETS] == NULL)
		return 0;
	return be64toh(nla_get_u64(counter[NFTA_COUNTER_PACKETS]));
}

static int
on_rule(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_RULE_MAX + 1];
	struct nft_chain_info *info = ctx;
	struct nlattr *expression;
	int left;

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_RULE_MAX) < 0)
		return -EBADMSG;
	info->rules++;
	if (tb[NFTA_RULE_EXPRESSIONS] == NULL)
		return 0;
	nla_for_each_nested(expression, tb[NFTA_RULE_EXPRESSIONS], left) info->packets +=
	    packets_of(expression);
	return 0;
}

int
nft_chain_read(struct nl *n, const char *table, const char *chain,
    struct nft_chain_info *ret, struct err *e)
{
	struct nft_chain_info info;
	int rc = -EINTR;

	for (int i = 0; i < NFT_TRIES && rc == -EINTR; i++) {
		memset(&info, 0, sizeof(info));
		(void)nft_begin(n, NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_INET);
		nl_put_str(n, NFTA_RULE_TABLE, table);
		nl_put_str(n, NFTA_RULE_CHAIN, chain);
		rc = nl_each(n, on_rule, &info);
	}
	if (rc < 0)
		return err_set(e, rc, "read chain '%s' of table '%s': %s", chain, table,
		    strerror(-rc));
	*ret = info;
	return 0;
}
