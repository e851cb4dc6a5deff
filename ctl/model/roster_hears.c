/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who hears whom under a fault, worked out from the arguments the hosts were given and not
 * from the topology: it is what a plan shows, and a second opinion for the tests.
 */
#include "err.h"
#include "parse.h"
#include "roster.h"
#include <string.h>

static bool
concerns(const struct spec *s, const struct host *peer)
{
	struct net n = { 0 };
	struct err ignored;

	if (parse_net(peer->address, &n, &ignored) < 0)
		return false;
	for (size_t i = 0; i < s->nets_count; i++) {
		if (memcmp(&s->nets[i], &n, sizeof(n)) == 0)
			return true;
	}
	return false;
}

/* Does it act on what arrives, or on what leaves?  Without a direction, on both. */
static bool
acts_on(const struct spec *s, bool arriving)
{
	char direction[32];

	switch (spec_format(s, "direction", direction, sizeof(direction))[0]) {
	case 'i': /* in, ingress */
		return arriving;
	case 'o': /* out */
	case 'e': /* egress */
		return !arriving;
	default:
		return true;
	}
}

static const struct spec *
spec_on(const struct roster *r, size_t fault, const struct host *h)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->hosts[i].host == h)
			return roster_spec(&r->hosts[i], fault);
	}
	return NULL;
}

bool
roster_hears(
    const struct roster *r, size_t fault, const struct host *to, const struct host *from)
{
	const struct spec *there = spec_on(r, fault, to), *here = spec_on(r, fault, from);

	if (there != NULL && concerns(there, from) && acts_on(there, true))
		return false;
	return here == NULL || !concerns(here, to) || !acts_on(here, false);
}
