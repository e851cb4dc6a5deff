/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_TABLE_H
#define NFT_TABLE_H
/*
 * Tables of our own in nf_tables, family inet, named sd-<id8>.  Whoever makes one owns it
 * (Linux 5.12): the kernel refuses changes by anybody else, `nft flush ruleset` leaves it
 * alone, and it is gone when the socket that made it closes, however its process ended.
 *
 * nft_put_… join the batch begun with nl_batch, nft_rule.h and nft_set.h too.
 */
#include "nft_rule.h"
#include "nft_set.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

enum {
	NFT_BEFORE_ALL = -310,       /* before raw, conntrack and everybody's accept */
	NFT_AFTER_CONNTRACK = -190,  /* for rules that ask for a connection's state */
	NFT_TABLE_NAME_MAX = 12 + 1, /* sd-7b1c09aa */
};

void nft_put_table(struct nl *n, const char *table);
void nft_put_chain(struct nl *n, const char *table, const char *chain);
void nft_put_base_chain(struct nl *n, enum nft_way way, const char *table,
    const char *chain, int32_t priority);

/* -EOPNOTSUPP when the kernel cannot make such a table, with a set, a base chain, a counter
 * and a verdict in it; names what is missing.  Nothing is made. */
int nft_table_supported(struct nl *n, struct err *e);
/* Can rules have this expression ("reject", "queue", "socket" …)?  Nothing is made. */
bool nft_has_expression(struct nl *n, const char *name);
/* Has it this match of iptables ("bpf")?  Loads its module, which a rule of family inet
 * does not: the kernel finds modules of matches by the family's name, and inet has none. */
bool nft_has_match(struct nl *n, const char *name);

/* Ours say so in a comment, too: a table that has the name alone is somebody else's.
 * -ENOENT when there is none. */
int nft_table_find(struct nl *n, const char *table, bool *ret_is_ours);
/* -ENOENT when it is gone; -EPERM: its owner lives, and this socket is not the owner. */
int nft_table_delete(struct nl *n, const char *table, struct err *e);
/* Empty both sets of networks: nothing is matched any more.  One message; as above. */
#define NFT_SET_TO4 "to4"
#define NFT_SET_TO6 "to6"
int nft_table_flush(struct nl *n, const char *table, struct err *e);
/* Names of all tables of family inet in this namespace. */
int nft_table_each(
    struct nl *n, int (*fn)(void *ctx, const char *name), void *ctx, struct err *e);

/* The rules of one chain: how many, and the sum of their counters. */
struct nft_chain_info {
	uint32_t rules;
	uint64_t packets;
};
int nft_chain_read(struct nl *n, const char *table, const char *chain,
    struct nft_chain_info *ret, struct err *e);

/* A number that changes whenever anybody changes rules in this namespace. */
int nft_generation(struct nl *n, uint32_t *ret);

#endif
