/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_EDIT_H
#define PACKET_EDIT_H
/* What an impairment does to a packet's bytes, from its IP header on.  Pure; whatever the
 * bytes are, only those within `len` are touched. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does its sender understand congestion marks (ECN-capable, or marked already)? */
bool packet_takes_ecn(const uint8_t *packet, size_t len);
/* Mark it as having met congestion; IPv4's checksum is kept right. */
void packet_mark_ce(uint8_t *packet, size_t len);
/* Flip one bit behind the IP header: `where` of 2^32 parts of the bits there.  Never in the
 * header: the host would send the packet to somebody else. */
void packet_flip_bit(uint8_t *packet, size_t len, uint32_t where);

#endif
