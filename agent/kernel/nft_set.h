/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_SET_H
#define NFT_SET_H
/*
 * Sets of nf_tables in a table of ours: of networks, ports, interfaces and SSH logins.  A
 * set of ranges (networks, ports) refuses those that overlap, so ranges_merge comes first.
 * The messages that change something join the batch begun with nl_batch.
 */
#include "parse.h"
#include "ssh.h"
#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;

enum nft_key {
	NFT_KEY_NET4,
	NFT_KEY_NET6,
	NFT_KEY_PORT,
	NFT_KEY_INTERFACE,
	NFT_KEY_LOGIN4, /* remote address, remote port, local port */
	NFT_KEY_LOGIN6,
};

struct nft_set {
	const char *table, *name;
	enum nft_key key;
};
/* `id` tells the sets of one batch apart. */
void nft_put_set(struct nl *n, const struct nft_set *set, uint32_t id);

/* From first to last, both included, of bytes that count as one big-endian number. */
struct range {
	uint8_t first[16], last[16];
};
struct range range_of_net(const struct net *net);
struct range range_of_ports(const struct port_range *ports);
/* Sorts them and makes those that overlap or touch one; returns how many are left.  len:
 * bytes of a number, 2, 4 or 16. */
size_t ranges_merge(struct range *ranges, size_t count, size_t len);

/* Ranges as merged.  Of these none is no message. */
void nft_put_ranges(
    struct nl *n, const struct nft_set *set, const struct range *ranges, size_t count);
void nft_put_interfaces(
    struct nl *n, const struct nft_set *set, const char *const *names, size_t count);
void nft_put_logins(struct nl *n, const struct nft_set *set,
    const struct ssh_session *logins, size_t count);
void nft_put_flush(struct nl *n, const struct nft_set *set);

/* How many elements, ranges counting as one each; -ENOENT when there is no such set. */
int nft_set_count(struct nl *n, const struct nft_set *set, struct err *e);

#endif
