/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCCUPIED_H
#define OCCUPIED_H
/* Which ports are to be occupied, and who has them when they cannot be. */
#include "keep.h"
#include "spec.h"

struct occupied {
	uint8_t protocol;
	struct port_range ports[PORT_RANGES_MAX];
	size_t ports_count;
	struct net addresses[KEEP_ADDRESSES_MAX];
	size_t addresses_count; /* none: every local one */
};

void occupied_read(struct occupied *o, const struct spec *s, uint8_t protocol);
/* OUTCOME_REFUSED with the name of the process that has one of the ports, an error
 * for an address that is not this host's. */
int occupied_check(const struct occupied *o, struct err *e);
size_t occupied_room(const struct occupied *o); /* ports times addresses */
void occupied_put(const struct occupied *o, struct keep *k);
/* After a turn: are all of them held?  If not, the first that is not, and who has it. */
int occupied_result(const struct occupied *o, const struct keep *k, struct err *e);
/* "TCP port 80,8000-8010 of every address"; returns buf. */
const char *occupied_describe(
    const struct occupied *o, const struct spec *s, char *buf, size_t size);

#endif
