/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port is free when it is in the range, not reserved, and no socket has it.  What is left
 * free is the end of the range.  A port from which somebody has a connection already is not
 * ours to take: binding it by force would keep it from being shared even after we are gone.
 */
#include "exhaust.h"
#include "err.h"
#include <errno.h>
#include <string.h>

enum { ROUNDS_MAX = 4 }; /* others take and give back ports while we do */

static bool
is_candidate(const struct exhaust *x, uint32_t port)
{
	return !port_set_has(&x->reserved, (uint16_t)port);
}

static size_t
count_free(const struct exhaust *x)
{
	size_t count = 0;

	for (uint32_t port = x->range.from; port <= x->range.to; port++)
		count += is_candidate(x, port) && !port_set_has(&x->used, (uint16_t)port);
	return count;
}

static size_t
count_candidates(const struct exhaust *x)
{
	size_t count = 0;

	for (uint32_t port = x->range.from; port <= x->range.to; port++)
		count += is_candidate(x, port);
	return count;
}

int
exhaust_init(struct exhaust *x, uint8_t protocol, size_t leave, struct err *e)
{
	*x = (struct exhaust){ .protocol = protocol, .leave = leave };
	if (local_ports_read(&x->range, &x->reserved, e) < 0 ||
	    sock_diag_open(&x->diag, protocol, e) < 0 ||
	    local_ports_used(x->diag, protocol, &x->used, e) < 0)
		return e->code;
	x->free = count_free(x);
	x->others = count_candidates(x) - x->free;
	if (x->free > leave)
		return 0;
	return err_set(e, -EADDRNOTAVAIL,
	    "nothing to take: of the ephemeral ports %u-%u %zu are free, and %zu are to be "
	    "left",
	    x->range.from, x->range.to, x->free, leave);
}

size_t
exhaust_room(const struct exhaust *x)
{
	const size_t all = count_candidates(x);

	return all > x->leave ? all - x->leave : 0;
}

/* Everything that somebody has: as listed, what we hold, what was refused to us just now. */
static int
look(struct exhaust *x, const struct keep *k, struct err *e)
{
	size_t held = 0;

	if (local_ports_used(x->diag, x->protocol, &x->used, e) < 0)
		return e->code;
	for (size_t i = 0; i < k->room; i++) {
		int state = keep_state(k, i);

		if (state != 0)
			port_set_add(&x->used, keep_port(k, i));
		held += state > 0;
	}
	x->free = count_free(x);
	x->others = count_candidates(x) - x->free - held;
	return 0;
}

/* Put the first `count` free ports where nothing is held; how many that were. */
static size_t
put(const struct exhaust *x, struct keep *k, size_t count)
{
	uint32_t port = x->range.from;
	size_t done = 0;

	for (size_t i = 0; i < k->room && done < count; i++) {
		if (keep_state(k, i) > 0)
			continue;
		while (port <= x->range.to &&
		       (!is_candidate(x, port) || port_set_has(&x->used, (uint16_t)port)))
			port++;
		if (port > x->range.to)
			break;
		keep_put(k, i, (uint16_t)port++, 0);
		done++;
	}
	return done;
}

int
exhaust_fill(struct exhaust *x, struct keep *k, struct err *e)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (look(x, k, e) < 0)
			return e->code;
		if (x->free <= x->leave || put(x, k, x->free - x->leave) == 0)
			return 0;
		if (keep_turn(k, e) < 0)
			return e->code;
	}
	return look(x, k, e);
}
