/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOPOLOGY_H
#define TOPOLOGY_H
/*
 * Who is kept from whom, as a rule over ranks: the hosts of a target in the order of their
 * draw, from 0.  Each cut is made on both sides, so that it holds although one of the two
 * loses its fault.  One-way alone is made where packets arrive: a second fault where they
 * leave would let the first see none, and a fault that met nothing counts as broken.
 *
 *	halves    ranks below n/2 against the others: of 5, the first 2 against 3
 *	isolate   rank 0 against all others
 *	ring      each hears the ranks next to its own
 *	bridge    rank 0 hears all; the others in halves as above
 *	one-way   halves, and the second drops what the first sends.  That is one way for
 *	          datagrams: TCP needs answers, so that its connections stop in both
 */
#include "experiment.h"
#include <stdbool.h>
#include <stddef.h>

struct kind;

/* The fewest hosts among which it cuts anything. */
size_t topology_least(enum topology t);
/* Does the fault of the host of rank `on` apply to packets from and to rank `to`? */
bool topology_cuts(enum topology t, size_t n, size_t on, size_t to);
/* The value of a kind's `direction` that means what arrives, or NULL. */
const char *topology_inward(const struct kind *k);

#endif
