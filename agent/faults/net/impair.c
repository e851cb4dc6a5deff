/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an impairment: parameters in, engine chosen, and while it is active the
 * course it takes: a ramp changes what is in force in place, a flap takes it out of force
 * and puts it back.  With engine=auto the kernel's netem is taken wherever it will do, and
 * the note says why when it was not.
 */
#include "impair.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "err.h"
#include "xalloc.h"

enum { ENGINE_AUTO, ENGINE_NETEM, ENGINE_NFQUEUE }; /* as in the kinds' choices */

/* A ramp goes in steps of this; netem and the queue take far more often. */
#define RAMP_STEP_MS 50

/* To ask whose socket a packet comes from: netem's filters by user and cgroup. */
const int impair_syscalls[] = { SYS_bpf, -1 };

int
impair_supported(struct err *e)
{
	struct err netem = { 0 }, nfqueue = { 0 };

	if (impair_engine_netem.supported(&netem) == 0 ||
	    impair_engine_nfqueue.supported(&nfqueue) == 0)
		return 0;
	return err_unsupported(e, "%.110s; nor nfqueue: %.100s", netem.msg, nfqueue.msg);
}

void
impair_how(char *buf, size_t size)
{
	struct err why = { 0 };

	if (impair_engine_netem.supported(&why) == 0)
		(void)snprintf(buf, size, "engine netem");
	else
		(void)snprintf(buf, size, "engine nfqueue: %s", why.msg);
}

static int
will_do(const struct impair_engine *engine, const struct impair *i, struct err *e)
{
	return engine->supported(e) < 0 ? e->code : engine->can_do(i, e);
}

/* Up to the bracket in which a reason tells what to install. */
static int
reason_length(const char *reason)
{
	size_t len = strcspn(reason, "(");

	return (int)(len > 0 && reason[len - 1] == ' ' ? len - 1 : len);
}

/* ret_why: what speaks against netem, when it was not asked for and not taken. */
static int
choose_engine(struct fault_run *r, struct impair *i, struct err *ret_why, struct err *e)
{
	int64_t asked = spec_num(r->spec, "engine");

	i->engine = &impair_engine_netem;
	if (asked == ENGINE_NETEM)
		return will_do(i->engine, i, e);
	if (asked == ENGINE_AUTO && will_do(i->engine, i, ret_why) == 0)
		return 0;
	i->engine = &impair_engine_nfqueue;
	return will_do(i->engine, i, e);
}

int
impair_prepare(struct fault_run *r, struct err *e)
{
	struct impair *i = xcalloc(1, sizeof(*i));
	struct err why = { 0 };
	size_t used;

	r->state = i;
	if (impairment_read(r, &i->full, &i->course, e) < 0 ||
	    flows_read(r, &i->flows, e) < 0 || choose_engine(r, i, &why, e) < 0)
		return e->code;
	i->now = impairment_at(&i->full, &i->course, 0);
	if (i->engine->prepare(r, e) < 0)
		return err_wrap(e, "engine %s", i->engine->name);
	used = strlen(r->note);
	if (why.code != 0)
		(void)snprintf(r->note + used, sizeof(r->note) - used, "; %.*s",
		    reason_length(why.msg), why.msg);
	return 0;
}

int
impair_stage(struct fault_run *r, struct err *e)
{
	const struct impair *i = r->state;

	return i->engine->stage(r, e);
}

int
impair_apply(struct fault_run *r, struct err *e)
{
	struct impair *i = r->state;

	i->active_at = clock_boottime();
	return i->engine->apply(r, e);
}

int
impair_verify(struct fault_run *r, struct err *e)
{
	struct impair *i = r->state;
	int rc = i->engine->verify(r, e);

	if (rc == 0 && i->course.ramp > 0 && r->wake_ms > RAMP_STEP_MS)
		r->wake_ms = RAMP_STEP_MS;
	i->wake_ms = r->wake_ms;
	return rc;
}

/* A flap's edges are met to the millisecond, whatever else there is to wake up for. */
static void
plan_next_step(struct fault_run *r, struct impair *i, usec_t now)
{
	const struct course *c = &i->course;
	usec_t period = c->flap_on + c->flap_off, at, left;

	i->next_step = now + RAMP_STEP_MS * USEC_PER_MSEC / 2;
	if (period == 0)
		return;
	at = (now - i->active_at) % period;
	left = at < c->flap_on ? c->flap_on - at : period - at;
	if (now + left < i->next_step)
		i->next_step = now + left;
	r->wake_ms = i->wake_ms;
	if (left < (usec_t)i->wake_ms * USEC_PER_MSEC)
		r->wake_ms = (int)((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

/* Where in its course the fault is: on or off, and with which values. */
static int
follow_course(struct fault_run *r, struct impair *i, struct err *e)
{
	const struct course *c = &i->course;
	usec_t since = clock_boottime() - i->active_at;
	usec_t period = c->flap_on + c->flap_off;
	bool rests = period > 0 && since % period >= c->flap_on;

	if (rests != i->is_resting) {
		if (i->engine->rest(r, rests, e) < 0)
			return e->code;
		i->is_resting = rests;
	}
	if (c->ramp == 0 || i->is_ramped)
		return 0;
	i->is_ramped = since >= c->ramp;
	i->now = impairment_at(&i->full, c, since);
	return i->engine->change(r, e);
}

int
impair_hold(struct fault_run *r, struct err *e)
{
	struct impair *i = r->state;
	usec_t now = clock_boottime();

	if (now >= i->next_step) {
		if (follow_course(r, i, e) < 0)
			return e->code;
		plan_next_step(r, i, now);
	}
	return i->engine->hold(r, e);
}

/* Also after a prepare that chose no engine, or one that failed. */
int
impair_release(struct fault_run *r, struct err *e)
{
	const struct impair *i = r->state;

	return i == NULL || i->own == NULL ? 0 : i->engine->release(r, e);
}
