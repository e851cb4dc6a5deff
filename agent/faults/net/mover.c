/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers are enough to delay and to drop.  A packet's bytes are copied to us only where
 * something may happen to them, and kept only if it does; a copy is sent by a raw socket,
 * because the kernel lets go each packet once.
 *
 * What is more than can be held: with a limit or a rate it is dropped, as a wire's buffer
 * would and netem does; else it passes undelayed, and is told of.
 */
#include "mover.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "err.h"
#include "packet_edit.h"
#include "raw_ip.h"
#include "xalloc.h"

enum {
	PACKETS_PER_SEC = 1000000, /* more than one core can send, after a stall, too */
	ROOM_MIN = 4096,
	ROOM_MAX = 1000000,
	/* The kernel parks some more than the line holds, so that we see those, too. */
	ROOM_SPARE = 4096,
	BITS_PER_PACKET = 800, /* small ones, so that the room errs on the large side */
	WIRE_BUFFER = 1000,    /* packets that wait for a wire: netem's own default */
	CONTENTS_BYTES = 16 * 1024 * 1024,
	READS_PER_TURN = 16, /* then it is somebody else's turn: stop comes first */
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail: the clock exists */
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* --- what this impairment needs --- */

static bool
needs_copies(const struct impairment *i, const struct course *c)
{
	return i->duplicate > 0 || c->ramped == RAMP_DUPLICATE;
}

static bool
needs_contents(const struct impairment *i, const struct course *c)
{
	return needs_copies(i, c) || i->corrupt > 0 || c->ramped == RAMP_CORRUPT ||
	       i->ecn;
}

static bool
needs_lengths(const struct impairment *i, const struct course *c)
{
	return i->rate > 0 || c->ramped == RAMP_RATE || i->slot_bytes > 0;
}

/* Is each packet only held for the same time or a random one?  Then a large one that the
 * card would cut is one, too, and it does not matter what else is held. */
static bool
is_plain(const struct impairment *i, const struct course *c)
{
	return !needs_contents(i, c) && !needs_lengths(i, c) &&
	       i->loss_model == LOSS_RANDOM && i->loss == 0 && i->reorder == 0 &&
	       i->slot_max == 0 && i->limit == 0 && i->delay_correlation == 0 &&
	       (c->ramped == RAMP_NONE || c->ramped == RAMP_DELAY);
}

static uint32_t
room_for(const struct impairment *i, const struct course *c)
{
	uint64_t per_sec = PACKETS_PER_SEC, rate = i->rate, room;

	if (i->limit > 0)
		return i->limit;
	if (c->ramped == RAMP_RATE && (uint64_t)c->from > rate)
		rate = (uint64_t)c->from;
	if (rate > 0 && rate / BITS_PER_PACKET < per_sec)
		per_sec = rate / BITS_PER_PACKET + 1;
	room = per_sec * impairment_longest(i, c) / USEC_PER_SEC + WIRE_BUFFER;
	if (rate == 0 && room < ROOM_MIN)
		room = ROOM_MIN;
	return room > ROOM_MAX ? ROOM_MAX : (uint32_t)room;
}

int
mover_open(struct mover *m, const struct mover_options *o, const struct impairment *i,
    const struct course *c, struct err *e)
{
	const bool plain = is_plain(i, c);
	const uint32_t room = room_for(i, c);
	struct nfqueue_options q = { .number = o->queue, .keeps_large = plain };
	const struct impairment first = impairment_at(i, c, 0);

	*m = (struct mover){ .models_count = o->egress && o->ingress && !plain ? 2 : 1 };
	m->drops_excess = i->limit > 0 || i->rate > 0 || c->ramped == RAMP_RATE;
	q.room = room * (uint32_t)m->models_count + ROOM_SPARE;
	if (needs_contents(i, c))
		q.copy = NFQUEUE_WHOLE;
	else if (needs_lengths(i, c))
		q.copy = NFQUEUE_HEADERS;
	if (needs_copies(i, c) && raw_ip_open(&m->raw, o->mark, e) < 0)
		return e->code;
	if (nfqueue_open(&m->queue, &q, e) < 0)
		return e->code;
	for (size_t k = 0; k < m->models_count; k++)
		model_init(&m->models[k], &first, o->seed + k, room);
	if (needs_contents(i, c)) {
		m->contents = contents_new(CONTENTS_BYTES);
		m->scratch = xcalloc(1, CONTENTS_MAX);
	}
	return 0;
}

void
mover_close(struct mover *m)
{
	nfqueue_close(m->queue);
	raw_ip_close(m->raw);
	contents_free(m->contents);
	free(m->scratch);
	for (size_t k = 0; k < m->models_count; k++)
		model_release(&m->models[k]);
	*m = (struct mover){ .taken = m->taken };
}

void
mover_change(struct mover *m, const struct impairment *i)
{
	for (size_t k = 0; k < m->models_count; k++)
		model_change(&m->models[k], i);
}

/* --- in --- */

static bool
is_coming(const struct nfqueue_packet *p)
{
	return p->hook == NF_INET_LOCAL_IN || p->hook == NF_INET_PRE_ROUTING;
}

static int
send_copy(struct mover *m, const struct parcel *p, const uint8_t *bytes)
{
	int rc = p->is_coming ? raw_ip_deliver(m->raw, bytes, p->len, p->ifindex) :
				raw_ip_send(m->raw, bytes, p->len, p->ifindex);

	m->spoilt += rc < 0;
	return 0; /* a copy that cannot be made is no reason to give up the rest */
}

/* Bytes go on: as a copy by our own socket, or with the verdict on the packet itself. */
static int
send_bytes(struct mover *m, uint32_t id, const struct parcel *p, const uint8_t *bytes)
{
	return p->is_copy ? send_copy(m, p, bytes) :
			    nfqueue_accept_changed(m->queue, id, bytes, p->len);
}

/* What the fate makes of the bytes, into the scratch. */
static void
edit(struct mover *m, const struct nfqueue_packet *p, const struct fate *f)
{
	memcpy(m->scratch, p->payload, p->payload_len);
	if (f->is_marked)
		packet_mark_ce(m->scratch, p->payload_len);
	if (f->is_corrupted)
		packet_flip_bit(m->scratch, p->payload_len, f->where);
}

static int
take_with_bytes(struct mover *m, struct model *model, const struct nfqueue_packet *p,
    const struct fate *f, bool is_copy)
{
	const struct parcel parcel = { .is_copy = is_copy,
		.is_coming = is_coming(p),
		.ifindex = is_coming(p) ? p->in : p->out,
		.len = p->payload_len };
	struct held h = { .due = f->due, .id = p->id, .len = p->len };

	edit(m, p, f);
	if (f->kind == FATE_NOW)
		return send_bytes(m, p->id, &parcel, m->scratch);
	h.contents = contents_keep(m->contents, &parcel, m->scratch);
	if (h.contents == 0) {
		m->spoilt++;
		if (is_copy)
			return 0;
	}
	model_hold(model, &h);
	return 0;
}

static int
take_packet(struct mover *m, struct model *model, const struct nfqueue_packet *p,
    const struct fate *f)
{
	if (f->kind == FATE_DROP)
		return nfqueue_drop(m->queue, p->id);
	if (f->is_marked || f->is_corrupted)
		return take_with_bytes(m, model, p, f, false);
	if (f->kind == FATE_NOW)
		return nfqueue_accept(m->queue, p->id);
	model_hold(model, &(struct held){ .due = f->due, .id = p->id, .len = p->len });
	return 0;
}

static int
take_one(struct mover *m, uint64_t now, const struct nfqueue_packet *p)
{
	struct model *model = &m->models[m->models_count == 2 && is_coming(p)];
	const struct model_packet asked = {
		.at = now,
		/* netem counts the header of the link, too */
		.len = p->len + ETHER_HDR_LEN,
		.takes_ecn =
		    m->contents != NULL && packet_takes_ecn(p->payload, p->payload_len),
	};
	bool is_full = model->line.count >= model->limit;
	struct fate fates[2];
	int rc = 0;

	m->last_seen = p->id;
	m->has_seen = true;
	if (is_full && !m->drops_excess) {
		m->passed++;
		return nfqueue_accept(m->queue, p->id);
	}
	m->taken++;
	m->excess += is_full;
	if (model_decide(model, &asked, fates) == 2)
		rc = take_with_bytes(m, model, p, &fates[1], true);
	return rc < 0 ? rc : take_packet(m, model, p, &fates[0]);
}

/* The clock is read after the packets: they came before, and none is let go early. */
int
mover_take(struct mover *m)
{
	struct nfqueue_packet packets[NFQUEUE_READ_MAX];
	int batch = nfqueue_batch(m->queue), got = batch, rc = 0;

	for (int i = 0; i < READS_PER_TURN && got == batch && rc == 0; i++) {
		uint64_t now;

		got = nfqueue_read(m->queue, packets);
		now = now_ns();
		for (int k = 0; k < got && rc == 0; k++)
			rc = take_one(m, now, &packets[k]);
		rc = got < 0 ? got : rc;
	}
	return rc;
}

/* --- out --- */

static int
give_bytes(struct mover *m, const struct held *h)
{
	struct parcel p = contents_take(m->contents, h->contents, m->scratch);

	return send_bytes(m, h->id, &p, m->scratch);
}

/* In order of arrival, one message does for all up to the last that is due; those before it
 * that had a fate of their own are gone by then. */
static int
give_in_order(struct mover *m, uint64_t now)
{
	struct model *model = &m->models[0];
	bool any = false;
	uint32_t upto = 0;
	struct held h;
	int rc = 0;

	while (rc == 0 && model_pop(model, now, &h)) {
		if (h.contents == 0) {
			any = true;
			upto = h.id;
			continue;
		}
		if (any)
			rc = nfqueue_accept_upto(m->queue, upto);
		any = false;
		if (rc == 0)
			rc = give_bytes(m, &h);
	}
	if (rc == 0 && any)
		rc = nfqueue_accept_upto(m->queue, upto);
	return rc;
}

static int
give_singly(struct mover *m, struct model *model, uint64_t now)
{
	struct held h;
	int rc = 0;

	while (rc == 0 && model_pop(model, now, &h))
		rc = h.contents == 0 ? nfqueue_accept(m->queue, h.id) : give_bytes(m, &h);
	return rc;
}

int
mover_give(struct mover *m)
{
	uint64_t now = now_ns();
	int rc = 0;

	if (m->models_count == 1 && !m->models[0].line.is_heap)
		rc = give_in_order(m, now);
	else
		for (size_t k = 0; k < m->models_count && rc == 0; k++)
			rc = give_singly(m, &m->models[k], now);
	return rc < 0 ? rc : nfqueue_flush(m->queue);
}

uint64_t
mover_next(const struct mover *m)
{
	uint64_t next = UINT64_MAX;

	for (size_t k = 0; k < m->models_count; k++) {
		uint64_t at = model_next(&m->models[k]);

		next = at < next ? at : next;
	}
	return next;
}

int
mover_let_all_go(struct mover *m)
{
	struct nfqueue_packet packets[NFQUEUE_READ_MAX];
	int got;

	if (m->queue == NULL)
		return 0;
	while ((got = nfqueue_read(m->queue, packets)) > 0) {
		m->last_seen = packets[got - 1].id;
		m->has_seen = true;
		m->taken += (uint64_t)got;
	}
	if (got < 0)
		return got;
	return m->has_seen ? nfqueue_accept_upto(m->queue, m->last_seen) : 0;
}

const char *
mover_tell(const struct mover *m, char *buf, size_t size)
{
	uint32_t limit = m->models[0].limit;

	buf[0] = '\0';
	if (m->passed > 0)
		(void)snprintf(buf, size,
		    "; %" PRIu64 " packets passed: more came than %u can be held",
		    m->passed, limit);
	else if (m->excess > 0)
		(void)snprintf(buf, size,
		    "; %" PRIu64 " packets dropped: the limit is %u", m->excess, limit);
	else if (m->spoilt > 0)
		(void)snprintf(buf, size,
		    "; %" PRIu64 " packets could not be copied or changed", m->spoilt);
	return buf;
}
