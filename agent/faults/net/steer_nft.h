/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEER_NFT_H
#define STEER_NFT_H
/*
 * The backend of steer.h in nf_tables alone: one table sd-<id8> of family inet for both
 * address families, with a chain for each direction, a chain for what becomes of a packet
 * that matched, and two sets of networks that are empty until apply.
 */
#include "nft_table.h"
#include "steer.h"

#define NFT_CHAIN_HIT "hit"

struct nft_steer {
	char table[NFT_TABLE_NAME_MAX];
	/* Networks as a set of ranges holds them: merged. */
	struct range to[STEER_FAMILIES][2 * SPEC_NETS_MAX];
	size_t to_count[STEER_FAMILIES];
	struct range excludes[STEER_FAMILIES][FLOWS_EXCLUDES_MAX];
	size_t excludes_count[STEER_FAMILIES];
	uint32_t generation; /* of the namespace's rules when ours were last looked at */
	bool rests;
};

/* --- the rules, over two files -------------------------------------------------------- */

#define NFT_SET_EXCLUDE_PORTS "exclude-ports"
extern const char *const steer_nft_excludes[STEER_FAMILIES];
extern const char *const steer_nft_logins[STEER_FAMILIES];

/* The chain that is being filled. */
struct nft_rules {
	struct nl *n;
	const struct steer *steer;
	const struct flows *flows;
	const struct nft_steer *own;
	enum nft_way way;
	const char *chain;
	uint32_t sets; /* so many were put */
};

struct nft_rule steer_nft_rule(const struct nft_rules *r);
bool steer_nft_has_logins(const struct flows *f, int family);
/* What passes before anything is matched. */
void steer_nft_pass(const struct nft_rules *r);

/* --- for the life of a fault ---------------------------------------------------------- */

/* All of it as one batch, the networks to match left out. */
void steer_nft_put(struct nl *n, const struct steer *s);
/* An expression that its rules need and that this kernel has not, with the module that
 * would bring it; NULL when there is none. */
struct nft_need {
	const char *expression, *module, *what;
};
const struct nft_need *steer_nft_missing(struct nl *n, const struct steer *s);
/* How many rules stand in NFT_CHAIN_HIT. */
uint32_t steer_nft_hits(const struct steer *s);

#endif
