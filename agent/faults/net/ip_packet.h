/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IP_PACKET_H
#define IP_PACKET_H
/*
 * The inside of a packet of UDP or TCP: who sends it to whom, and what it carries; and such
 * packets made anew, to be sent by raw_ip.h.  Pure; every length is checked.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip_end {
	uint8_t addr[16]; /* the first 4 bytes for IPv4 */
	uint16_t port;
};

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10 };

struct ip_packet {
	uint8_t family;   /* 4 or 6 */
	uint8_t protocol; /* IPPROTO_UDP or IPPROTO_TCP */
	struct ip_end from, to;
	uint32_t seq, ack; /* of TCP, as are the flags */
	uint8_t flags;
	const uint8_t *data;
	size_t len;
};

/* False for fragments, other protocols, and IPv6 with extension headers; checksums are not
 * looked at.  ret->data points into the packet. */
bool ip_packet_read(const uint8_t *packet, size_t len, struct ip_packet *ret);

/* Its length, checksums filled in; 0 when it has no room.  TCP carries no options. */
enum { IP_PACKET_HEADERS_MAX = 60 };
size_t ip_packet_write(const struct ip_packet *p, uint8_t *ret, size_t size);

#endif
