/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_MSG_H
#define NFT_MSG_H
/* What the files of nf_tables share: its messages, whose numbers are big-endian.  Not for
 * others. */
#include "nl.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

/* How often to begin anew what the kernel could not finish because the ruleset changed. */
enum { NFT_TRIES = 5 };

/* family: NFPROTO_… */
struct nfgenmsg *nft_begin(struct nl *n, uint16_t type, uint16_t flags, uint8_t family);
void nft_put_be32(struct nl *n, uint16_t attr, uint32_t v);
uint32_t nft_get_be32(struct nlattr *a, uint32_t absent);

/* One expression of a rule: between the two stand its attributes. */
struct nft_rule;
struct nft_expr {
	void *elem, *data;
};
struct nft_expr nft_expr_begin(struct nft_rule *r, const char *name);
void nft_expr_end(struct nft_rule *r, struct nft_expr e);

#endif
