/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOVER_H
#define MOVER_H
/*
 * Between a queue and the model: takes what the kernel has parked, asks the model what is to
 * become of it, and lets it go when it is due: as it is, changed, twice, or not at all.
 */
#include "contents.h"
#include "impairment.h"
#include "model.h"
#include "nfqueue.h"

struct mover_options {
	uint16_t queue;
	uint32_t mark; /* of the copies: the rules that fill the queue pass it */
	bool egress, ingress;
	uint64_t seed;
};

struct mover {
	struct nfqueue *queue;
	struct raw_ip *raw;        /* NULL: nothing is ever copied */
	struct contents *contents; /* NULL: nothing is ever changed or copied */
	/* Packets in and out have a wire each, unless it makes no difference. */
	struct model models[2];
	size_t models_count;
	uint8_t *scratch; /* CONTENTS_MAX */
	bool drops_excess;
	uint32_t last_seen;
	bool has_seen;
	uint64_t taken, passed, excess, spoilt; /* see mover_tell */
};

/* With what is asked for and how it will change; takes all memory. */
int mover_open(struct mover *m, const struct mover_options *o, const struct impairment *i,
    const struct course *c, struct err *e);
/* Whatever is parked goes as it is.  Both may be called on what was never opened. */
int mover_let_all_go(struct mover *m);
void mover_close(struct mover *m);

/* What is new, and what is due; the clock is the monotonic one, in ns. */
int mover_take(struct mover *m);
int mover_give(struct mover *m);
/* When to give again; UINT64_MAX when nothing is held. */
uint64_t mover_next(const struct mover *m);
void mover_change(struct mover *m, const struct impairment *i);
/* "; 12 packets passed …" when something did not go as asked, else ""; returns buf. */
const char *mover_tell(const struct mover *m, char *buf, size_t size);

#endif
