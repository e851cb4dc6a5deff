/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear buckets: below 2^7 µs one bucket per µs, above it 128 per doubling.  What is
 * beyond the last bucket counts there; `max` still says what it was.
 */
#include "hist.h"
#include <math.h>

#define SUB_COUNT (1u << HIST_SUB_BITS)

static unsigned
bucket_of(usec_t v)
{
	unsigned top, shift;

	if (v < SUB_COUNT)
		return (unsigned)v;
	if (v >= (usec_t)1 << 32)
		return HIST_BUCKETS - 1;
	top = 63 - (unsigned)__builtin_clzll(v);
	shift = top - HIST_SUB_BITS;
	return ((shift + 1) << HIST_SUB_BITS) +
	       (unsigned)((v >> shift) & (SUB_COUNT - 1));
}

/* The largest value that falls into a bucket: a percentile should not flatter. */
static usec_t
bucket_top(unsigned b)
{
	unsigned shift;

	if (b < SUB_COUNT)
		return b;
	shift = (b >> HIST_SUB_BITS) - 1;
	return ((usec_t)(SUB_COUNT + (b & (SUB_COUNT - 1)) + 1) << shift) - 1;
}

void
hist_add(struct hist *h, usec_t v)
{
	h->bucket[bucket_of(v)]++;
	h->count++;
	if (v > h->max)
		h->max = v;
}

void
hist_merge(struct hist *to, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
}

usec_t
hist_rank(const struct hist *h, uint64_t rank)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < HIST_BUCKETS - 1; i++) {
		seen += h->bucket[i];
		if (seen >= rank && seen > 0)
			return bucket_top(i) < h->max ? bucket_top(i) : h->max;
	}
	return h->max;
}

usec_t
hist_quantile(const struct hist *h, double q)
{
	return hist_rank(h, (uint64_t)ceil(q * (double)h->count));
}

bool
hist_supports(const struct hist *h, double q)
{
	return q > 0 && q < 1 && (double)h->count >= log(0.05) / log(q);
}
