/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPAIR_H
#define IMPAIR_H
/*
 * The body of net.delay, net.loss, net.duplicate, net.corrupt, net.reorder and net.rate:
 * one fault with six names, since each takes all parameters and they only differ in which
 * of them must be there.  Two engines do it: the kernel's netem behind an ifb, and a model
 * of it in the holder behind an NFQUEUE, for kernels without netem.
 */
#include "fault.h"
#include "flows.h"
#include "impairment.h"

/* r->state of the fault. */
struct impair {
	const struct impair_engine *engine;
	struct flows flows;
	struct impairment
	    now; /* what is to be in force: as it is at apply, or ramped to */
	struct impairment full;
	struct course course;
	usec_t active_at;
	bool is_resting; /* the off part of a flap */
	bool is_ramped;  /* to the end */
	usec_t next_step;
	int wake_ms; /* as the engine wants it */
	void *own;   /* the engine's */
};

struct impair_engine {
	const char *name;
	/* Can this kernel? -EOPNOTSUPP with what is missing and the package that has it. */
	int (*supported)(struct err *e);
	/* Can it do this one?  Reads only. */
	int (*can_do)(const struct impair *i, struct err *e);
	int (*prepare)(struct fault_run *r, struct err *e);
	int (*stage)(struct fault_run *r, struct err *e);
	int (*apply)(struct fault_run *r, struct err *e);
	int (*verify)(struct fault_run *r, struct err *e);
	int (*hold)(struct fault_run *r, struct err *e);
	int (*release)(struct fault_run *r, struct err *e);
	/* Make what is in force i->now, in place: no packet is lost or set free by it. */
	int (*change)(struct fault_run *r, struct err *e);
	/* Out of force (true) as by disarm, or in force again: one message.  What is held by
	 * then goes when it is due. */
	int (*rest)(struct fault_run *r, bool rests, struct err *e);
};

extern const struct impair_engine impair_engine_netem;
extern const struct impair_engine impair_engine_nfqueue;

/* The operations of the six faults. */
extern const int impair_syscalls[];
int impair_supported(struct err *e);
void impair_how(char *buf, size_t size);
int impair_prepare(struct fault_run *r, struct err *e);
int impair_stage(struct fault_run *r, struct err *e);
int impair_apply(struct fault_run *r, struct err *e);
int impair_verify(struct fault_run *r, struct err *e);
int impair_hold(struct fault_run *r, struct err *e);
int impair_release(struct fault_run *r, struct err *e);

/* clang-format off: a row, as in the other faults */
#define IMPAIR_FAULT(row)                                                     \
 {                                                                            \
  .kind = &(row), .effect_unit = "packets", .supported = impair_supported,    \
  .how = impair_how, .prepare = impair_prepare, .stage = impair_stage,        \
  .apply = impair_apply, .verify = impair_verify, .hold = impair_hold,        \
  .release = impair_release, .syscalls = impair_syscalls, .runs_tools = true, \
 }
/* clang-format on */

#endif
