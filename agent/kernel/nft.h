/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_H
#define NFT_H
/*
 * The little of nf_tables we speak, raw over netlink (libnftables is GPL and parses JSON):
 * enough to take away a base table that iptables-nft made on a clean host.
 */
#include <stdbool.h>

struct err;
struct nl;

/* Does a table of the family (4 or 6) exist?  false too when the kernel has no nf_tables. */
bool nft_table_exists(struct nl *n, int family, const char *name);
/* Delete the table if it holds nothing but empty base chains with policy accept and no
 * sets: 1 deleted, 0 not there or not empty. */
int nft_table_remove_empty(struct nl *n, int family, const char *name, struct err *e);
/* The same for one base chain of a table that was there before. */
bool nft_chain_exists(struct nl *n, int family, const char *table, const char *chain);
/* Rules in a chain plus jumps to it, -ENOENT when there is none. */
int nft_chain_use(struct nl *n, int family, const char *table, const char *chain);
int nft_chain_remove_empty(
    struct nl *n, int family, const char *table, const char *chain, struct err *e);

#endif
