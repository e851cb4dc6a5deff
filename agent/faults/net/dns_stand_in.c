/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers in a resolver's name.  They are addressed to this host and so come in over
 * loopback, where nobody asks whether their source is on that side.
 *
 * A TCP connection is not taken over: its segment with the query is replaced by one from
 * the resolver with the answer and FIN, and the resolver, which never saw the query, gets
 * a reset at the byte where it waits.  Whatever the asker sends after that meets no
 * connection, and is reset by the resolver's own kernel.  So nothing has to be remembered,
 * and nothing is left.
 */
#include "dns_stand_in.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { PREFIX_LEN = 2 };

/* The length before each message in a stream: RFC 1035, 4.2.2.  Some write it by itself,
 * and then the message comes alone. */
static bool
read_stream(const struct ip_packet *p, struct dns_query *ret)
{
	if (p->len > PREFIX_LEN &&
	    (size_t)(p->data[0] << 8 | p->data[1]) == p->len - PREFIX_LEN &&
	    dns_query_parse(p->data + PREFIX_LEN, p->len - PREFIX_LEN, ret))
		return true;
	return dns_query_parse(p->data, p->len, ret);
}

bool
dns_stand_in_read(const struct ip_packet *p, struct dns_query *ret)
{
	if (p->protocol == IPPROTO_UDP)
		return dns_query_parse(p->data, p->len, ret);
	return (p->flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK &&
	       read_stream(p, ret);
}

static int
transmit(struct raw_ip *raw, const struct ip_packet *p, int ifindex, bool to_us)
{
	uint8_t packet[IP_PACKET_HEADERS_MAX + PREFIX_LEN + DNS_ANSWER_MAX];
	size_t len = ip_packet_write(p, packet, sizeof(packet));

	if (len == 0)
		return -EMSGSIZE;
	return to_us ? raw_ip_deliver(raw, packet, len, ifindex) :
		       raw_ip_send(raw, packet, len, ifindex);
}

/* The resolver waits for the first byte of what we keep from it. */
static void
reset_resolver(struct raw_ip *raw, const struct ip_packet *asked, int ifindex)
{
	struct ip_packet p = *asked;

	p.flags = TCP_RST;
	p.ack = 0;
	p.len = 0;
	/* if it does not get there, the resolver gives up the connection by itself */
	(void)transmit(raw, &p, ifindex, false);
}

int
dns_stand_in_answer(struct raw_ip *raw, const struct ip_packet *asked, int ifindex,
    const struct dns_query *q, const struct dns_answer *a)
{
	uint8_t data[PREFIX_LEN + DNS_ANSWER_MAX];
	size_t len = dns_answer_make(q, a, data + PREFIX_LEN);
	struct ip_packet p = {
		.family = asked->family,
		.protocol = asked->protocol,
		.from = asked->to,
		.to = asked->from,
		.data = data + PREFIX_LEN,
		.len = len,
	};
	int rc;

	if (asked->protocol == IPPROTO_UDP)
		return transmit(raw, &p, ifindex, true);
	data[0] = (uint8_t)(len >> 8);
	data[1] = (uint8_t)len;
	p.data = data;
	p.len = PREFIX_LEN + len;
	p.flags = TCP_ACK | TCP_PSH | TCP_FIN;
	p.seq = asked->ack;
	p.ack = asked->seq + (uint32_t)asked->len + ((asked->flags & TCP_FIN) != 0);
	rc = transmit(raw, &p, ifindex, true);
	if (rc == 0)
		reset_resolver(raw, asked, ifindex);
	return rc;
}
