/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_H
#define PROCESS_H
/*
 * What a process of the agent does to itself to keep working under its own faults, and to
 * hold no more power than it needs.
 */
#include <stdbool.h>
#include <stdint.h>

struct err;

/* mlockall, SCHED_FIFO 10 with SCHED_RESET_ON_FORK, oom_score_adj -1000: each as far as
 * the kernel lets us.  What it refused, as a text for the log ("OOM protection (Permission
 * denied)"), or NULL; only stormd says it, its children would repeat it.  (Under full CPU
 * load SCHED_FIFO takes the p99 of an undo from 3.8 to 0.14 ms: reference/performance.) */
const char *process_fortify(void);
/* The opposite, for burners and programs: normal scheduling, no locks, score 0. */
void process_soften(void);

/* Capability sets as bit masks of CAP_*; CAP_BIT(CAP_KILL). */
#define CAP_BIT(c) (UINT64_C(1) << (c))
uint64_t caps_permitted(void);
/* Drop every capability that is not in `keep` from bounding, permitted, effective,
 * inheritable and ambient.  Cannot be undone. */
int caps_limit(uint64_t keep, struct err *e);
/* Only the bounding set; before a change of user, which takes the power to do so. */
int caps_bound(uint64_t keep, struct err *e);
int no_new_privs(struct err *e);
/* No image of our memory is ever written, by us or by a debugger of our user: for who has
 * a key in it.  A pipe in core_pattern, which no limit holds back, gets nothing either. */
int process_no_core(struct err *e);

/* Title in ps: "stormd-fault net.delay 7b1c09aa" needs argv; this sets comm (15 bytes). */
void process_comm(const char *comm);

/* The absolute path of one of our programs: beside this executable, else where `make
 * install` puts it.  0, or an error naming the places looked at. */
int program_path(const char *name, char *ret, unsigned long size, struct err *e);

#endif
