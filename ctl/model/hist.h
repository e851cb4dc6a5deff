/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HIST_H
#define HIST_H
/* A log-linear histogram of latencies, 1 µs to about 70 min, at most 1 % error, fixed
 * size.  Percentiles need samples: p99 299, p95 59, p90 29 (n ≥ ln 0.05 / ln q). */
#include "clock.h"
#include <stdbool.h>
#include <stdint.h>

#define HIST_SUB_BITS 7 /* 128 steps per doubling: error ≤ 0.8 % */
#define HIST_BUCKETS  ((33 - HIST_SUB_BITS) << HIST_SUB_BITS)

struct hist {
	uint64_t count;
	usec_t max;
	uint32_t bucket[HIST_BUCKETS];
};

void hist_add(struct hist *h, usec_t v);
void hist_merge(struct hist *to, const struct hist *from);
/* The rank-th smallest, 1 ≤ rank ≤ count. */
usec_t hist_rank(const struct hist *h, uint64_t rank);
/* The value at quantile q (0 < q < 1). */
usec_t hist_quantile(const struct hist *h, double q);
/* Enough samples for q to mean something at 95 %? */
bool hist_supports(const struct hist *h, double q);

#endif
