/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to try again.  Full jitter, because thirty connections that broke together must not
 * come back together.  The breaker spares whoever asks the wait for a host that is known
 * not to answer; it never holds up a warm connection, which has a fault to undo.
 */
#include "fleet_state.h"
#include <sys/random.h>

#define OPEN_BASE (500 * USEC_PER_MSEC)
#define OPEN_MAX  (5 * USEC_PER_SEC)

static usec_t
doubled(usec_t base, usec_t max, unsigned times)
{
	while (times-- > 0 && base < max)
		base *= 2;
	return base < max ? base : max;
}

usec_t
backoff_jitter(usec_t base, usec_t max, unsigned n)
{
	usec_t bound = doubled(base, max, n > 0 ? n - 1 : 0);
	uint64_t dice;

	/* Without randomness only the jitter is lost. */
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != sizeof(dice))
		dice = clock_boottime() * UINT64_C(0x9e3779b97f4a7c15);
	return dice % (bound + 1);
}

bool
breaker_allows(struct breaker *b, usec_t now)
{
	if (b->open_until == 0)
		return true;
	if (now < b->open_until)
		return false;
	b->open_until =
	    now + CONNECT_TIMEOUT; /* half open: the others wait for this one */
	return true;
}

void
breaker_succeeded(struct breaker *b)
{
	*b = (struct breaker){ 0 };
}

void
breaker_failed(struct breaker *b, usec_t now)
{
	b->failures++;
	if (b->failures >= BREAKER_AFTER)
		b->open_until =
		    now + doubled(OPEN_BASE, OPEN_MAX, b->failures - BREAKER_AFTER);
}
