/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Written from what sch_netem.c does (netem_enqueue, netem_dequeue, get_crandom, loss_4state,
 * loss_gilb_ell, tabledist, packet_time_ns, get_slot_next), step by step in its order, but
 * for two things.  A random number becomes a delay by its share of the range, where netem
 * takes the remainder, after which delays of less than a second or so no longer depend on
 * each other (netem_fit.c refuses to correlate them).  And a slot is begun when a packet is
 * due, not whenever the queue is looked at.
 */
#include "model.h"

#include <assert.h>

#include "splitmix.h"

enum { GAP_OK = 1, BURST_OK, BURST_LOST, GAP_LOST }; /* of the chain of four */
enum { GOOD = 1, BAD };                              /* of Gilbert and Elliott */

#define NSEC_PER_SEC UINT64_C(1000000000)

static uint32_t
next_random(struct model *m)
{
	return (uint32_t)(splitmix_next(&m->random) >> 32);
}

static uint32_t
next_crandom(struct model *m, struct crandom *c)
{
	uint64_t value = next_random(m), rho = (uint64_t)c->rho + 1;

	if (c->rho == 0)
		return (uint32_t)value;
	c->last = (uint32_t)((value * ((UINT64_C(1) << 32) - rho) + c->last * rho) >> 32);
	return c->last;
}

static uint32_t
scaled(uint32_t share)
{
	return (uint32_t)((uint64_t)share * UINT32_MAX / SHARE_ALL);
}

/* range * random / 2^32, without running over. */
static uint64_t
part_of(uint64_t range, uint32_t random)
{
	return (range >> 32) * random + ((range & UINT32_MAX) * random >> 32);
}

void
model_init(struct model *m, const struct impairment *i, uint64_t seed, uint32_t limit)
{
	struct crandom *const all[] = { &m->for_delay, &m->for_loss, &m->for_duplicate,
		&m->for_corrupt, &m->for_reorder };

	*m = (struct model){ .random = seed, .limit = limit, .loss_state = GAP_OK };
	delay_line_init(&m->line, limit);
	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
		all[k]->last = next_random(m);
	model_change(m, i);
}

void
model_release(struct model *m)
{
	delay_line_release(&m->line);
}

void
model_change(struct model *m, const struct impairment *i)
{
	m->i = *i;
	m->loss = scaled(i->loss);
	m->duplicate = scaled(i->duplicate);
	m->corrupt = scaled(i->corrupt);
	m->reorder = scaled(i->reorder);
	for (size_t k = 0; k < 5; k++)
		m->loss_args[k] = scaled(i->loss_args[k]);
	m->delay = (int64_t)(i->delay * NSEC_PER_USEC);
	m->jitter = (int64_t)(i->jitter * NSEC_PER_USEC);
	m->for_delay.rho = scaled(i->delay_correlation);
	m->for_loss.rho = scaled(i->loss_correlation);
	m->for_duplicate.rho = scaled(i->duplicate_correlation);
	m->for_corrupt.rho = scaled(i->corrupt_correlation);
	m->for_reorder.rho = scaled(i->reorder_correlation);
}

/* Numbers are compared inclusively, so that 100 % is all; 0 must then be told apart. */
static bool
happens(struct model *m, uint32_t share, struct crandom *c)
{
	return share > 0 && share >= next_crandom(m, c);
}

/* Salsano's chain of four: gaps with single losses, bursts with single survivors. */
static bool
is_lost_by_state(struct model *m)
{
	const uint32_t p13 = m->loss_args[0], p31 = m->loss_args[1];
	const uint32_t p32 = m->loss_args[2], p23 = m->loss_args[3];
	const uint32_t p14 = m->loss_args[4];
	uint64_t x = next_random(m);

	switch (m->loss_state) {
	case GAP_OK:
		if (x < p14)
			m->loss_state = GAP_LOST;
		else if (x < (uint64_t)p14 + p13)
			m->loss_state = BURST_LOST;
		break;
	case BURST_OK:
		if (x < p23)
			m->loss_state = BURST_LOST;
		break;
	case BURST_LOST:
		if (x < p32)
			m->loss_state = BURST_OK;
		else if (x < (uint64_t)p32 + p31)
			m->loss_state = GAP_OK;
		break;
	default:
		m->loss_state = GAP_OK;
	}
	return m->loss_state == BURST_LOST || m->loss_state == GAP_LOST;
}

/* The packet is judged by the state it found, not by the one it leaves behind. */
static bool
is_lost_by_gemodel(struct model *m)
{
	bool was_bad = m->loss_state == BAD;
	uint32_t leaves = m->loss_args[was_bad ? 1 : 0];
	uint32_t loses = m->loss_args[was_bad ? 2 : 3];

	if (next_random(m) < leaves)
		m->loss_state = was_bad ? GOOD : BAD;
	return next_random(m) < loses;
}

static bool
is_lost(struct model *m)
{
	switch (m->i.loss_model) {
	case LOSS_STATE:
		return is_lost_by_state(m);
	case LOSS_GEMODEL:
		return is_lost_by_gemodel(m);
	default:
		return happens(m, m->loss, &m->for_loss);
	}
}

static int64_t
drawn_delay(struct model *m)
{
	const struct distribution *d = m->i.distribution;
	uint32_t x;

	if (m->jitter == 0)
		return m->delay;
	x = next_crandom(m, &m->for_delay);
	if (d == NULL)
		return m->delay - m->jitter +
		       (int64_t)part_of(2 * (uint64_t)m->jitter, x);
	return m->delay +
	       m->jitter * d->quantile[part_of(d->count, x)] / DISTRIBUTION_SCALE;
}

/* How long the wire is busy with so many bytes. */
static int64_t
time_on_wire(const struct model *m, uint32_t packet_len)
{
	int64_t len = (int64_t)packet_len + m->i.packet_overhead;

	if (len < 0)
		len = 0;
	if (m->i.cell_size > 0) {
		int64_t cells = (len + m->i.cell_size - 1) / m->i.cell_size;

		len = cells * ((int64_t)m->i.cell_size + m->i.cell_overhead);
	}
	return len <= 0 ? 0 : (int64_t)((uint64_t)len * 8 * NSEC_PER_SEC / m->i.rate);
}

/* With a rate a packet goes after the last one: it has waited for that already, and what it
 * waited counts as delay. */
static uint64_t
due_of(struct model *m, const struct model_packet *p, uint64_t last)
{
	int64_t delay = drawn_delay(m), from = (int64_t)p->at;

	if (m->i.rate > 0) {
		if (last != 0) {
			delay -= (int64_t)last - from;
			delay = delay > 0 ? delay : 0;
			from = (int64_t)last;
		}
		delay += time_on_wire(m, p->len);
	}
	return from + delay > 0 ? (uint64_t)(from + delay) : 0;
}

static bool
may_overtake(struct model *m)
{
	uint32_t gap = m->i.gap > 0 ? m->i.gap : 1;

	return m->reorder > 0 && m->since_reordered + 1 >= gap &&
	       m->reorder >= next_crandom(m, &m->for_reorder);
}

static void
send_off(struct model *m, const struct model_packet *p, uint64_t last, struct fate *f)
{
	if (may_overtake(m)) {
		m->since_reordered = 0;
		f->kind = FATE_NOW;
		return;
	}
	m->since_reordered++;
	f->kind = FATE_HOLD;
	f->due = due_of(m, p, last);
}

static void
damage(struct model *m, struct fate *f)
{
	f->is_corrupted = happens(m, m->corrupt, &m->for_corrupt);
	if (f->is_corrupted)
		f->where = next_random(m);
}

/* A copy runs through everything again, but is not copied once more. */
static bool
decide_copy(struct model *m, const struct model_packet *p, struct fate *ret)
{
	bool is_gone = is_lost(m);

	*ret = (struct fate){ .is_marked = is_gone && m->i.ecn && p->takes_ecn };
	if (is_gone && !ret->is_marked)
		return false;
	damage(m, ret);
	/* the packet itself will want a place, too */
	if (m->line.count + 1 >= m->limit)
		return false;
	send_off(m, p, delay_line_latest(&m->line), ret);
	return true;
}

size_t
model_decide(struct model *m, const struct model_packet *p, struct fate ret[static 2])
{
	bool is_copied = happens(m, m->duplicate, &m->for_duplicate);
	bool is_gone = is_lost(m);
	uint64_t last;

	ret[0] = (struct fate){ .is_marked = is_gone && m->i.ecn && p->takes_ecn };
	if (is_gone && !ret[0].is_marked) {
		if (!is_copied)
			return 1;  /* FATE_DROP */
		is_copied = false; /* one of two is left */
	}
	damage(m, &ret[0]);
	if (m->line.count >= m->limit) {
		ret[0] = (struct fate){ .kind = FATE_DROP };
		return 1;
	}
	is_copied = is_copied && decide_copy(m, p, &ret[1]);
	last = delay_line_latest(&m->line);
	if (is_copied && ret[1].kind == FATE_HOLD && ret[1].due > last)
		last = ret[1].due;
	send_off(m, p, last, &ret[0]);
	return is_copied ? 2 : 1;
}

void
model_hold(struct model *m, const struct held *h)
{
	bool has_room = delay_line_push(&m->line, h);

	assert(has_room);
	(void)has_room;
}

static bool
has_slots(const struct model *m)
{
	return m->i.slot > 0 || m->i.slot_max > 0;
}

static void
begin_slot(struct model *m, uint64_t now)
{
	uint64_t range = (m->i.slot_max - m->i.slot) * NSEC_PER_USEC;

	m->slot_next = now + m->i.slot * NSEC_PER_USEC + part_of(range, next_random(m));
	m->slot_packets_left =
	    m->i.slot_packets > 0 ? (int64_t)m->i.slot_packets : INT64_MAX;
	m->slot_bytes_left = m->i.slot_bytes > 0 ? (int64_t)m->i.slot_bytes : INT64_MAX;
}

bool
model_pop(struct model *m, uint64_t now, struct held *ret)
{
	const struct held *first = delay_line_first(&m->line);

	if (first == NULL || first->due > now)
		return false;
	if (has_slots(m)) {
		if (m->slot_next < first->due)
			begin_slot(m, now);
		if (m->slot_next > now)
			return false;
		m->slot_packets_left--;
		m->slot_bytes_left -= first->len;
		if (m->slot_packets_left <= 0 || m->slot_bytes_left <= 0)
			begin_slot(m, now);
	}
	*ret = delay_line_pop(&m->line);
	return true;
}

uint64_t
model_next(const struct model *m)
{
	const struct held *first = delay_line_first(&m->line);

	if (first == NULL)
		return UINT64_MAX;
	return has_slots(m) && m->slot_next > first->due ? m->slot_next : first->due;
}
