/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flows are in a share of all flows: one hash, as a program for the kernel and as a
 * function.  Both ends of a flow are added up before they are mixed, so that a packet and
 * its answer hash alike, whichever of the two hosts asks.  A program is for one family:
 * both together do not fit into the 64 instructions that xt_bpf takes.
 */
#include "flows.h"

#include <netinet/in.h>
#include <string.h>

/* Odd numbers of no pattern: the golden ratio, then those of two well-known finalisers. */
#define WORD_FACTOR 0x9e3779b1u /* between the words of an address */
#define MIX_1       0x85ebca6bu
#define MIX_2       0xc2b2ae35u
#define MIX_3       0x27d4eb2fu
#define SHIFT_1     15
#define SHIFT_2     13

/* Scratch memory of the program. */
enum { MEM_ADDRESSES, MEM_PROTOCOL };

enum {
	IP4_FRAGMENT = 6,
	IP4_FRAGMENT_MASK = 0x3fff, /* more fragments, or an offset */
	IP4_PROTOCOL = 9,
	IP4_SOURCE = 12,
	IP4_DESTINATION = 16,
	IP6_NEXT = 6,
	IP6_SOURCE = 8,
	IP6_DESTINATION = 24,
	IP6_SIZE = 40,
};

#define NET(offset) ((uint32_t)SKF_NET_OFF + (offset))

struct program {
	struct sock_filter *at;
};

static void
emit(struct program *p, uint16_t code, uint32_t k)
{
	*p->at++ = (struct sock_filter)BPF_STMT(code, k);
}

/* Skips that many instructions if it holds, and that many if it does not. */
static void
branch(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	*p->at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | code, k, yes, no);
}

/* Whatever is of another version is sent to the end, which end_with fills in. */
static struct sock_filter *
begin_with(struct program *p, uint32_t version)
{
	emit(p, BPF_LD | BPF_B | BPF_ABS, NET(0));
	emit(p, BPF_ALU | BPF_RSH | BPF_K, 4);
	branch(p, BPF_JEQ, version, 0, 0);
	return p->at - 1;
}

/* The two answers; what stands before leads to yes, or skips it. */
static void
end_with(struct program *p, struct sock_filter *other_version)
{
	emit(p, BPF_RET | BPF_K, 1);
	other_version->jf = (uint8_t)(p->at - other_version - 1);
	emit(p, BPF_RET | BPF_K, 0);
}

/* Both addresses, a word of each at a time, from X into MEM_ADDRESSES. */
static void
add_addresses(struct program *p, uint32_t source, uint32_t destination)
{
	for (uint32_t at = 0; source + at < destination; at += sizeof(uint32_t)) {
		if (at > 0)
			emit(p, BPF_MISC | BPF_TAX, 0);
		emit(p, BPF_LD | BPF_W | BPF_ABS, NET(source + at));
		emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
		emit(p, BPF_MISC | BPF_TAX, 0);
		emit(p, BPF_LD | BPF_W | BPF_ABS, NET(destination + at));
		emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
		emit(p, BPF_ALU | BPF_MUL | BPF_K, WORD_FACTOR);
	}
	emit(p, BPF_ST, MEM_ADDRESSES);
}

/* The protocol into A, what it begins at into X; fragments skip that many instructions of
 * what follows, which would look for their ports. */
static void
find_protocol4(struct program *p, uint8_t ports)
{
	emit(p, BPF_LD | BPF_B | BPF_ABS, NET(IP4_PROTOCOL));
	emit(p, BPF_ST, MEM_PROTOCOL);
	emit(p, BPF_LD | BPF_H | BPF_ABS, NET(IP4_FRAGMENT));
	branch(p, BPF_JSET, IP4_FRAGMENT_MASK, (uint8_t)(ports + 2), 0);
	emit(p, BPF_LDX | BPF_B | BPF_MSH, NET(0));
	emit(p, BPF_LD | BPF_MEM, MEM_PROTOCOL);
}

static void
find_protocol6(struct program *p, uint8_t ports)
{
	emit(p, BPF_LDX | BPF_IMM, IP6_SIZE);
	emit(p, BPF_LD | BPF_B | BPF_ABS, NET(IP6_NEXT));
	emit(p, BPF_ST, MEM_PROTOCOL);
	branch(p, BPF_JEQ, IPPROTO_FRAGMENT, 0, 3);
	emit(p, BPF_LD | BPF_B | BPF_ABS, NET(IP6_SIZE));
	emit(p, BPF_ST, MEM_PROTOCOL);
	emit(p, BPF_JMP | BPF_JA, ports);
}

/* The sum of both ports into the upper half of MEM_PROTOCOL, for TCP and UDP. */
static void
add_ports(struct program *p)
{
	branch(p, BPF_JEQ, IPPROTO_TCP, 1, 0);
	branch(p, BPF_JEQ, IPPROTO_UDP, 0, 8);
	emit(p, BPF_LD | BPF_W | BPF_IND, NET(0));
	emit(p, BPF_MISC | BPF_TAX, 0);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, 16);
	emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(p, BPF_ALU | BPF_LSH | BPF_K, 16);
	emit(p, BPF_LDX | BPF_MEM, MEM_PROTOCOL);
	emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(p, BPF_ST, MEM_PROTOCOL);
}

enum { PORTS_SIZE = 10 }; /* of what add_ports emits */

static void
xor_shifted(struct program *p, uint32_t shift)
{
	emit(p, BPF_MISC | BPF_TAX, 0);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, shift);
	emit(p, BPF_ALU | BPF_XOR | BPF_X, 0);
}

static void
mix(struct program *p, uint32_t below)
{
	emit(p, BPF_LD | BPF_MEM, MEM_PROTOCOL);
	emit(p, BPF_LDX | BPF_MEM, MEM_ADDRESSES);
	emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(p, BPF_ALU | BPF_MUL | BPF_K, MIX_1);
	xor_shifted(p, SHIFT_1);
	emit(p, BPF_ALU | BPF_MUL | BPF_K, MIX_2);
	xor_shifted(p, SHIFT_2);
	emit(p, BPF_ALU | BPF_MUL | BPF_K, MIX_3);
	branch(p, BPF_JGE, below, 1, 0);
}

/* In the share are the hashes below this number. */
static uint32_t
bound_of(uint32_t share)
{
	return (uint32_t)(((uint64_t)share << 32) / FLOWS_SHARE_ALL);
}

size_t
flow_hash_program(uint8_t family, uint32_t seed, uint32_t share,
    struct sock_filter ret[static FLOW_HASH_MAX])
{
	struct program p = { ret };
	struct sock_filter *other_version = begin_with(&p, family);

	if (share >= FLOWS_SHARE_ALL) {
		end_with(&p, other_version);
		return (size_t)(p.at - ret);
	}
	emit(&p, BPF_LDX | BPF_IMM, seed);
	if (family == 4) {
		add_addresses(&p, IP4_SOURCE, IP4_DESTINATION);
		find_protocol4(&p, PORTS_SIZE);
	} else {
		add_addresses(&p, IP6_SOURCE, IP6_DESTINATION);
		find_protocol6(&p, PORTS_SIZE);
	}
	add_ports(&p);
	mix(&p, bound_of(share));
	end_with(&p, other_version);
	return (size_t)(p.at - ret);
}

static uint32_t
word_at(const struct net *n, size_t at)
{
	uint32_t word;

	memcpy(&word, n->addr + at, sizeof(word));
	return ntohl(word);
}

bool
flow_hash_is_in(uint32_t seed, uint32_t share, const struct flow *f)
{
	size_t size =
	    f->local.family == 4 ? sizeof(struct in_addr) : sizeof(f->local.addr);
	uint32_t h = seed, ports = (uint32_t)f->local_port + f->remote_port;

	if (share >= FLOWS_SHARE_ALL)
		return true;
	for (size_t at = 0; at < size; at += sizeof(h))
		h = (h + word_at(&f->local, at) + word_at(&f->remote, at)) * WORD_FACTOR;
	if (f->protocol == IPPROTO_TCP || f->protocol == IPPROTO_UDP)
		h += ports << 16;
	h = (h + f->protocol) * MIX_1;
	h = (h ^ h >> SHIFT_1) * MIX_2;
	h = (h ^ h >> SHIFT_2) * MIX_3;
	return h < bound_of(share);
}
