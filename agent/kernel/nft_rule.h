/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFT_RULE_H
#define NFT_RULE_H
/*
 * A rule of nf_tables, expression by expression: matches in the order in which they are to
 * be asked, then what becomes of the packet.  A rule whose match fails is over, and the
 * next one is asked.  Everything goes into one message of the batch that was begun with
 * nl_batch; only chains of family inet, at the hooks input and output.
 *
 * Remote and local are as this host sees them: on its way out a packet's destination is
 * remote, on its way in its source.
 */
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

struct nl;

enum nft_way { NFT_IN, NFT_OUT };

struct nft_rule {
	struct nl *n;
	enum nft_way way;
	void *list;
};

/* Behind the rules that the chain has. */
struct nft_rule nft_rule_begin(
    struct nl *n, enum nft_way way, const char *table, const char *chain);
void nft_rule_end(struct nft_rule *r);

void nft_match_family(struct nft_rule *r, int family); /* 4 or 6 */
void nft_match_protocol(struct nft_rule *r, uint8_t protocol);
void nft_match_protocol_not(struct nft_rule *r, uint8_t protocol);
void nft_match_interface(struct nft_rule *r, const char *name);
void nft_match_mark(struct nft_rule *r, uint32_t mark);
void nft_match_user(struct nft_rule *r, uint32_t uid); /* of the sending socket */
/* The socket's cgroup v2 is this directory, by inode, at this depth, or below it. */
void nft_match_cgroup(struct nft_rule *r, uint64_t id, uint32_t level);
/* Of a connection that has seen packets both ways, or belongs to one that has. */
void nft_match_established(struct nft_rule *r);
/* One more than so many that this rule has been asked for and that live. */
void nft_match_connections(struct nft_rule *r, uint32_t above);
/* These hold only behind nft_match_protocol: TCP or UDP, TCP, ICMP or ICMPv6. */
void nft_match_remote_port(struct nft_rule *r, uint16_t from, uint16_t to);
void nft_match_local_port(struct nft_rule *r, uint16_t from, uint16_t to);
void nft_match_tcp_flags(struct nft_rule *r, uint8_t mask, uint8_t flags);
void nft_match_no_syn(struct nft_rule *r); /* all but what opens a connection */
void nft_match_syn(struct nft_rule *r);
void nft_match_icmp(struct nft_rule *r, uint8_t type_from, uint8_t type_to);
void nft_match_icmp_code(struct nft_rule *r, uint8_t code);

/* In a set of the same table (nft_set.h), behind nft_match_family or _protocol. */
void nft_match_remote_in(struct nft_rule *r, int family, const char *set);
void nft_match_remote_port_in(struct nft_rule *r, const char *set);
void nft_match_local_port_in(struct nft_rule *r, const char *set);
void nft_match_interface_in(struct nft_rule *r, const char *set);
void nft_match_login_in(struct nft_rule *r, int family, const char *set);

/* A classic program that returns not 0, of at most 64 instructions (xt_bpf). */
void nft_match_bpf(struct nft_rule *r, const struct sock_filter *program, size_t count);

void nft_count(struct nft_rule *r); /* packets that come this far */

void nft_return(struct nft_rule *r); /* in a base chain: it passes */
void nft_drop(struct nft_rule *r);
void nft_goto(struct nft_rule *r, const char *chain);
void nft_reject_tcp(struct nft_rule *r); /* by a reset */
enum nft_unreachable { NFT_PORT_UNREACHABLE, NFT_HOST_UNREACHABLE };
void nft_reject(struct nft_rule *r, enum nft_unreachable how);
void nft_queue(struct nft_rule *r, uint16_t number); /* passes when nobody holds it */

#endif
