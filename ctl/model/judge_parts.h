/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JUDGE_PARTS_H
#define JUDGE_PARTS_H
/* What the files of the judge know of each other. */
#include "judge.h"

/* judge_null.c: how bad health may look, from p0, q and r to the pause that is named. */
void null_set(struct judge_probe *p, const struct judge_config *c, size_t i);
/* 1 − objective, as p0 of a probe without a baseline. */
double null_of_objective(double objective);

/* judge_bank.c */
void bank_fill(struct judge_probe *p, double abort_at);
/* One answer; the first test whose evidence has come to h, or NULL. */
const struct cusum *bank_step(struct judge_probe *p, bool bad, double h);
/* Bad answers in a row until the fastest test stops an outage; INFINITY: none does. */
double bank_outage(const struct judge_probe *p, double h);

/* judge_ceiling.c: after a bad answer.  JUDGE_GO_ON, or what was reached and its limit. */
enum judge_reason ceiling_over(const struct judge *j, size_t probe, double *ret_limit);
double ceiling_outage(const struct judge *j, size_t probe);

/* judge_window.c */
void windows_init(struct judge_probe *p, const struct judge_config *c, size_t i);
void windows_add(struct judge_probe *p, bool bad, uint64_t at);
/* After a bad answer: does any burn rate stand over both of its windows? */
bool windows_over(const struct judge_probe *p, struct burn_seen *ret);
double windows_outage(const struct judge_probe *p);

#endif
