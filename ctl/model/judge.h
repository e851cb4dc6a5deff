/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JUDGE_H
#define JUDGE_H
/*
 * Judging: pure arithmetic on good and bad answers; no I/O and no clock (lint proves it).
 * Returns decisions, acts on nothing.
 *
 * Abort is a bank of CUSUM tests per probe (Page 1954), each answer judged by what came
 * before it, since failures cluster (one pause of 50 ms is ten bad answers in a row at
 * 200/s, and judged one by one they would stop nearly every healthy drill):
 *	S = max(0, S + ln(P1(answer | last) / P0(answer | last))),  stop at S ≥ h
 * Under the null an answer after a good one is bad with q, after a bad one with r:
 * - where the baseline's bad answers clearly cluster, r is the upper 95 % bound of what it
 *   shows, 90 % at most, and q = p0·(1−r')/(1−p0) with r' the lower one;
 * - where the experiment says how long a healthy system may pause, a bad answer within that
 *   many in a row is no evidence at all, r = 50 % beyond them, and q = p0;
 * - else q = r = p0: they are independent.
 * Under the alternative they are r1 = max(p1, r) and q1 = p1·(1−r1)/(1−p1): a row of bad
 * answers is then never evidence of health, and each step has a mean of at most 1 under any
 * null with a smaller q or r.
 * p1 ∈ {abort_at, 50 %, 90 %, and where r ≥ 50 % the larger of 99 % and 1 − (1−r)/10, or an
 * outage would hardly differ from a healthy pause}, none below abort_at nor below 2·p0.
 * h = ln(N·K·P/α): N samples planned during, K tests in the bank, P probes, α =
 * false_abort; of N and K the largest of any probe, so that one h serves all.  By Ville's
 * inequality and a union over start points the chance of stopping a system that meets its
 * objective is at most α, for independent failures and for those that cluster as the null
 * says.
 *
 * Ceilings and burn rates stop it whatever the tests say; a person has set them, so they
 * have no part in α.
 */
#include "bounds.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct experiment;

#define BANK_MAX     4
#define BURN_MAX     4 /* BURNS_MAX of experiment.h */
#define WINDOW_SLOTS 50

enum judge_reason {
	JUDGE_GO_ON,
	JUDGE_BREACH,      /* a CUSUM test passed its threshold */
	JUDGE_MAX_BAD,     /* budget.max_bad */
	JUDGE_CONSECUTIVE, /* budget.consecutive */
	JUDGE_SLICE,       /* slo.spend: the drill's slice of the error budget is spent */
	JUDGE_BURN,        /* slo.burn: errors come too fast over both windows */
	JUDGE_GUARD,       /* a guard no longer holds (set by run, not by this module) */
};

/* Answers of a time: how many, and how many of those that followed a bad one. */
struct answers {
	uint64_t n, bad;
	uint64_t after_bad, bad_after_bad;
};

struct judge_config {
	double alpha;         /* false_abort, 0 < α < 1 */
	uint64_t max_bad;     /* stop at this many; 0: none */
	uint32_t consecutive; /* stop at this many; 0: none */
	size_t probe_count;
	struct {
		double objective, abort_at;
		double planned;      /* samples during */
		struct answers base; /* the baseline; all 0 when there was none */
		double stall; /* samples in the longest pause of health; 0: not said */
		double slice; /* stop at so many bad answers: probe_slice(); 0: none */
		double slo;   /* its complement is what burn rates are multiples of */
		size_t burn_count;
		struct burn {
			double rate;
			uint64_t longer, shorter; /* µs */
		} burn[BURN_MAX];
		double rate; /* answers a second; for the burn rate's windows */
	} probe[PROBES_MAX];
};

struct cusum {
	double p1;
	struct {
		double up, down; /* steps for a bad and a good answer; down < 0 */
	} after_good, after_bad;
	double s;
	uint64_t since; /* sample number at which S last left 0 */
	uint64_t bad;   /* bad ones from there on */
};

/* Answers of the last while, by when they were due. */
struct window {
	uint64_t width;  /* of a slot, µs */
	uint64_t newest; /* slot, counted from fire */
	double planned;  /* answers in all of it */
	uint64_t n, bad; /* of all slots */
	struct {
		uint32_t n, bad;
	} slot[WINDOW_SLOTS];
};

struct judge_burn {
	double limit, allowed; /* times the share that the objective lets be bad */
	struct window longer, shorter;
};

struct judge_probe {
	double p0, q, r;
	uint32_t stall; /* answers of a row that are no evidence */
	size_t bank_count;
	struct cusum bank[BANK_MAX];
	uint64_t n, bad;
	uint32_t in_a_row;
	size_t burn_count;
	struct judge_burn burn[BURN_MAX];
};

struct judge {
	struct judge_config config;
	double h;
	double planned, tests; /* N and K in it */
	uint64_t bad;
	struct judge_probe probe[PROBES_MAX];
};

/* A burn rate that was reached: errors came so many times as fast as the objective lets. */
struct burn_seen {
	size_t index; /* in the probe's list */
	double limit, longer, shorter;
	uint64_t n, bad; /* answers of the long window */
};

/* What led to a stop, for events and report. */
struct judge_decision {
	enum judge_reason reason;
	size_t probe;
	double s, h, p0, p1, alpha; /* of the test that passed, else 0 */
	double q, r;
	uint64_t from, to;     /* sample numbers of that probe that made the case */
	uint64_t bad;          /* bad ones among them */
	double limit;          /* what was reached: h, bad answers, or a burn rate */
	struct burn_seen burn; /* JUDGE_BURN */
};

/* As the experiment says; its baseline is still empty. */
void judge_configure(struct judge_config *c, const struct experiment *x);
/* 0, or -ERANGE when a probe's baseline is so bad that p0 ≥ abort_at/2 (exit 4): its
 * index in *ret_probe. */
int judge_init(struct judge *j, const struct judge_config *c, size_t *ret_probe);
/* One answer of one probe, to a request that was due `at` µs after fire.  true when it must
 * stop, with the decision. */
bool judge_sample(
    struct judge *j, size_t probe, bool bad, uint64_t at, struct judge_decision *ret);
/* Bad answers in a row a full outage needs, for `plan` and `run` to say. */
unsigned judge_outage_samples(const struct judge *j, size_t probe);
const char *judge_reason_name(enum judge_reason r);

/* Steady before?  STEADY_NO when the 95 % lower bound of the bad share exceeds
 * 1 − objective; STEADY_FEW with fewer than 30 samples. */
enum steady { STEADY_YES, STEADY_NO, STEADY_FEW };
enum steady judge_steady(const struct answers *a, double objective);
/* Do bad answers come in rows, more than `share` of them by chance would? */
bool answers_cluster(const struct answers *a, double share);
/* How many independent answers each of them is worth: 1, or where bad ones come in rows
 * less, since of a Markov chain the variance of a share is larger by (1+ρ)/(1−ρ) with
 * ρ = P(bad | last bad) − P(bad | last good). */
double answers_worth(const struct answers *a, double share);

/* Clopper–Pearson bounds of a share, one-sided at `confidence` (0.95). */
double share_lower(uint64_t n, uint64_t bad, double confidence);
double share_upper(uint64_t n, uint64_t bad, double confidence);
/* P(X ≥ k) of n answers that are bad with p each, 0 < p < 1. */
double share_tail(uint64_t n, uint64_t k, double p);

#endif
