/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEARCH_H
#define SEARCH_H
/*
 * How much of one thing a system stands: which value to try next, and what may be said of
 * those that were tried.  Pure; each try is a whole drill of somebody else's.
 *
 * What may be said.  A drill that held could have held by luck, one that broke could have
 * broken by a false alarm, and the two values of an answer are picked from all that were
 * tried.  So an answer from D drills that held or broke is wrong with a chance of at most
 *
 *	D · (β^m + α^k)
 *
 * where the value that holds has held m times and the value that breaks has broken k times,
 * and nothing else came of either, with
 * α  the largest of the chances that a system which meets its objective ends like that:
 *    budget.false_abort of a drill that the judge stopped; of one that missed its objective,
 *    that of so many bad answers or more where each is bad with 1 − objective;
 * β  the largest of the chances that a system worth stopping ends like that: that of so few
 *    bad answers or fewer where each is bad with abort_at.
 * "At most": the largest of m independent chances is below x with x^m (each is below x with x
 * at most), and D such claims are wrong together at most D times as often as one (union
 * bound; whether to go on may depend on what was seen).  What it does not say: between
 * objective and abort_at either outcome is right.
 * A stop by a rule (a guard, max_bad, consecutive, a slice or burn rate) is a fact and no
 * test: no α belongs to it, and none is given.
 */
#include "judge.h"
#include "kind.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEARCH_DRILLS_MAX 128
#define SEARCH_VALUES_MAX 32 /* of --steps */
#define SEARCH_REPEATS    3  /* drills of a value at most, to be surer of an answer */
#define SEARCH_SURE       0.05 /* how wrong an answer may be before its drills are repeated */
#define SEARCH_UNTIL      1.2 /* how near the two values of an answer come */
#define SEARCH_RAISES     8   /* values from first to last, unless told */

enum search_by {
	SEARCH_BISECT, /* halves what is left */
	SEARCH_RAISE, /* from the first value on, until one breaks, and the next one too */
};

enum search_end {
	SEARCH_HELD,
	SEARCH_BROKE,
	SEARCH_NOTHING, /* the drill has shown nothing: once, it is repeated */
};

struct search_drill {
	int64_t value;
	enum search_end end;
	double chance; /* α or β, see above; NAN: a rule, not a test */
};

struct search_plan {
	enum param_type type; /* of the values */
	int64_t from, to; /* to is the worse one, even when it is the smaller number */
	enum search_by by;
	size_t values; /* to try at most, repeats not counted; 0: by `until` */
	double until;  /* > 1: near enough when the larger is so many times the smaller */
	int64_t
	    hint[2]; /* what an earlier search came to: tried before anything between */
	size_t hint_count;
};

struct search {
	struct search_plan plan;
	struct search_drill drill[SEARCH_DRILLS_MAX];
	size_t count;
};

/* The value to try next; false when there is nothing more to be learnt. */
bool search_next(const struct search *s, int64_t *ret);
/* What came of it.  False when there is room for no more. */
bool search_add(struct search *s, const struct search_drill *d);
/* The most values that a plan can come to; repeats not counted. */
size_t search_most(const struct search_plan *p);

struct search_answer {
	bool has_held, has_broken;
	/* The worst value that held and nothing else, below all that did not; the mildest
	 * that broke and nothing else, above it.  Where that may be chance and there is a
	 * surer one further off, it is that one. */
	int64_t holds, breaks;
	bool has_vague_hold, has_vague_break; /* these are the nearer ones then */
	int64_t vague_hold, vague_break;
	/* This value has held, and a milder one has broken: there is no one limit. */
	bool is_crossed;
	int64_t held_beyond;
	bool is_mixed; /* this value has held and has broken: there is no sharp limit */
	int64_t mixed;
	bool is_lost; /* this one has shown nothing, twice */
	int64_t lost;
	size_t decided;      /* D */
	size_t held, broken; /* m, k */
	double beta, alpha;  /* 0 where there is no such value; NAN: see search_drill */
	double hold_error, break_error; /* D·β^m, D·α^k, at most 1; NAN as above */
};
void search_answer(const struct search *s, struct search_answer *ret);

/* The value between two, where a search goes on: round in the unit people write it in, by
 * ratio for what is felt by ratio (durations, rates, sizes, and all that is wide apart), else
 * by difference.  False when there is none between them. */
bool search_between(enum param_type t, int64_t a, int64_t b, double share, int64_t *ret);
/* Is a search by ratio? */
bool search_is_by_ratio(enum param_type t, int64_t a, int64_t b);

/* β: the chance of so few bad answers where each is bad with `share`; α: of so many.  Answers
 * that cluster count for as many independent ones as they are worth. */
double search_chance_of_few(const struct answers *a, double share);
double search_chance_of_many(const struct answers *a, double share);

/* Against an earlier search of the same.  Rising: worse values are larger numbers. */
enum search_change {
	SEARCH_SAME,   /* what is known of both fits together */
	SEARCH_WORSE,  /* it breaks at what it stood */
	SEARCH_BETTER, /* it stands what broke it */
	SEARCH_UNSURE, /* one of them has no answer, or it may be chance */
};
enum search_change search_compare(
    bool is_rising, const struct search_answer *earlier, const struct search_answer *now);

#endif
