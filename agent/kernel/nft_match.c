/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matches of a rule.  Each loads something into a register and compares it there;
 * numbers of the protocols and of nf_tables itself are big-endian, what the kernel knows
 * about a packet (marks, users, cgroups, interfaces) is not.
 *
 * The first register has 16 bytes, which is an IPv6 address or an interface's name.  Keys
 * of several parts lie in the same bytes and those behind, named in words of four.
 */
#include "nft_rule.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "nft_msg.h"

enum { CT_ESTABLISHED = 1 << 1, CT_RELATED = 1 << 2 };

enum {
	IP4_SOURCE = 12,
	IP4_DESTINATION = 16,
	IP6_SOURCE = 8,
	IP6_DESTINATION = 24,
	PORT_SOURCE = 0,
	PORT_DESTINATION = 2,
	TCP_FLAGS = 13,
	ICMP_TYPE = 0,
	ICMP_CODE = 1,
};

/* --- into a register, and there ------------------------------------------------------- */

static void
put_value(struct nft_rule *r, uint16_t attr, const void *data, size_t len)
{
	void *nest = nl_nest(r->n, attr);

	nl_put(r->n, NFTA_DATA_VALUE, data, len);
	nl_nest_end(r->n, nest);
}

static void
compare(struct nft_rule *r, uint32_t op, const void *data, size_t len)
{
	struct nft_expr e = nft_expr_begin(r, "cmp");

	nft_put_be32(r->n, NFTA_CMP_SREG, NFT_REG_1);
	nft_put_be32(r->n, NFTA_CMP_OP, op);
	put_value(r, NFTA_CMP_DATA, data, len);
	nft_expr_end(r, e);
}

static void
mask(struct nft_rule *r, const void *bits, size_t len)
{
	static const uint8_t none[4];
	struct nft_expr e = nft_expr_begin(r, "bitwise");

	assert(len <= sizeof(none));
	nft_put_be32(r->n, NFTA_BITWISE_SREG, NFT_REG_1);
	nft_put_be32(r->n, NFTA_BITWISE_DREG, NFT_REG_1);
	nft_put_be32(r->n, NFTA_BITWISE_LEN, (uint32_t)len);
	put_value(r, NFTA_BITWISE_MASK, bits, len);
	put_value(r, NFTA_BITWISE_XOR, none, len);
	nft_expr_end(r, e);
}

static void
look_up(struct nft_rule *r, const char *set)
{
	struct nft_expr e = nft_expr_begin(r, "lookup");

	nft_put_be32(r->n, NFTA_LOOKUP_SREG, NFT_REG_1);
	nl_put_str(r->n, NFTA_LOOKUP_SET, set);
	nft_expr_end(r, e);
}

static void
load_meta(struct nft_rule *r, uint32_t key)
{
	struct nft_expr e = nft_expr_begin(r, "meta");

	nft_put_be32(r->n, NFTA_META_KEY, key);
	nft_put_be32(r->n, NFTA_META_DREG, NFT_REG_1);
	nft_expr_end(r, e);
}

static void
load_ct_state(struct nft_rule *r)
{
	struct nft_expr e = nft_expr_begin(r, "ct");

	nft_put_be32(r->n, NFTA_CT_DREG, NFT_REG_1);
	nft_put_be32(r->n, NFTA_CT_KEY, NFT_CT_STATE);
	nft_expr_end(r, e);
}

static void
load_to(struct nft_rule *r, uint32_t reg, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nft_expr e = nft_expr_begin(r, "payload");

	nft_put_be32(r->n, NFTA_PAYLOAD_DREG, reg);
	nft_put_be32(r->n, NFTA_PAYLOAD_BASE, base);
	nft_put_be32(r->n, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_be32(r->n, NFTA_PAYLOAD_LEN, len);
	nft_expr_end(r, e);
}

static void
load_transport(struct nft_rule *r, uint32_t offset, uint32_t len)
{
	load_to(r, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, offset, len);
}

/* The far side's address; returns its length. */
static uint32_t
load_remote(struct nft_rule *r, int family)
{
	uint32_t len = family == 4 ? 4 : 16, offset;

	if (family == 4)
		offset = r->way == NFT_OUT ? IP4_DESTINATION : IP4_SOURCE;
	else
		offset = r->way == NFT_OUT ? IP6_DESTINATION : IP6_SOURCE;
	load_to(r, NFT_REG_1, NFT_PAYLOAD_NETWORK_HEADER, offset, len);
	return len;
}

static uint32_t
remote_port(const struct nft_rule *r)
{
	return r->way == NFT_OUT ? PORT_DESTINATION : PORT_SOURCE;
}

static uint32_t
local_port(const struct nft_rule *r)
{
	return r->way == NFT_OUT ? PORT_SOURCE : PORT_DESTINATION;
}

/* --- matches -------------------------------------------------------------------------- */

static void
match_between(struct nft_rule *r, const void *from, const void *to, size_t len)
{
	if (memcmp(from, to, len) == 0) {
		compare(r, NFT_CMP_EQ, from, len);
		return;
	}
	compare(r, NFT_CMP_GTE, from, len);
	compare(r, NFT_CMP_LTE, to, len);
}

void
nft_match_family(struct nft_rule *r, int family)
{
	uint8_t v = family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	load_meta(r, NFT_META_NFPROTO);
	compare(r, NFT_CMP_EQ, &v, sizeof(v));
}

void
nft_match_protocol(struct nft_rule *r, uint8_t protocol)
{
	load_meta(r, NFT_META_L4PROTO);
	compare(r, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

void
nft_match_protocol_not(struct nft_rule *r, uint8_t protocol)
{
	load_meta(r, NFT_META_L4PROTO);
	compare(r, NFT_CMP_NEQ, &protocol, sizeof(protocol));
}

static void
load_interface(struct nft_rule *r)
{
	load_meta(r, r->way == NFT_OUT ? NFT_META_OIFNAME : NFT_META_IIFNAME);
}

void
nft_match_interface(struct nft_rule *r, const char *name)
{
	char whole[16] = ""; /* the rest counts, too: it is not a beginning */

	memcpy(whole, name, strnlen(name, sizeof(whole) - 1));
	load_interface(r);
	compare(r, NFT_CMP_EQ, whole, sizeof(whole));
}

void
nft_match_mark(struct nft_rule *r, uint32_t mark_of_packet)
{
	load_meta(r, NFT_META_MARK);
	compare(r, NFT_CMP_EQ, &mark_of_packet, sizeof(mark_of_packet));
}

void
nft_match_user(struct nft_rule *r, uint32_t uid)
{
	load_meta(r, NFT_META_SKUID);
	compare(r, NFT_CMP_EQ, &uid, sizeof(uid));
}

void
nft_match_cgroup(struct nft_rule *r, uint64_t id, uint32_t level)
{
	struct nft_expr e = nft_expr_begin(r, "socket");

	nft_put_be32(r->n, NFTA_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
	nft_put_be32(r->n, NFTA_SOCKET_DREG, NFT_REG_1);
	nft_put_be32(r->n, NFTA_SOCKET_LEVEL, level);
	nft_expr_end(r, e);
	compare(r, NFT_CMP_EQ, &id, sizeof(id));
}

void
nft_match_established(struct nft_rule *r)
{
	static const uint32_t states = CT_ESTABLISHED | CT_RELATED, none;

	load_ct_state(r);
	mask(r, &states, sizeof(states));
	compare(r, NFT_CMP_NEQ, &none, sizeof(none));
}

void
nft_match_connections(struct nft_rule *r, uint32_t above)
{
	struct nft_expr e = nft_expr_begin(r, "connlimit");

	nft_put_be32(r->n, NFTA_CONNLIMIT_COUNT, above);
	nft_put_be32(r->n, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	nft_expr_end(r, e);
}

static void
match_port(struct nft_rule *r, uint32_t offset, uint16_t from, uint16_t to)
{
	const uint16_t range[] = { htons(from), htons(to) };

	load_transport(r, offset, sizeof(range[0]));
	match_between(r, &range[0], &range[1], sizeof(range[0]));
}

void
nft_match_remote_port(struct nft_rule *r, uint16_t from, uint16_t to)
{
	match_port(r, remote_port(r), from, to);
}

void
nft_match_local_port(struct nft_rule *r, uint16_t from, uint16_t to)
{
	match_port(r, local_port(r), from, to);
}

static void
compare_tcp_flags(struct nft_rule *r, uint32_t op, uint8_t bits, uint8_t flags)
{
	load_transport(r, TCP_FLAGS, sizeof(bits));
	mask(r, &bits, sizeof(bits));
	compare(r, op, &flags, sizeof(flags));
}

void
nft_match_tcp_flags(struct nft_rule *r, uint8_t bits, uint8_t flags)
{
	compare_tcp_flags(r, NFT_CMP_EQ, bits, flags);
}

void
nft_match_syn(struct nft_rule *r)
{
	compare_tcp_flags(r, NFT_CMP_EQ, TH_SYN | TH_RST | TH_ACK | TH_FIN, TH_SYN);
}

void
nft_match_no_syn(struct nft_rule *r)
{
	compare_tcp_flags(r, NFT_CMP_NEQ, TH_SYN | TH_RST | TH_ACK | TH_FIN, TH_SYN);
}

void
nft_match_icmp(struct nft_rule *r, uint8_t type_from, uint8_t type_to)
{
	load_transport(r, ICMP_TYPE, sizeof(type_from));
	match_between(r, &type_from, &type_to, sizeof(type_from));
}

void
nft_match_icmp_code(struct nft_rule *r, uint8_t code)
{
	load_transport(r, ICMP_CODE, sizeof(code));
	compare(r, NFT_CMP_EQ, &code, sizeof(code));
}

void
nft_match_remote_in(struct nft_rule *r, int family, const char *set)
{
	(void)load_remote(r, family);
	look_up(r, set);
}

void
nft_match_remote_port_in(struct nft_rule *r, const char *set)
{
	load_transport(r, remote_port(r), sizeof(uint16_t));
	look_up(r, set);
}

void
nft_match_local_port_in(struct nft_rule *r, const char *set)
{
	load_transport(r, local_port(r), sizeof(uint16_t));
	look_up(r, set);
}

void
nft_match_interface_in(struct nft_rule *r, const char *set)
{
	load_interface(r);
	look_up(r, set);
}

/* Address, remote port and local port, one behind the other, each in words of its own. */
void
nft_match_login_in(struct nft_rule *r, int family, const char *set)
{
	uint32_t reg = NFT_REG32_00 + load_remote(r, family) / NFT_REG32_SIZE;

	load_to(r, reg, NFT_PAYLOAD_TRANSPORT_HEADER, remote_port(r), sizeof(uint16_t));
	load_to(
	    r, reg + 1, NFT_PAYLOAD_TRANSPORT_HEADER, local_port(r), sizeof(uint16_t));
	look_up(r, set);
}

void
nft_match_bpf(struct nft_rule *r, const struct sock_filter *program, size_t count)
{
	struct xt_bpf_info info = { .bpf_program_num_elem = (uint16_t)count };
	struct nft_expr e = nft_expr_begin(r, "match");

	assert(count <= XT_BPF_MAX_NUM_INSTR);
	memcpy(info.bpf_program, program, count * sizeof(*program));
	nl_put_str(r->n, NFTA_MATCH_NAME, "bpf");
	nft_put_be32(r->n, NFTA_MATCH_REV, 0);
	nl_put(r->n, NFTA_MATCH_INFO, &info, sizeof(info));
	nft_expr_end(r, e);
}
