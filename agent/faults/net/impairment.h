/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPAIRMENT_H
#define IMPAIRMENT_H
/*
 * What happens to a matched packet: every parameter of netem, in the units of this
 * program, whichever engine does it.  Pure data, and pure functions on it.
 */
#include "clock.h"
#include "fault.h"
#include <stdbool.h>
#include <stdint.h>

/* Shares are in thousandths of a percent, 0 to 100000; correlations, too: how much a
 * random number depends on the one before it (netem's, tc-netem(8)). */
enum { SHARE_ALL = 100000 };
enum loss_model { LOSS_RANDOM, LOSS_STATE, LOSS_GEMODEL };

/* Quantiles of a standard distribution, scaled by 8192, as netem takes them. */
enum {
	DISTRIBUTION_SIZE = 4096, /* of those that are computed */
	DISTRIBUTION_MAX = 16384, /* netem's own bound, for a file */
	DISTRIBUTION_SCALE = 8192,
};
struct distribution {
	size_t count;
	int16_t quantile[DISTRIBUTION_MAX];
};

struct impairment {
	usec_t delay, jitter;
	uint32_t delay_correlation;
	const struct distribution *distribution; /* NULL: even */
	enum loss_model loss_model;
	uint32_t loss, loss_correlation;
	uint32_t loss_args[5]; /* state: p13 p31 p32 p23 p14; gemodel: p r 1-h 1-k */
	bool ecn;              /* mark what can be marked in place of dropping it */
	uint32_t duplicate, duplicate_correlation;
	uint32_t corrupt, corrupt_correlation;
	uint32_t reorder, reorder_correlation; /* sent at once, past those delayed */
	uint32_t gap;                          /* only every gap-th may; 0: 1 */
	uint64_t rate;                         /* bits per second, 0: none */
	int32_t packet_overhead; /* bytes that each packet counts more, or less */
	uint32_t cell_size;      /* bytes: packets count as whole cells; 0: none */
	int32_t cell_overhead;   /* bytes each cell counts more */
	usec_t slot, slot_max;   /* packets go in bunches, this long apart; 0: none */
	uint32_t slot_packets, slot_bytes; /* at most so many in one; 0: any */
	bool has_seed;
	uint64_t seed;
	uint32_t limit; /* packets held at most; 0: computed by the engine */
};

/* How it changes while it is active. */
enum ramped {
	RAMP_NONE,
	RAMP_DELAY,
	RAMP_LOSS,
	RAMP_DUPLICATE,
	RAMP_CORRUPT,
	RAMP_REORDER,
	RAMP_RATE
};
struct course {
	enum ramped ramped;       /* which value: the kind's own */
	int64_t from;             /* what it is at first, in its unit */
	usec_t ramp;              /* how long until it has its own value */
	usec_t flap_on, flap_off; /* 0: always on */
};

/* From the spec of any of the six kinds; reads a distribution's table file. */
int impairment_read(struct fault_run *r, struct impairment *ret,
    struct course *ret_course, struct err *e);
/* As it should be `since` after it became active, linear between the two values. */
struct impairment impairment_at(
    const struct impairment *i, const struct course *c, usec_t since);
/* The longest any packet can be held, jitter, distribution, slots and a ramp included (not
 * rate). */
usec_t impairment_longest(const struct impairment *i, const struct course *c);
/* "delay 100ms jitter 10ms loss 1%"; returns buf. */
const char *impairment_describe(const struct impairment *i, char *buf, size_t size);

/* normal, pareto, paretonormal (computed), or the path of a table as iproute2 has them
 * (/usr/lib/tc/experimental.dist).  The caller frees it. */
int distribution_load(const char *name, struct distribution **ret, struct err *e);

#endif
