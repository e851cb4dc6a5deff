/* SPDX-License-Identifier: Apache-2.0 */
/* When requests are due.  Pure arithmetic; nothing here reads a clock. */
#include "schedule.h"

#define USEC_PER_KILOSEC (1000 * USEC_PER_SEC) /* a rate of 1 mHz */

void
schedule_start(
    struct schedule *s, uint64_t rate_mhz, usec_t from, size_t index, size_t count)
{
	s->rate_mhz = rate_mhz;
	s->next = 0;
	s->from = from;
	if (rate_mhz > 0 && count > 0)
		s->from += USEC_PER_KILOSEC / rate_mhz * index / count;
}

void
schedule_stop(struct schedule *s)
{
	s->rate_mhz = 0;
}

usec_t
schedule_next(const struct schedule *s)
{
	if (s->rate_mhz == 0)
		return USEC_INFINITY;
	/* Whole seconds and the rest apart: the product of both would overflow in weeks. */
	uint64_t per = s->next / s->rate_mhz, rest = s->next % s->rate_mhz;

	return s->from + per * USEC_PER_KILOSEC + rest * USEC_PER_KILOSEC / s->rate_mhz;
}

usec_t
schedule_take(struct schedule *s)
{
	usec_t at = schedule_next(s);

	s->next++;
	return at;
}
