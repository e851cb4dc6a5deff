/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RAW_IP_H
#define RAW_IP_H
/*
 * Whole IP packets of our own, header and all: duplicates of what passed a queue, answers
 * in somebody else's name.  They carry a mark (SO_MARK), by which the rules of the fault
 * that made them let them pass.
 */
#include <stddef.h>
#include <stdint.h>

struct err;
struct raw_ip;

/* Needs CAP_NET_RAW and CAP_NET_ADMIN.  A host without IPv6 sends none. */
int raw_ip_open(struct raw_ip **ret, uint32_t mark, struct err *e);
void raw_ip_close(struct raw_ip *r); /* NULL is fine */

/* To where its header says, out of this interface (0: where the route leads).  What is
 * longer than the route takes is sent in fragments.  Checksums above IPv4's header are the
 * caller's.  0 or a negative errno: -EAGAIN when the way out is full.  Never blocks. */
int raw_ip_send(struct raw_ip *r, const void *packet, size_t len, int ifindex);
/* To this host itself, as if it had come from its source address: it comes in over
 * loopback.  -EADDRNOTAVAIL for a destination that is no unicast address. */
int raw_ip_deliver(struct raw_ip *r, const void *packet, size_t len, int ifindex);

#endif
