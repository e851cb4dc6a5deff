/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_STAND_IN_H
#define DNS_STAND_IN_H
/*
 * Speaking for a resolver that a query was on its way to: what its packet asks, and an
 * answer that comes from the resolver's address and port to the asker, who is on this host.
 */
#include "dns_wire.h"
#include "ip_packet.h"
#include "raw_ip.h"

/* The query in a datagram, or in a segment that holds just one. */
bool dns_stand_in_read(const struct ip_packet *p, struct dns_query *ret);

/* `asked` must not go on to the resolver when this succeeds.  `ifindex` is where it was
 * going out.  Over TCP the connection ends with the answer, for both of its ends, since
 * neither can go on counting the other's bytes.  0 or a negative errno. */
int dns_stand_in_answer(struct raw_ip *raw, const struct ip_packet *asked, int ifindex,
    const struct dns_query *q, const struct dns_answer *a);

#endif
