/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of one fault's life, each from a known state to a known state.  They block, as
 * the kernel and the tools they call do: stormd has its own patience for each and the
 * record to undo by when it runs out.  The surprise is in holder_undo: it is the same
 * steps whether nothing, half or all of the fault is in place, since every operation of
 * the record is idempotent.
 */
#include "holder.h"
#include "ident.h"
#include "log.h"
#include "undo.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RETRY_FIRST (100 * USEC_PER_MSEC)
#define RETRY_MAX   (5 * USEC_PER_SEC)

/* Whose network it is in comes first: that is never what is cut. */
static void
put_note(struct holder *h)
{
	const char *note = h->run.note;
	char network[120];
	size_t len = strlen(network_describe(&h->network, network, sizeof(network)));
	size_t room = sizeof(h->status.note) - 1 - len - strlen(": ");

	(void)snprintf(h->status.note, sizeof(h->status.note), "%s%s%.*s", network,
	    note[0] != '\0' && len > 0 ? ": " : "", (int)room, note);
}

void
holder_report(struct holder *h, enum fault_state state)
{
	struct msg_fault m = { .head.type = MSG_STATE };
	struct err e = { 0 };

	h->status.state = state;
	if (state != FAULT_STUCK) {
		h->status.err = h->why;
		h->status.outcome = h->outcome;
	}
	h->status.effect = h->run.effect;
	if (h->run.effect != 0)
		h->status.no_effect = 0;
	snprintf(h->status.effect_unit, sizeof(h->status.effect_unit), "%s",
	    h->run.effect_unit);
	h->status.lost = h->run.lost;
	put_note(h);
	h->next_report = clock_boottime() + 250 * USEC_PER_MSEC;
	if (h->is_orphan)
		return;
	m.fault = h->status;
	/* a stormd that does not read is hung: its guardian sees to that, not we */
	if (chan_send(h->chan, &m, &e) != 0)
		log_debug("fault %s: report: %s", h->status.id, e.msg);
}

void
holder_failed(struct holder *h, const struct err *e)
{
	if (h->outcome != OUTCOME_DONE)
		return; /* the first reason is the one to tell */
	h->why = *e;
	h->outcome = e->outcome == OUTCOME_DONE ? OUTCOME_FAILED : e->outcome;
}

void
holder_network_gone(struct holder *h)
{
	struct err e = { 0 };

	(void)err_set(&e, -ESRCH, "the process whose network it was has ended");
	if (h->status.state == FAULT_ACTIVE) {
		h->run.lost = true;
		h->why = e;
	} else {
		holder_failed(h, &e);
	}
	holder_undo(h);
}

/* What will be done, and below it what takes it away again, newest first. */
static void
send_ops(struct holder *h)
{
	static struct msg_text m;
	const struct undo_list *l = &h->run.undo;
	size_t used = strnlen(h->run.ops, sizeof(m.text) - 1);
	struct err e = { 0 };

	m = (struct msg_text){ .head.type = MSG_TEXT };
	memcpy(m.text, h->run.ops, used);
	for (size_t i = l->count; i-- > 0;) {
		char line[256];
		int n = snprintf(m.text + used, sizeof(m.text) - used, "undo: %s\n",
		    undo_describe(&l->op[i], line, sizeof(line)));

		if (n < 0 || (size_t)n >= sizeof(m.text) - used)
			break; /* whole lines only */
		used += (size_t)n;
	}
	m.text[used] = '\0';
	m.len = (uint32_t)used;
	if (chan_send(h->chan, &m, &e) != 0)
		log_debug("fault %s: operations: %s", h->status.id, e.msg);
}

static int
put_record(struct holder *h, struct err *e)
{
	static struct record r;

	r = (struct record){ .netns = netns_inode(),
		.hard_deadline = h->hold.hard_deadline };
	memcpy(r.fault, h->hold.spec.id, sizeof(r.fault));
	memcpy(r.drill, h->hold.drill, sizeof(r.drill));
	memcpy(r.kind, h->hold.spec.kind, sizeof(r.kind));
	spec_describe(&h->hold.spec, r.summary, sizeof(r.summary));
	if (clock_boot_id(r.boot_id, e) != 0)
		return e->code;
	if (process_id_get(getpid(), &r.holder) != 0)
		return err_set(e, -ESRCH, "read our own start time in /proc");
	r.undo = h->run.undo;
	return store_put(&h->store, &r, e);
}

static int
prepare(struct holder *h, struct err *e)
{
	if (h->fault->supported(e) != 0)
		return e->code;
	if (h->fault->prepare(&h->run, e) != 0)
		return e->code;
	send_ops(h);
	return 0;
}

void
holder_arm(struct holder *h)
{
	struct err e = { 0 };

	if (prepare(h, &e) != 0) {
		holder_failed(h, &e);
		holder_report(h, FAULT_GONE);
		return;
	}
	if (h->hold.rehearse) {
		holder_report(h, FAULT_GONE);
		return;
	}
	if (put_record(h, &e) != 0) {
		holder_failed(h, &e);
		holder_undo(h); /* a record that is half there goes too */
		return;
	}
	holder_report(h, FAULT_RECORDED);
	if (h->fault->stage(&h->run, &e) != 0) {
		holder_failed(h, &e);
		holder_undo(h);
		return;
	}
	h->status.staged = clock_boottime();
	holder_report(h, FAULT_STAGED);
}

void
holder_apply(struct holder *h)
{
	struct err e = { 0 };

	if (h->fault->apply(&h->run, &e) != 0 || h->fault->verify(&h->run, &e) != 0) {
		holder_failed(h, &e);
		holder_undo(h);
		return;
	}
	h->status.active = clock_boottime();
	holder_report(h, FAULT_ACTIVE);
	if ((h->fault->kind->flags & KIND_ONESHOT) && h->hold.spec.duration == 0)
		holder_undo(h); /* it has happened: nothing is held */
}

/* Both beats must say so themselves and by reading back. */
static int
disarm(struct holder *h, struct err *e)
{
	if (undo_run(h->ctx, &h->run.undo, BEAT_DISARM, e) != 0)
		return e->code;
	if (h->status.disarmed == 0) {
		h->status.disarmed = clock_boottime();
		/* stormd's 50 ms end here: reading back may wait for burners to die, who on
		 * a busy machine need their turn for that as well */
		holder_report(h, h->status.state);
	}
	if (undo_check(h->ctx, &h->run.undo, BEAT_DISARM, e) != 0)
		return e->code;
	if (h->status.undone == 0)
		h->status.undone = clock_boottime();
	return 0;
}

static int
sweep(struct holder *h, struct err *e)
{
	if (h->fault->release(&h->run, e) != 0)
		return err_wrap(e, "release");
	if (undo_run(h->ctx, &h->run.undo, BEAT_SWEEP, e) != 0)
		return e->code;
	if (shared_sweep(&h->store, h->ctx, e) != 0)
		return e->code;
	if (undo_check(h->ctx, &h->run.undo, BEAT_SWEEP, e) != 0) {
		h->status.dirty = 1;
		return e->code;
	}
	return store_drop(&h->store, h->hold.spec.id, e);
}

static void
stuck(struct holder *h, const struct err *e)
{
	usec_t wait = RETRY_FIRST << (h->retries < 6 ? h->retries : 6);

	h->retries++;
	h->retry_at = clock_boottime() + (wait < RETRY_MAX ? wait : RETRY_MAX);
	h->status.err = *e;
	h->status.outcome = OUTCOME_STUCK;
	holder_report(h, FAULT_STUCK);
}

void
holder_undo(struct holder *h)
{
	struct err e = { 0 };

	h->is_told = true;
	if (disarm(h, &e) != 0) {
		err_wrap(&e, "disarm");
		stuck(h, &e);
		return;
	}
	if (!h->is_disarmed)
		holder_report(h, FAULT_DISARMED);
	h->is_disarmed = true;
	if (sweep(h, &e) != 0) {
		err_wrap(&e, "sweep");
		stuck(h, &e);
		return;
	}
	h->status.dirty = 0;
	h->status.clean = clock_boottime();
	holder_report(h, FAULT_GONE);
}
