/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIFT_H
#define SHIFT_H
/*
 * Two phases of a drill compared: by how much the second lies above the first, with 95 %
 * limits.  Pure arithmetic on counts and histograms.
 *
 * Limits of each phase alone come first:
 * - of a share, Wilson's score interval (Wilson, J. Am. Stat. Assoc. 22 (1927) 209), where
 *   bad answers cluster of as many independent ones as they are worth (answers_worth);
 * - of a quantile, the two order statistics whose ranks the binomial distribution of the
 *   answers below it gives (David & Nagaraja, Order Statistics, 3rd ed., 2003, §7.1).
 * The limits of a difference are made from those by squares, as variances are
 *	low = x2 − x1 − √((x2 − low2)² + (high1 − x1)²), high likewise
 * which is method 10 of Newcombe (Stat. Med. 17 (1998) 873) for shares, and of Zou & Donner
 * (Stat. Med. 27 (2008) 1693) for anything else that has limits.
 * Latencies that come in spells are not allowed for: then these limits are too narrow.
 */
#include "hist.h"
#include "judge.h"
#include <stdbool.h>
#include <stdint.h>

struct shift {
	double from, to, by, low, high;
};

/* Of the bad share.  false: fewer than 30 in either. */
bool shift_of_share(
    const struct answers *before, const struct answers *then, struct shift *ret);
/* Of a quantile of the latency, in µs.  false: too few in either for that quantile. */
bool shift_of_quantile(
    const struct hist *before, const struct hist *then, double q, struct shift *ret);
/* 0 is not between its limits. */
bool shift_is_clear(const struct shift *s);
/* The chance that an answer of the second took longer than one of the first, ties halved:
 * 0.5 is no difference (U/mn: Mann & Whitney, Ann. Math. Stat. 18 (1947) 50). */
double shift_worse(const struct hist *before, const struct hist *then);

#endif
