/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_H
#define TALLY_H
/*
 * Counting one probe's samples: per phase, per second, and the two questions that need
 * more than a count: when the first of a row of bad answers was known, and whether the
 * system has come back.
 */
#include "hist.h"
#include "judge.h"
#include "probe.h"
#include <stdbool.h>

enum phase { PHASE_BEFORE, PHASE_DURING, PHASE_AFTER, PHASES };
const char *phase_name(enum phase p);

struct totals {
	uint64_t n, bad, skipped, late;    /* n: judged, without the skipped */
	uint64_t after_bad, bad_after_bad; /* as in struct answers */
	bool last_bad;
	uint64_t by_class[SAMPLE_CLASSES];
	struct hist hist;
};

struct tally {
	const struct probe_def *def;
	struct totals phase[PHASES];
	struct totals second; /* since the last tally_second */
	bool was_bad;         /* the last one */
	char skipped_why[sizeof(((struct sample *)0)->why)]; /* the last that was */
	usec_t bad_said; /* when the last EVENT_BAD went out */
	/* when the n-th answer of `during` was known bad, for the bad ones */
	struct {
		uint64_t number;
		usec_t known;
	} * bad_at;
	size_t bad_count, bad_room;
	/* answers of `after`, oldest first, from `window` on the shortest that decides */
	struct {
		usec_t intended;
		bool bad;
	} * tail;
	size_t tail_count, tail_room, window, window_bad;
	bool has_recovered;
	struct { /* the first window of `after` that met the objective */
		usec_t from;
		size_t n, bad;
	} recovered;
};

void tally_add(struct tally *t, enum phase p, const struct sample *s);
/* Move the second's counts into *ret. */
void tally_second(struct tally *t, struct totals *ret);
/* When the sample of this number of `during`, or the first bad one after it, was known. */
usec_t tally_first_bad(const struct tally *t, uint64_t from);
/* Has it met its objective again?  With too few answers to say by the rule: as the last
 * few were. */
bool tally_is_back(const struct tally *t);
/* Share of samples our own prober skipped or sent late. */
double totals_late_share(const struct totals *t);
double totals_good_share(const struct totals *t);
struct answers totals_answers(const struct totals *t);
void tally_release(struct tally *t);

#endif
