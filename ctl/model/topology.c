/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the topologies, each a line over ranks. */
#include "topology.h"
#include "kind.h"
#include <string.h>

size_t
topology_least(enum topology t)
{
	switch (t) {
	case TOPOLOGY_RING: /* of three, each has two neighbours anyway */
		return 4;
	case TOPOLOGY_BRIDGE:
		return 3;
	default:
		return 2;
	}
}

static bool
is_first_half(size_t n, size_t rank)
{
	return rank < n / 2;
}

static bool
are_neighbours(size_t n, size_t a, size_t b)
{
	return (a + 1) % n == b || (b + 1) % n == a;
}

bool
topology_cuts(enum topology t, size_t n, size_t on, size_t to)
{
	if (on == to)
		return false;
	switch (t) {
	case TOPOLOGY_HALVES:
		return is_first_half(n, on) != is_first_half(n, to);
	case TOPOLOGY_ISOLATE:
		return on == 0 || to == 0;
	case TOPOLOGY_RING:
		return !are_neighbours(n, on, to);
	case TOPOLOGY_BRIDGE:
		return on != 0 && to != 0 &&
		       is_first_half(n - 1, on - 1) != is_first_half(n - 1, to - 1);
	case TOPOLOGY_ONE_WAY:
		return !is_first_half(n, on) && is_first_half(n, to);
	default:
		return false;
	}
}

const char *
topology_inward(const struct kind *k)
{
	const struct param *p = kind_param(k, "direction");

	if (p == NULL || p->type != PARAM_ENUM)
		return NULL;
	for (const char *const *c = p->choices; *c != NULL; c++) {
		if (strcmp(*c, "in") == 0 || strcmp(*c, "ingress") == 0)
			return *c;
	}
	return NULL;
}
