/* SPDX-License-Identifier: Apache-2.0 */
#include "packet_edit.h"

enum { HEADER4_MIN = 20, HEADER6 = 40, ECN4 = 0x03, ECN6 = 0x30 };

/* 0: no IP packet. */
static size_t
header_len(const uint8_t *p, size_t len)
{
	size_t header = 0;

	if (len >= HEADER4_MIN && p[0] >> 4 == 4)
		header = (size_t)(p[0] & 0xf) * 4;
	else if (len >= HEADER6 && p[0] >> 4 == 6)
		header = HEADER6;
	return header <= len ? header : 0;
}

bool
packet_takes_ecn(const uint8_t *p, size_t len)
{
	if (header_len(p, len) == 0)
		return false;
	return (p[1] & (p[0] >> 4 == 4 ? ECN4 : ECN6)) != 0;
}

void
packet_mark_ce(uint8_t *p, size_t len)
{
	uint32_t sum;
	uint8_t before;

	if (header_len(p, len) == 0)
		return;
	before = p[1];
	if (p[0] >> 4 == 6) {
		p[1] |= ECN6;
		return;
	}
	p[1] |= ECN4;
	/* RFC 1624: the new sum from the old one and what was added */
	sum = (uint32_t)(uint8_t)~p[10] << 8 | (uint8_t)~p[11];
	sum += (uint32_t)(p[1] - before);
	sum = (sum & 0xffff) + (sum >> 16);
	p[10] = (uint8_t)(~sum >> 8);
	p[11] = (uint8_t)~sum;
}

void
packet_flip_bit(uint8_t *p, size_t len, uint32_t where)
{
	size_t header = header_len(p, len), bit;

	if (header == 0 || header == len)
		return;
	bit = (size_t)((uint64_t)(len - header) * 8 * where >> 32);
	p[header + bit / 8] ^= (uint8_t)(1U << (bit % 8));
}
