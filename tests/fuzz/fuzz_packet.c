/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IP packet.  It is none of ours; or what it carries lies inside it, and it can be
 * written again and reads the same.
 */
#include "fuzz.h"
#include "ip_packet.h"

static void
is_written(const struct ip_packet *p)
{
	uint8_t *again = malloc(p->len + IP_PACKET_HEADERS_MAX);
	struct ip_packet q;
	size_t len;

	MUST(again != NULL);
	len = ip_packet_write(p, again, p->len + IP_PACKET_HEADERS_MAX);
	MUST(len > p->len || p->len > UINT16_MAX - IP_PACKET_HEADERS_MAX);
	if (len > 0) {
		MUST(ip_packet_read(again, len, &q));
		MUST(memcmp(&q.from, &p->from, sizeof(q.from)) == 0);
		MUST(memcmp(&q.to, &p->to, sizeof(q.to)) == 0);
		MUST(q.family == p->family && q.protocol == p->protocol);
		MUST(q.seq == p->seq && q.ack == p->ack && q.flags == p->flags);
		MUST(q.len == p->len && memcmp(q.data, p->data, q.len) == 0);
		MUST(ip_packet_write(p, again, len - 1) == 0);
	}
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ip_packet p;

	if (!ip_packet_read(data, size, &p))
		return 0;
	MUST(p.data >= data && p.len <= size && p.data + p.len <= data + size);
	is_written(&p);
	return 0;
}
