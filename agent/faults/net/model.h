/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_H
#define MODEL_H
/*
 * netem in user space: what becomes of each packet, and when.  The algorithms are those of
 * Linux' net/sched/sch_netem.c (6.x), so that the same parameters mean the same with
 * either engine; where ours differ on purpose, model.c says so.  Pure: no clock, no I/O;
 * all memory is taken at the start; the same seed and packets, the same fates.
 */
#include "delay_line.h"
#include "impairment.h"

/* Random numbers of which each depends on the one before it. */
struct crandom {
	uint32_t last, rho;
};

struct model {
	struct delay_line line;
	uint64_t random; /* state of the generator */
	struct impairment i;
	uint32_t limit;
	/* i, in the units of random numbers and nanoseconds */
	uint32_t loss, duplicate, corrupt, reorder, loss_args[5];
	int64_t delay, jitter;
	struct crandom for_delay, for_loss, for_duplicate, for_corrupt, for_reorder;
	int loss_state;
	uint32_t since_reordered;
	uint64_t slot_next; /* when the next bunch may go */
	int64_t slot_packets_left, slot_bytes_left;
};

struct model_packet {
	uint64_t at;    /* ns */
	uint32_t len;   /* bytes on the wire, for rate and slots */
	bool takes_ecn; /* its sender understands congestion marks */
};

struct fate {
	enum { FATE_DROP, FATE_NOW, FATE_HOLD } kind;
	bool is_marked;
	bool is_corrupted;
	uint32_t where; /* evenly 0 to 2^32 - 1: which share of its bits is before it */
	uint64_t due;   /* of FATE_HOLD */
};

/* `limit`: packets held at most, and all memory there will be. */
void model_init(
    struct model *m, const struct impairment *i, uint64_t seed, uint32_t limit);
void model_release(struct model *m);
/* Other values from now on.  What is held keeps its time. */
void model_change(struct model *m, const struct impairment *i);

/* ret[0] is for the packet, ret[1] for its copy, if 2 is returned.  Whatever is to be held
 * goes onto the line by model_hold before the next question; there is room for it. */
size_t model_decide(
    struct model *m, const struct model_packet *p, struct fate ret[static 2]);
void model_hold(struct model *m, const struct held *h);
/* The next packet that may go by now, if any. */
bool model_pop(struct model *m, uint64_t now, struct held *ret);
/* When to ask again; UINT64_MAX when nothing is held. */
uint64_t model_next(const struct model *m);

#endif
