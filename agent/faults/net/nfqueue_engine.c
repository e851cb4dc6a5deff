/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impairments in user space, for kernels without netem.  Rules of steer.c send the chosen
 * packets to a queue of ours; the kernel parks them and tells us their numbers; hold() asks
 * the model what is to become of each and lets it go when its time has come.  When this
 * process dies the rules are passed by (--queue-bypass), and what was parked is dropped.
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
#include <unistd.h>

#include "cleanup.h"
#include "mover.h"
#include "nfqueue.h"
#include "steer.h"
#include "xalloc.h"

enum {
	LIMIT_MAX = 1000000, /* what the kernel parks it does not count as ours */
	CHECK_EVERY_MS = 100,
	STRAGGLERS_MS = 2,
};

struct own {
	struct steer steer;
	uint16_t number;
	struct mover mover;
	int timer;
	uint64_t timer_at; /* what it is set to; 0: nothing */
	usec_t next_check;
};

static struct own *
own_of(const struct fault_run *r)
{
	return ((const struct impair *)r->state)->own;
}

static int
nfqueue_engine_supported(struct err *e)
{
	int rc = nfqueue_supported(e);

	return rc < 0 ? rc : steer_queue_supported(e);
}

/* The eight digits of an id as one number: the same fault, the same queue and jitter. */
static uint64_t
number_of(const char *id)
{
	uint64_t v = 0;

	memcpy(&v, id, sizeof(v));
	return v;
}

/* Of the packets we send ourselves.  The two bits left out are those by which Kubernetes
 * tells what to drop and what to masquerade. */
static uint32_t
mark_of(const char *id)
{
	uint64_t v = number_of(id) * 0x9e3779b97f4a7c15U;

	return 0x5d000000 | (uint32_t)(v >> 40 & 0xff3fff);
}

static int
nfqueue_prepare(struct fault_run *r, struct err *e)
{
	struct impair *d = r->state;
	struct own *o = xcalloc(1, sizeof(*o));
	struct steer *s = &o->steer;
	char what[200];
	int rc;

	d->own = o;
	o->timer = -1;
	rc = nfqueue_find_free(number_of(r->spec->id), &o->number, e);
	if (rc < 0)
		return rc;
	s->flows = &d->flows;
	s->verdict = STEER_QUEUE;
	s->queue = o->number;
	s->pass_mark = mark_of(r->spec->id);
	fault_op(r, "stage: bind queue %u, held by this process: %s", o->number,
	    impairment_describe(&d->now, what, sizeof(what)));
	rc = steer_prepare(r, s, e);
	if (rc < 0)
		return rc;
	(void)snprintf(
	    r->note, sizeof(r->note), "engine nfqueue, queue %u%s", o->number, s->remark);
	return 0;
}

static int
nfqueue_stage(struct fault_run *r, struct err *e)
{
	const struct impair *i = r->state;
	struct own *o = i->own;
	const struct mover_options options = {
		.queue = o->number,
		.mark = o->steer.pass_mark,
		.egress = i->flows.egress,
		.ingress = i->flows.ingress,
		.seed = i->full.has_seed ? i->full.seed : number_of(r->spec->id),
	};

	o->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (o->timer < 0)
		return err_errno(e, "create timer");
	if (mover_open(&o->mover, &options, &i->full, &i->course, e) < 0)
		return e->code;
	r->fds[0] = (struct pollfd){ .fd = nfqueue_fd(o->mover.queue), .events = POLLIN };
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

/* Setting it anew also takes back that it has gone off. */
static int
set_timer(struct own *o, struct err *e)
{
	uint64_t next = mover_next(&o->mover);
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

/* steer's counters are packets that matched, ours those that were taken. */
static int
check(struct fault_run *r, struct own *o, struct err *e)
{
	usec_t now = clock_boottime();
	char news[96];
	int rc = 0;

	if (now >= o->next_check) {
		o->next_check = now + CHECK_EVERY_MS * USEC_PER_MSEC;
		rc = steer_hold(r, &o->steer, e);
		if (mover_tell(&o->mover, news, sizeof(news))[0] != '\0' && !r->lost)
			(void)snprintf(r->note, sizeof(r->note),
			    "engine nfqueue, queue %u%s%s", o->number, news,
			    o->steer.remark);
	}
	r->effect = o->mover.taken;
	return rc;
}

static int
nfqueue_hold(struct fault_run *r, struct err *e)
{
	struct own *o = own_of(r);
	int rc = mover_take(&o->mover);

	if (rc < 0)
		return err_set(e, rc, "take packets: %s", strerror(-rc));
	rc = mover_give(&o->mover);
	if (rc < 0)
		return err_set(e, rc, "let packets go: %s", strerror(-rc));
	rc = set_timer(o, e);
	return rc < 0 ? rc : check(r, o, e);
}

static int
nfqueue_release(struct fault_run *r, struct err *e)
{
	struct own *o = own_of(r);
	struct pollfd late;
	int rc;

	r->fds_count = 0;
	if (o->mover.queue == NULL)
		return 0;
	late = (struct pollfd){ .fd = nfqueue_fd(o->mover.queue), .events = POLLIN };
	rc = mover_let_all_go(&o->mover);
	/* A packet that met the rule before the set was emptied may still be on its way. */
	if (rc == 0 && poll(&late, 1, STRAGGLERS_MS) > 0)
		rc = mover_let_all_go(&o->mover);
	if (rc < 0)
		return err_set(e, rc, "let packets go: %s", strerror(-rc));
	r->effect = o->mover.taken;
	mover_close(&o->mover);
	cleanup_close(&o->timer);
	o->timer = -1;
	return 0;
}

static int
nfqueue_can_do(const struct impair *i, struct err *e)
{
	if (i->full.limit > LIMIT_MAX)
		return err_unsupported(
		    e, "the nfqueue engine holds at most %d packets", LIMIT_MAX);
	return 0;
}

static int
nfqueue_change(struct fault_run *r, struct err *e)
{
	const struct impair *i = r->state;

	(void)e;
	mover_change(&own_of(r)->mover, &i->now);
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
