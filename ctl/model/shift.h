/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIFT_H
#define SHIFT_H
/*
 * Two phases of a drill compared, with how sure one can be.  Pure arithmetic on
 * histograms and counts.
 */
#include "hist.h"
#include <stdbool.h>
#include <stdint.h>

/* Latency: by how much the second lies above the first. */
struct shift {
	double by, low,
	    high;     /* µs; Hodges–Lehmann: the median of all differences, and its
			       * 95 % interval (Mann–Whitney, normal approximation with ties) */
	double worse; /* chance that one of the second takes longer than one of the first,
		       * ties halved: 0.5 is no difference */
	bool is_clear; /* the interval does not contain 0 */
};
/* false: too few in either (30) to say. */
bool shift_of(const struct hist *before, const struct hist *during, struct shift *ret);

/* Bad answers: how many times as large the second share is (Katz's log interval, with half
 * an answer added to each count, 95 %). */
struct ratio {
	double by, low, high;
};
bool ratio_of(uint64_t n1, uint64_t bad1, uint64_t n2, uint64_t bad2, struct ratio *ret);

#endif
