/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule's frame, and what becomes of a packet.  Its matches are in nft_match.c.
 */
#include "nft_rule.h"

#include <arpa/inet.h>

#include "nft_msg.h"

struct nft_expr
nft_expr_begin(struct nft_rule *r, const char *name)
{
	struct nft_expr e = { .elem = nl_nest(r->n, NFTA_LIST_ELEM) };

	nl_put_str(r->n, NFTA_EXPR_NAME, name);
	e.data = nl_nest(r->n, NFTA_EXPR_DATA);
	return e;
}

void
nft_expr_end(struct nft_rule *r, struct nft_expr e)
{
	nl_nest_end(r->n, e.data);
	nl_nest_end(r->n, e.elem);
}

struct nft_rule
nft_rule_begin(struct nl *n, enum nft_way way, const char *table, const char *chain)
{
	struct nft_rule r = { .n = n, .way = way };

	(void)nft_begin(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFPROTO_INET);
	nl_put_str(n, NFTA_RULE_TABLE, table);
	nl_put_str(n, NFTA_RULE_CHAIN, chain);
	r.list = nl_nest(n, NFTA_RULE_EXPRESSIONS);
	return r;
}

void
nft_rule_end(struct nft_rule *r)
{
	nl_nest_end(r->n, r->list);
}

void
nft_count(struct nft_rule *r)
{
	nft_expr_end(r, nft_expr_begin(r, "counter"));
}

static void
put_verdict(struct nft_rule *r, int32_t code, const char *chain)
{
	struct nft_expr e = nft_expr_begin(r, "immediate");
	void *data, *verdict;

	nft_put_be32(r->n, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(r->n, NFTA_IMMEDIATE_DATA);
	verdict = nl_nest(r->n, NFTA_DATA_VERDICT);
	nft_put_be32(r->n, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain != NULL)
		nl_put_str(r->n, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(r->n, verdict);
	nl_nest_end(r->n, data);
	nft_expr_end(r, e);
}

void
nft_return(struct nft_rule *r)
{
	put_verdict(r, NFT_RETURN, NULL);
}

void
nft_drop(struct nft_rule *r)
{
	put_verdict(r, NF_DROP, NULL);
}

void
nft_goto(struct nft_rule *r, const char *chain)
{
	put_verdict(r, NFT_GOTO, chain);
}

void
nft_reject_tcp(struct nft_rule *r)
{
	struct nft_expr e = nft_expr_begin(r, "reject");

	nft_put_be32(r->n, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
	nft_expr_end(r, e);
}

void
nft_reject(struct nft_rule *r, enum nft_unreachable how)
{
	struct nft_expr e = nft_expr_begin(r, "reject");

	nft_put_be32(r->n, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	nl_put_u8(r->n, NFTA_REJECT_ICMP_CODE,
	    how == NFT_PORT_UNREACHABLE ? NFT_REJECT_ICMPX_PORT_UNREACH :
					  NFT_REJECT_ICMPX_HOST_UNREACH);
	nft_expr_end(r, e);
}

void
nft_queue(struct nft_rule *r, uint16_t number)
{
	struct nft_expr e = nft_expr_begin(r, "queue");

	nl_put_u16(r->n, NFTA_QUEUE_NUM, htons(number));
	nl_put_u16(r->n, NFTA_QUEUE_TOTAL, htons(1));
	nl_put_u16(r->n, NFTA_QUEUE_FLAGS, htons(NFT_QUEUE_FLAG_BYPASS));
	nft_expr_end(r, e);
}
