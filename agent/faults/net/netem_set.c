/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is asked for to what the kernel's netem is told.  Pure.  netem has habits of
 * its own: it reorders only with a gap, counts bytes where we count bits, and holds a
 * thousand packets unless it is told how many there can be.
 */
#include "netem.h"

enum {
	LIMIT_MIN = 1000,
	LIMIT_MAX = 1000000,
	BYTES_PER_PACKET = 500, /* small, so that the limit errs on the large side */
	WIRE_BUFFER =
	    1000, /* packets that wait for a slow wire, as in the queue's engine */
};

struct netem
netem_of(const struct impairment *i)
{
	struct netem n = {
		.delay = i->delay,
		.jitter = i->jitter,
		.delay_correlation = i->delay_correlation,
		.loss_model = (enum tc_loss)i->loss_model,
		.loss = i->loss,
		.loss_correlation = i->loss_correlation,
		.ecn = i->ecn,
		.duplicate = i->duplicate,
		.duplicate_correlation = i->duplicate_correlation,
		.corrupt = i->corrupt,
		.corrupt_correlation = i->corrupt_correlation,
		.reorder = i->reorder,
		.reorder_correlation = i->reorder_correlation,
		.packet_overhead = i->packet_overhead,
		.cell_size = i->cell_size,
		.cell_overhead = i->cell_overhead,
		.slot = i->slot,
		.slot_max = i->slot_max,
		.slot_packets = i->slot_packets,
		.slot_bytes = i->slot_bytes,
		.has_seed = i->has_seed,
		.seed = i->seed,
	};

	for (size_t k = 0; k < sizeof(n.loss_args) / sizeof(n.loss_args[0]); k++)
		n.loss_args[k] = i->loss_args[k];
	if (i->distribution != NULL && i->distribution->count > 0) {
		n.distribution = i->distribution->quantile;
		n.distribution_count = i->distribution->count;
	}
	if (i->reorder > 0)
		n.gap = i->gap > 0 ? i->gap : 1;
	if (i->rate > 0)
		n.rate = i->rate >= 8 ? i->rate / 8 : 1;
	return n;
}

/* At the end or at the start of its course, whichever is more. */
static uint64_t
fastest(const struct impair *i)
{
	uint64_t from =
	    i->course.ramped == RAMP_RATE ? (uint64_t)i->course.from : i->full.rate;

	return (from > i->full.rate ? from : i->full.rate) / 8;
}

uint32_t
netem_limit(const struct impair *i, uint64_t bytes_per_sec)
{
	double longest = (double)impairment_longest(&i->full, &i->course) / USEC_PER_SEC;
	uint64_t rate = fastest(i);
	double packets;

	if (i->full.limit > 0)
		return i->full.limit;
	if (rate > 0 && rate < bytes_per_sec)
		bytes_per_sec = rate;
	packets = (double)bytes_per_sec / BYTES_PER_PACKET * longest;
	if (rate > 0)
		packets += WIRE_BUFFER;
	if (packets < LIMIT_MIN)
		return LIMIT_MIN;
	return packets > LIMIT_MAX ? LIMIT_MAX : (uint32_t)packets;
}

bool
netem_must_split(const struct impair *i)
{
	const struct impairment *m = &i->full;

	return m->loss_model != LOSS_RANDOM || m->loss > 0 || m->duplicate > 0 ||
	       m->corrupt > 0 || m->reorder > 0 || m->rate > 0 || m->slot_max > 0 ||
	       m->limit > 0 ||
	       (i->course.ramped != RAMP_NONE && i->course.ramped != RAMP_DELAY);
}
