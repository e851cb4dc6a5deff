/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_DELAY_H
#define NET_DELAY_H
/*
 * net.delay has two engines with the same parameters: the kernel's netem behind an ifb, and
 * a delay line in the holder behind an NFQUEUE, for kernels without netem.
 */
#include "fault.h"

struct delay_engine {
	const char *name;
	int (*supported)(struct err *e);
	int (*prepare)(struct fault_run *r, struct err *e);
	int (*stage)(struct fault_run *r, struct err *e);
	int (*apply)(struct fault_run *r, struct err *e);
	int (*verify)(struct fault_run *r, struct err *e);
	int (*hold)(struct fault_run *r, struct err *e);
	int (*release)(struct fault_run *r, struct err *e);
};

extern const struct delay_engine delay_engine_netem;
extern const struct delay_engine delay_engine_nfqueue;

/* What was asked; r->state of the fault. */
struct delay {
	const struct delay_engine *engine;
	usec_t delay, jitter;
	bool egress, ingress;
	uint8_t protocol;      /* IPPROTO_TCP, IPPROTO_UDP, 0 any */
	uint16_t port;         /* 0 any */
	const char *interface; /* "" wherever the route leads */
	void *own;             /* the engine's */
};

#endif
