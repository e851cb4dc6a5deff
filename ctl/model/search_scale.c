/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values between two others.  Half way between 10 ms and 2 s is 140 ms and not a second:
 * what differs by a factor is halved by a factor.  And it is a value that somebody would
 * write: as few digits as lie well between the two.
 */
#include "search.h"
#include <math.h>

#define WIDE 10 /* from here on a factor says more than a difference, whatever the type */

bool
search_is_by_ratio(enum param_type t, int64_t a, int64_t b)
{
	if (a == 0 || b == 0 || (a < 0) != (b < 0))
		return false;
	if (t == PARAM_USEC || t == PARAM_OFFSET || t == PARAM_RATE || t == PARAM_SIZE)
		return true;
	double ratio = (double)a / (double)b;
	return ratio >= WIDE || ratio <= 1.0 / WIDE;
}

static double
exact(enum param_type t, int64_t a, int64_t b, double share)
{
	double from = (double)a, to = (double)b;

	if (search_is_by_ratio(t, a, b))
		return from * pow(to / from, share);
	return from + (to - from) * share;
}

/* The unit that digits are counted in: 1 but for sizes, which people write in powers of
 * 1024. */
static double
unit_of(enum param_type t, double v, int digits)
{
	double unit = 1;

	while (t == PARAM_SIZE && fabs(v) / (unit * 1024) >= pow(10, digits - 1))
		unit *= 1024;
	return unit;
}

static double
round_to(enum param_type t, double v, int digits)
{
	double unit = unit_of(t, v, digits);
	double step = pow(10, floor(log10(fabs(v) / unit)) - digits + 1);

	return v == 0 ? 0 : round(v / unit / fmax(step, 1)) * fmax(step, 1) * unit;
}

bool
search_between(enum param_type t, int64_t a, int64_t b, double share, int64_t *ret)
{
	double want = exact(t, a, b, share), low = (double)(a < b ? a : b),
	       high = (double)(a < b ? b : a);

	for (int digits = 2; digits <= 15; digits++) {
		double v = round_to(t, want, digits);

		/* rounding must not spoil the halving */
		if (v > low && v < high && fabs(v - want) <= (high - low) / 6) {
			*ret = (int64_t)v;
			return true;
		}
	}
	int64_t last = (int64_t)round(want);
	if (last <= (a < b ? a : b) || last >= (a < b ? b : a))
		return false;
	*ret = last;
	return true;
}
