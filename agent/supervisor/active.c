/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder's side of one fault.  Whatever a holder does wrong (dies, hangs, talks
 * nonsense) has one answer: kill it and undo by record (by_record.c).  stormd waits for
 * each step only as long as the step may take, and 50 ms for the one that counts.
 */
#include "active.h"
#include "by_record.h"
#include "chan.h"
#include "child.h"
#include "err.h"
#include "kind.h"
#include "log.h"
#include "spawn.h"
#include "super.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STAGE_PATIENCE   (20 * USEC_PER_SEC) /* iptables waits for the xtables lock */
#define APPLY_PATIENCE   (15 * USEC_PER_SEC) /* a load measures itself before it says so */
#define DISARM_PATIENCE  (50 * USEC_PER_MSEC)
#define CHECK_PATIENCE   (2 * USEC_PER_SEC) /* disarmed, to be read back */
#define UNSTAGE_PATIENCE (3 * USEC_PER_SEC) /* told in the middle of staging: no effect */
#define SWEEP_PATIENCE   (90 * USEC_PER_SEC) /* held packets drain first */
#define EXIT_PATIENCE    (2 * USEC_PER_SEC)
#define PING_EVERY       (500 * USEC_PER_MSEC)
#define PING_PATIENCE    (2 * USEC_PER_SEC)
#define START_ALLOWANCE  (5 * USEC_PER_SEC) /* a program read from a busy disk */

static void on_channel(void *ctx);
static void on_death(void *ctx);

void
active_init(struct active *a, struct super *s, const struct spec *spec)
{
	*a = (struct active){
		.super = s,
		.spec = *spec,
		.channel = { .fd = -1, .ready = on_channel, .ctx = a },
		.death = { .fd = -1, .ready = on_death, .ctx = a },
		.undoer = { .fd = -1, .ready = by_record_ended, .ctx = a },
	};
	a->status.state = FAULT_ARMED;
	memcpy(a->status.kind, spec->kind, sizeof(a->status.kind));
	memcpy(a->status.name, spec->name, sizeof(a->status.name));
	spec_describe(spec, a->status.summary, sizeof(a->status.summary));
}

static int
send_hold(struct active *a, int channel, const struct hold_terms *t, struct err *e)
{
	static struct msg_hold m;
	const struct super *s = a->super;

	m = (struct msg_hold){
		.head.type = MSG_HOLD,
		.rehearse = t->is_rehearsal,
		.ephemeral = s->opt.is_ephemeral,
		.hard_deadline = t->hard_deadline,
		.protect = s->policy.protect,
		.spec = a->spec,
	};
	snprintf(m.drill, sizeof(m.drill), "%s", t->drill);
	m.protect.agent_pid = getpid();
	m.protect.controller_pid = t->controller_pid;
	m.protect.control_port = s->opt.listen.port;
	return chan_send(channel, &m, e);
}

/* A network fault may be meant for another network than ours; its holder must know that
 * before it opens anything. */
static void
say_network(const struct spec *s, char *pid, size_t size, const char **argv)
{
	if ((kind_find(s->kind)->flags & KIND_NETWORK) == 0)
		return;
	if (spec_has(s, "pid")) {
		(void)snprintf(pid, size, "%lld", (long long)spec_num(s, "pid"));
		*argv++ = "--pid";
		*argv++ = pid;
	}
	if (spec_has(s, "container")) {
		*argv++ = "--container";
		*argv++ = spec_text(s, "container");
	}
}

static int
start(struct active *a, const struct hold_terms *t, struct err *e)
{
	struct super *s = a->super;
	const char *argv[14] = { "stormd-fault", a->spec.kind, a->spec.id, "--run-dir",
		s->opt.run_dir, "--state-dir", s->opt.state_dir, "--host-dir",
		s->opt.host_dir };
	char pid[24];
	struct child_start child = { .path = s->programs.fault,
		.argv = argv,
		.second_fd = s->guard.barrier_write };
	struct child c;
	int rc;

	say_network(&a->spec, pid, sizeof(pid), argv + 9);
	/* the first from a disk that is busy, or a dozen of them, may take a second */
	guard_allow(&s->guard, START_ALLOWANCE);
	rc = child_start(&child, &c, e);
	guard_allow(&s->guard, 0);
	if (rc != 0)
		return rc;
	a->status.holder_pid = c.pid;
	if (loop_add(&s->loop, &a->death, c.pidfd, e) != 0 ||
	    loop_add(&s->loop, &a->channel, c.channel, e) != 0)
		return e->code;
	return send_hold(a, c.channel, t, e);
}

void
active_start(struct active *a, const struct hold_terms *t, usec_t now)
{
	struct err e = { 0 };

	memcpy(a->status.id, a->spec.id, sizeof(a->status.id));
	a->is_started = true;
	a->patience = now + STAGE_PATIENCE;
	if (start(a, t, &e) == 0)
		return;
	/* it was never told to hold, so there is no record: its end is all */
	a->status.err = e;
	a->status.outcome = OUTCOME_FAILED;
	a->status.state = FAULT_GONE;
	a->is_over = true;
	a->patience = 0;
	if (a->death.fd >= 0)
		child_kill(a->death.fd);
}

static int
tell(struct active *a, uint32_t type, uint32_t seq)
{
	struct msg_verb m = { .head = { .type = type, .seq = seq } };
	struct err e = { 0 };

	return a->channel.fd < 0 ? -EPIPE : chan_send(a->channel.fd, &m, &e);
}

void
active_apply(struct active *a, usec_t now)
{
	a->span.is_applied = true;
	a->patience = now + APPLY_PATIENCE;
	if (tell(a, MSG_APPLY, 0) != 0)
		a->patience = now; /* it will be looked after this turn */
}

void
active_disarm(struct active *a, usec_t now)
{
	if (a->is_told || a->is_over)
		return;
	a->is_told = true;
	a->span.is_over = true;
	a->status.told = now;
	if (!a->is_started) {
		a->status.state = FAULT_GONE;
		a->is_over = true;
		return;
	}
	if (a->is_by_record)
		return;
	a->patience = now + (a->span.is_applied ? DISARM_PATIENCE : UNSTAGE_PATIENCE);
	if (tell(a, MSG_DISARM, 0) != 0)
		a->patience = now;
}

void
active_ping(struct active *a, usec_t now)
{
	if (a->is_over || a->is_by_record)
		return;
	a->ping_next = now + PING_EVERY;
	if (tell(a, MSG_PING, ++a->ping_sent) != 0)
		a->patience = now;
}

/* A holder that is finished with; what it left is not asked here. */
static void
let_go_of_channel(struct active *a)
{
	int fd = a->channel.fd;

	loop_drop(&a->super->loop, &a->channel);
	if (fd >= 0)
		(void)close(fd);
}

static void
give_up_on_holder(struct active *a, const char *why, usec_t now)
{
	bool is_own = !a->is_told; /* nobody asked for its end */

	log_warn("fault %s %s: holder %d %s, undoing by record", a->status.id,
	    a->spec.kind, a->status.holder_pid, why);
	if (a->status.outcome == OUTCOME_DONE && is_own) {
		a->status.outcome = OUTCOME_FAILED;
		(void)err_set(&a->status.err, -ECHILD, "its holder %s", why);
	} else if (a->status.outcome == OUTCOME_DONE && a->span.is_applied &&
		   a->status.active == 0) {
		a->status.outcome = OUTCOME_FAILED;
		(void)err_set(
		    &a->status.err, -ETIME, "it was to end before it was in force");
	}
	a->outcome = a->status.outcome;
	a->why = a->status.err;
	a->status.lost |= is_own && a->status.state == FAULT_ACTIVE;
	a->span.is_over = true;
	a->patience = 0;
	if (a->death.fd >= 0)
		child_kill(a->death.fd);
	let_go_of_channel(a);
	by_record_start(a, now);
}

static void
on_death(void *ctx)
{
	struct active *a = ctx;
	int pidfd = a->death.fd;
	char why[64];

	if (a->channel.fd >= 0 && !a->is_by_record)
		on_channel(a); /* its last words */
	if (a->death.fd < 0)
		return;
	if (!child_reap(pidfd, why, sizeof(why)))
		return;
	loop_drop(&a->super->loop, &a->death);
	(void)close(pidfd);
	if (!a->is_over && !a->is_by_record)
		give_up_on_holder(a, why, clock_boottime());
	let_go_of_channel(a);
}

/* Every string ends, every enum is one of its own, and it speaks of this fault. */
static bool
is_sane(const struct active *a, const struct fault_status *f)
{
	if (!IS_TERMINATED(f->id) || !IS_TERMINATED(f->kind) || !IS_TERMINATED(f->name) ||
	    !IS_TERMINATED(f->summary) || !IS_TERMINATED(f->note) ||
	    !IS_TERMINATED(f->effect_unit) || !IS_TERMINATED(f->err.msg))
		return false;
	if ((unsigned)f->state >= FAULT_STATES || (unsigned)f->outcome >= OUTCOMES ||
	    (unsigned)f->err.outcome >= OUTCOMES || f->err.code > 0)
		return false;
	/* a holder that fails before it knows its spec has no id to tell */
	return f->id[0] == '\0' ?
		   f->state == FAULT_GONE && a->status.state == FAULT_ARMED :
		   strcmp(f->id, a->status.id) == 0;
}

/* What whoever reads the journal later should find there, once each. */
static void
say_surprise(struct active *a, const struct fault_status *f)
{
	char none[64], span[32];

	if (f->no_effect && !a->is_no_effect_said) {
		a->is_no_effect_said = true;
		log_warn("fault %s %s: no effect yet: it %s in %s", a->status.id,
		    a->spec.kind, format_no_effect(f->effect_unit, none, sizeof(none)),
		    format_usec(NO_EFFECT_MS * USEC_PER_MSEC, span, sizeof(span)));
	}
	if (f->lost && !a->status.lost)
		log_warn("fault %s %s: lost: %s", a->status.id, a->spec.kind,
		    f->err.code != 0 ? f->err.msg : "taken away by somebody else");
}

static void
take_state(struct active *a, const struct fault_status *f, usec_t now)
{
	struct fault_status *mine = &a->status;
	bool is_new = mine->state != f->state;

	say_surprise(a, f);
	if (a->is_told && mine->disarmed == 0 && f->disarmed != 0)
		a->patience = now + CHECK_PATIENCE;
	mine->state = f->state;
	mine->outcome = f->outcome;
	mine->err = f->err;
	mine->lost = f->lost != 0;
	mine->dirty = f->dirty != 0;
	mine->no_effect = f->no_effect != 0;
	mine->effect = f->effect;
	mine->staged = f->staged;
	mine->active = f->active;
	mine->disarmed = f->disarmed;
	mine->undone = f->undone;
	mine->clean = f->clean;
	memcpy(mine->note, f->note, sizeof(mine->note));
	memcpy(mine->effect_unit, f->effect_unit, sizeof(mine->effect_unit));
	if (!is_new)
		return;
	if (f->state >= FAULT_DISARMED)
		a->span.is_over = true; /* by itself: failed, happened, or told */
	switch (f->state) {
	case FAULT_STAGED:
	case FAULT_ACTIVE:
	case FAULT_STUCK:
		/* told meanwhile: the word that counts is still to come */
		if (!a->is_told || f->state == FAULT_STUCK)
			a->patience = 0;
		a->ping_next = now + PING_EVERY;
		break;
	case FAULT_DISARMED:
		a->patience = now + SWEEP_PATIENCE;
		break;
	case FAULT_GONE:
		a->is_over = true;
		a->patience = now + EXIT_PATIENCE;
		break;
	default:
		break;
	}
}

static int
take_message(struct active *a, const union msg *m, usec_t now)
{
	switch (m->head.type) {
	case MSG_STATE:
		if (!is_sane(a, &m->fault.fault))
			return -EBADMSG;
		take_state(a, &m->fault.fault, now);
		return 0;
	case MSG_TEXT:
		if (m->text.len >= sizeof(m->text.text) || !IS_TERMINATED(m->text.text))
			return -EBADMSG;
		memcpy(a->ops, m->text.text, sizeof(a->ops));
		a->ops_len = m->text.len;
		return 0;
	case MSG_PONG:
		if (m->head.seq > a->ping_sent)
			return -EBADMSG;
		a->ping_back = m->head.seq;
		return 0;
	default:
		return -EBADMSG;
	}
}

static void
on_channel(void *ctx)
{
	static union msg m;
	struct active *a = ctx;
	usec_t now = clock_boottime();
	struct err e = { 0 };
	int rc = 1;

	/* bounded: a holder that never stops talking must not stop the loop */
	for (int i = 0; i < 64 && rc > 0; i++) {
		rc = chan_recv(a->channel.fd, &m, &e);
		if (rc > 0 && take_message(a, &m, now) != 0)
			rc = -EBADMSG;
	}
	if (rc >= 0)
		return;
	if (rc != -EPIPE && !a->is_over) {
		give_up_on_holder(a, "sent a malformed message", now);
		return;
	}
	let_go_of_channel(a); /* the rest is said by its death */
	if (!a->is_over && a->death.fd >= 0)
		a->patience = now + EXIT_PATIENCE;
}

void
active_turn(struct active *a, usec_t now)
{
	if (a->is_by_record) {
		by_record_turn(a, now);
		return;
	}
	if (a->patience != 0 && now >= a->patience) {
		a->patience = 0;
		if (!a->is_over)
			give_up_on_holder(a, "did not answer in time", now);
		else if (a->death.fd >= 0)
			child_kill(a->death.fd);
	}
	/* a holder that hangs while its fault is in force may do more than was asked */
	if (a->status.state != FAULT_ACTIVE || a->is_told || a->is_by_record)
		return;
	if (a->ping_sent != a->ping_back &&
	    now >= a->ping_next + PING_PATIENCE - PING_EVERY)
		give_up_on_holder(a, "hangs", now);
	else if (a->ping_sent == a->ping_back && now >= a->ping_next)
		active_ping(a, now);
}

usec_t
active_next(const struct active *a)
{
	usec_t next = timeline_next(&a->span);

	if (a->is_by_record)
		return by_record_next(a);
	if (a->patience != 0 && a->patience < next)
		next = a->patience;
	if (a->status.state == FAULT_ACTIVE && !a->is_told) {
		usec_t ping =
		    a->ping_next +
		    (a->ping_sent != a->ping_back ? PING_PATIENCE - PING_EVERY : 0);

		next = ping < next ? ping : next;
	}
	return next;
}

bool
active_has_failed(const struct active *a)
{
	return a->status.outcome != OUTCOME_DONE && a->status.active == 0;
}

bool
active_is_disarmed(const struct active *a)
{
	return a->is_over || a->status.state == FAULT_DISARMED;
}

bool
active_is_settled(const struct active *a)
{
	return a->is_over || a->status.state == FAULT_STUCK;
}

bool
active_is_reaped(const struct active *a)
{
	return a->is_over && a->death.fd < 0 && a->undoer.fd < 0;
}
