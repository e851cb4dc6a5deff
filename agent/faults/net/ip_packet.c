/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers field by field, by offset: packets come at any alignment, and the few fields that
 * matter here are no worth of three families of structs.
 */
#include "ip_packet.h"

#include <netinet/in.h>
#include <string.h>

enum {
	IP4_LEN = 20,
	IP4_FROM = 12,
	IP4_DONT_FRAGMENT = 0x4000,
	IP4_FRAGMENT = 0x3fff, /* more of them, or not the first */
	IP6_LEN = 40,
	IP6_FROM = 8,
	UDP_LEN = 8,
	TCP_LEN = 20,
	TCP_WINDOW = 65535,
	HOPS = 64,
};

_Static_assert(IP6_LEN + TCP_LEN == IP_PACKET_HEADERS_MAX, "the longest headers");

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void
put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static size_t
addr_len(const struct ip_packet *p)
{
	return p->family == 4 ? 4 : 16;
}

/* Both headers have the sender's address before the receiver's. */
static void
read_addrs(const uint8_t *at, struct ip_packet *ret)
{
	memcpy(ret->from.addr, at, addr_len(ret));
	memcpy(ret->to.addr, at + addr_len(ret), addr_len(ret));
}

/* The length of the header, and in *len that of the packet by its own word; or 0. */
static size_t
read_ip4(const uint8_t *p, size_t *len, struct ip_packet *ret)
{
	size_t header, whole;

	if (*len < IP4_LEN)
		return 0;
	header = (size_t)(p[0] & 0xf) * 4;
	whole = get16(p + 2);
	if (header < IP4_LEN || whole < header || whole > *len ||
	    (get16(p + 6) & IP4_FRAGMENT) != 0)
		return 0;
	*len = whole;
	ret->family = 4;
	ret->protocol = p[9];
	read_addrs(p + IP4_FROM, ret);
	return header;
}

static size_t
read_ip6(const uint8_t *p, size_t *len, struct ip_packet *ret)
{
	size_t whole;

	if (*len < IP6_LEN)
		return 0;
	whole = IP6_LEN + (size_t)get16(p + 4);
	if (whole > *len)
		return 0;
	*len = whole;
	ret->family = 6;
	ret->protocol = p[6];
	read_addrs(p + IP6_FROM, ret);
	return IP6_LEN;
}

static bool
read_udp(const uint8_t *p, size_t left, struct ip_packet *ret)
{
	if (left < UDP_LEN || get16(p + 4) < UDP_LEN || get16(p + 4) > left)
		return false;
	ret->data = p + UDP_LEN;
	ret->len = (size_t)get16(p + 4) - UDP_LEN;
	return true;
}

static bool
read_tcp(const uint8_t *p, size_t left, struct ip_packet *ret)
{
	size_t header;

	if (left < TCP_LEN)
		return false;
	header = (size_t)(p[12] >> 4) * 4;
	if (header < TCP_LEN || header > left)
		return false;
	ret->seq = get32(p + 4);
	ret->ack = get32(p + 8);
	ret->flags = p[13];
	ret->data = p + header;
	ret->len = left - header;
	return true;
}

bool
ip_packet_read(const uint8_t *packet, size_t len, struct ip_packet *ret)
{
	struct ip_packet p = { 0 };
	size_t header = 0;
	bool is_good = false;

	if (len > 0 && packet[0] >> 4 == 4)
		header = read_ip4(packet, &len, &p);
	else if (len > 0 && packet[0] >> 4 == 6)
		header = read_ip6(packet, &len, &p);
	if (header == 0)
		return false;
	if (p.protocol == IPPROTO_UDP)
		is_good = read_udp(packet + header, len - header, &p);
	else if (p.protocol == IPPROTO_TCP)
		is_good = read_tcp(packet + header, len - header, &p);
	if (!is_good)
		return false;
	p.from.port = get16(packet + header);
	p.to.port = get16(packet + header + 2);
	*ret = p;
	return true;
}

/* --- the other way --- */

static uint32_t
add_up(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	return len % 2 == 0 ? sum : sum + (uint32_t)(p[len - 1] << 8);
}

static uint16_t
checksum(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Over addresses, protocol and length, and then everything behind the IP header. */
static uint16_t
checksum_inside(const struct ip_packet *p, const uint8_t *inside, size_t len)
{
	uint32_t sum = (uint32_t)len + p->protocol;
	uint16_t v;

	sum = add_up(sum, p->from.addr, addr_len(p));
	sum = add_up(sum, p->to.addr, addr_len(p));
	v = checksum(add_up(sum, inside, len));
	return v == 0 && p->protocol == IPPROTO_UDP ? 0xffff : v; /* 0: none */
}

static void
write_ip4(const struct ip_packet *p, uint8_t *h, size_t inside)
{
	h[0] = 0x45;
	put16(h + 2, IP4_LEN + inside);
	put16(h + 6, IP4_DONT_FRAGMENT);
	h[8] = HOPS;
	h[9] = p->protocol;
	memcpy(h + IP4_FROM, p->from.addr, 4);
	memcpy(h + IP4_FROM + 4, p->to.addr, 4);
	put16(h + 10, checksum(add_up(0, h, IP4_LEN)));
}

static void
write_ip6(const struct ip_packet *p, uint8_t *h, size_t inside)
{
	h[0] = 0x60;
	put16(h + 4, inside);
	h[6] = p->protocol;
	h[7] = HOPS;
	memcpy(h + IP6_FROM, p->from.addr, 16);
	memcpy(h + IP6_FROM + 16, p->to.addr, 16);
}

size_t
ip_packet_write(const struct ip_packet *p, uint8_t *ret, size_t size)
{
	bool is_udp = p->protocol == IPPROTO_UDP;
	size_t outer = p->family == 4 ? IP4_LEN : IP6_LEN;
	size_t header = is_udp ? UDP_LEN : TCP_LEN, inside = header + p->len;
	uint8_t *h = ret + outer;

	if (inside > UINT16_MAX - IP4_LEN || outer + inside > size)
		return 0;
	memset(ret, 0, outer + header);
	put16(h, p->from.port);
	put16(h + 2, p->to.port);
	if (is_udp) {
		put16(h + 4, inside);
	} else {
		put32(h + 4, p->seq);
		put32(h + 8, p->ack);
		h[12] = TCP_LEN / 4 << 4;
		h[13] = p->flags;
		put16(h + 14, TCP_WINDOW);
	}
	if (p->len > 0)
		memcpy(h + header, p->data, p->len);
	put16(h + (is_udp ? 6 : 16), checksum_inside(p, h, inside));
	if (p->family == 4)
		write_ip4(p, ret, inside);
	else
		write_ip6(p, ret, inside);
	return outer + inside;
}
