/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impairments in user space, for kernels without netem.  Rules of steer.c send the chosen
 * packets to a queue of ours; the kernel parks them and tells us their numbers; hold() puts
 * the numbers on a delay line and lets each go when its time has come.  When this process
 * dies the rules are passed by (--queue-bypass), and what was parked is dropped.
 *
 * The rules stand in mangle, never in filter: after a verdict a packet skips what is left
 * of its table, and that must not be somebody's firewall.
 *
 * Unlike over a slow wire, a parked packet still counts against the buffer of the local
 * socket that sent it, so bulk transfers out of this host slow down more than the delay
 * alone explains.  netem has no such effect.  And ping(8) does not see what is held on the
 * way in, because it believes the stamp of the packet's arrival: ping -U does.
 */
#include "impair.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "delay_line.h"
#include "nfqueue.h"
#include "steer.h"
#include "xalloc.h"

enum {
	PACKETS_PER_SEC = 400000, /* more than one core can hold and let go */
	ROOM_MIN = 4096,
	ROOM_MAX = 1000000,
	/* The kernel parks some more than the line holds, so that we see those, too. */
	ROOM_SPARE = 4096,
	READS_PER_TURN = 16, /* then it is the channel's turn: stop comes first */
	QUEUE_TRIES = 256,
	CHECK_EVERY_MS = 100,
	STRAGGLERS_MS = 2,
};

struct own {
	struct steer steer;
	uint16_t number;
	struct nfqueue *queue;
	struct delay_line line;
	int timer;
	uint64_t timer_at; /* what it is set to; 0: nothing */
	uint32_t last_seen;
	bool has_seen;
	uint64_t delayed, passed; /* passed: came while the line was full */
	usec_t next_check;
};

static struct own *
own_of(const struct fault_run *r)
{
	return ((const struct impair *)r->state)->own;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail: the clock exists */
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static int
nfqueue_engine_supported(struct err *e)
{
	int rc = nfqueue_supported(e);

	return rc < 0 ? rc : steer_supported(e);
}

/* The eight digits of an id as one number: the same fault, the same queue and jitter. */
static uint64_t
number_of(const char *id)
{
	uint64_t v = 0;

	memcpy(&v, id, sizeof(v));
	return v;
}

static int
choose_queue(struct own *o, const char *id, struct err *e)
{
	for (uint64_t i = 0; i < QUEUE_TRIES; i++) {
		o->number = (uint16_t)(1 + (number_of(id) + i) % UINT16_MAX);
		if (!nfqueue_taken(o->number))
			return 0;
	}
	return err_set(e, -EBUSY, "no free NFQUEUE number found");
}

static int
nfqueue_prepare(struct fault_run *r, struct err *e)
{
	struct impair *d = r->state;
	struct own *o = xcalloc(1, sizeof(*o));
	struct steer *s = &o->steer;
	int rc;

	d->own = o;
	o->timer = -1;
	rc = choose_queue(o, r->spec->id, e);
	if (rc < 0)
		return rc;
	s->flows = &d->flows;
	s->verdict = STEER_QUEUE;
	s->queue = o->number;
	fault_op(r, "stage: bind queue %u, held by this process", o->number);
	rc = steer_prepare(r, s, e);
	if (rc < 0)
		return rc;
	(void)snprintf(r->note, sizeof(r->note), "engine nfqueue, queue %u", o->number);
	return 0;
}

static size_t
room_for(usec_t longest)
{
	uint64_t room = PACKETS_PER_SEC * longest / USEC_PER_SEC;

	if (room < ROOM_MIN)
		return ROOM_MIN;
	return room > ROOM_MAX ? ROOM_MAX : (size_t)room;
}

static int
nfqueue_stage(struct fault_run *r, struct err *e)
{
	const struct impair *d = r->state;
	struct own *o = d->own;
	size_t room = room_for(impairment_longest(&d->full, &d->course));
	int rc;

	o->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (o->timer < 0)
		return err_errno(e, "create timer");
	delay_line_init(
	    &o->line, room, d->now.delay * NSEC_PER_USEC, d->now.jitter * NSEC_PER_USEC);
	o->line.random = number_of(r->spec->id);
	rc = nfqueue_open(&o->queue,
	    &(struct nfqueue_options){ .number = o->number,
		.room = (uint32_t)(room + ROOM_SPARE),
		.keeps_large = true },
	    e);
	if (rc < 0)
		return rc;
	r->fds[0] = (struct pollfd){ .fd = nfqueue_fd(o->queue), .events = POLLIN };
	r->fds[1] = (struct pollfd){ .fd = o->timer, .events = POLLIN };
	r->fds_count = 2;
	return steer_stage(r, &o->steer, e);
}

static int
nfqueue_apply(struct fault_run *r, struct err *e)
{
	return steer_apply(r, &own_of(r)->steer, e);
}

static int
nfqueue_verify(struct fault_run *r, struct err *e)
{
	struct own *o = own_of(r);
	int rc = steer_verify(r, &o->steer, e);

	r->wake_ms = CHECK_EVERY_MS;
	r->effect = 0;
	if (rc == 0 && !nfqueue_taken(o->number))
		return err_set(e, -ENODATA, "queue %u is not bound", o->number);
	return rc;
}

/* One packet: onto the line, or on its way when there is no room. */
static int
take_one(struct own *o, uint64_t now, uint32_t id)
{
	o->last_seen = id;
	o->has_seen = true;
	if (delay_line_push(&o->line, now, id)) {
		o->delayed++;
		return 0;
	}
	o->passed++;
	return nfqueue_accept(o->queue, id);
}

static int
take(struct own *o, uint64_t now, struct err *e)
{
	struct nfqueue_packet packets[NFQUEUE_READ_MAX];
	int got = NFQUEUE_READ_MAX, rc = 0;

	for (int i = 0; i < READS_PER_TURN && got == NFQUEUE_READ_MAX && rc == 0; i++) {
		got = nfqueue_read(o->queue, packets);
		for (int k = 0; k < got && rc == 0; k++)
			rc = take_one(o, now, packets[k].id);
		rc = got < 0 ? got : rc;
	}
	return rc < 0 ? err_set(e, rc, "take packets: %s", strerror(-rc)) : 0;
}

/* Let go what is due.  In order of arrival one message does for all of them. */
static int
give(struct own *o, uint64_t now, struct err *e)
{
	bool in_order = o->line.jitter == 0, any = false;
	uint32_t id = 0;
	int rc = 0;

	while (rc == 0 && delay_line_pop(&o->line, now, &id)) {
		any = true;
		rc = in_order ? 0 : nfqueue_accept(o->queue, id);
	}
	if (rc == 0 && any && in_order)
		rc = nfqueue_accept_upto(o->queue, id);
	if (rc == 0)
		rc = nfqueue_flush(o->queue);
	return rc < 0 ? err_set(e, rc, "let packets go: %s", strerror(-rc)) : 0;
}

/* Setting it anew also takes back that it has gone off. */
static int
set_timer(struct own *o, struct err *e)
{
	uint64_t next = delay_line_next(&o->line);
	struct itimerspec t = { 0 };

	if (next == UINT64_MAX)
		next = 0;
	if (next == o->timer_at)
		return 0;
	t.it_value.tv_sec = (time_t)(next / UINT64_C(1000000000));
	t.it_value.tv_nsec = (long)(next % UINT64_C(1000000000));
	if (timerfd_settime(o->timer, TFD_TIMER_ABSTIME, &t, NULL) < 0)
		return err_errno(e, "set timer");
	o->timer_at = next;
	return 0;
}

/* steer's counters are packets that matched, ours those that were held. */
static int
check(struct fault_run *r, struct own *o, struct err *e)
{
	usec_t now = clock_boottime();
	int rc = 0;

	if (now >= o->next_check) {
		o->next_check = now + CHECK_EVERY_MS * USEC_PER_MSEC;
		rc = steer_hold(r, &o->steer, e);
		if (o->passed > 0 && !r->lost)
			(void)snprintf(r->note, sizeof(r->note),
			    "engine nfqueue, queue %u; %llu packets passed undelayed: "
			    "more came than %zu can be held",
			    o->number, (unsigned long long)o->passed, o->line.room);
	}
	r->effect = o->delayed;
	return rc;
}

static int
nfqueue_hold(struct fault_run *r, struct err *e)
{
	struct own *o = own_of(r);
	uint64_t now = now_ns();
	int rc = take(o, now, e);

	if (rc == 0)
		rc = give(o, now_ns(), e);
	if (rc == 0)
		rc = set_timer(o, e);
	return rc < 0 ? rc : check(r, o, e);
}

/* Everything that is parked goes, whatever the line says. */
static int
let_all_go(struct own *o)
{
	struct nfqueue_packet packets[NFQUEUE_READ_MAX];
	int got;

	while ((got = nfqueue_read(o->queue, packets)) > 0) {
		o->last_seen = packets[got - 1].id;
		o->has_seen = true;
		o->delayed += (uint64_t)got;
	}
	return o->has_seen ? nfqueue_accept_upto(o->queue, o->last_seen) : 0;
}

static int
nfqueue_release(struct fault_run *r, struct err *e)
{
	struct own *o = own_of(r);
	struct pollfd late;
	int rc;

	r->fds_count = 0;
	if (o->queue == NULL)
		return 0;
	late = (struct pollfd){ .fd = nfqueue_fd(o->queue), .events = POLLIN };
	rc = let_all_go(o);
	/* A packet that met the rule before the set was emptied may still be on its way. */
	if (rc == 0 && poll(&late, 1, STRAGGLERS_MS) > 0)
		rc = let_all_go(o);
	if (rc < 0)
		return err_set(e, rc, "let packets go: %s", strerror(-rc));
	r->effect = o->delayed;
	nfqueue_close(o->queue);
	o->queue = NULL;
	cleanup_close(&o->timer);
	o->timer = -1;
	delay_line_release(&o->line);
	return 0;
}

static int
nfqueue_can_do(const struct impair *i, struct err *e)
{
	(void)i;
	(void)e;
	return 0;
}

/* What is held keeps the time it was given. */
static int
nfqueue_change(struct fault_run *r, struct err *e)
{
	const struct impair *i = r->state;
	struct own *o = i->own;

	(void)e;
	o->line.delay = i->now.delay * NSEC_PER_USEC;
	return 0;
}

static int
nfqueue_rest(struct fault_run *r, bool rests, struct err *e)
{
	return steer_rest(r, &own_of(r)->steer, rests, e);
}

const struct impair_engine impair_engine_nfqueue = {
	.name = "nfqueue",
	.supported = nfqueue_engine_supported,
	.can_do = nfqueue_can_do,
	.change = nfqueue_change,
	.rest = nfqueue_rest,
	.prepare = nfqueue_prepare,
	.stage = nfqueue_stage,
	.apply = nfqueue_apply,
	.verify = nfqueue_verify,
	.hold = nfqueue_hold,
	.release = nfqueue_release,
};
