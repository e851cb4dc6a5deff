/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_FLEET_H
#define FAKE_FLEET_H
/*
 * Agents to talk to, for tests of whole drills: fleet.h and embed.h as a drill sees them,
 * each agent with one fault that can break the shop.  Defined here, they stand in for the
 * real ones, which the linker then leaves in their archive.
 *
 * Every question and every answer takes a number, so that a test can say what came before
 * what without a clock.
 */
#include "cleanup.h"
#include "clock.h"
#include "embed.h"
#include "err.h"
#include "fake_shop.h"
#include "fleet.h"
#include "hosts.h"
#include "kind.h"
#include "spec_json.h"
#include "xalloc.h"
#include <errno.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FAKES_MAX   32
#define ANSWERS_MAX 512

/* When it is gone without a word. */
enum death { LIVES, DIES_AT_STATUS, DIES_AT_ARM, DIES_AT_FIRE, DIES_LATER, DIES_AT_UNDO };

static struct fake_agent {
	/* how it is to behave */
	bool breaks_shop, has_no_effect, refuses, refuses_to_fire, is_dirty, stays_broken;
	bool is_slow_to_answer, talks_nonsense, cannot_apply, is_here, is_twin;
	bool interrupts; /* as one who presses Ctrl-C while the fault is in force */
	bool comes_back; /* once it was lost, undone by its lease */
	enum death dies;
	usec_t lasts, arm_takes, undo_takes, late; /* late: after the moment to fire at */
	/* how it is */
	bool is_dead, is_lost, is_warm, undo_asked, undo_was_breach, renewed;
	unsigned rehearsals, arms, fires, recoveries, leaves;
	unsigned asked[FLEET_ASKS], answered[FLEET_ASKS]; /* the number of the first */
	usec_t fire_at;
	struct drill_view view;
} agents[FAKES_MAX];

/* The one of a drill on one host. */
static struct fake_agent *const agent = &agents[0];

struct fleet {
	struct fleet_options o;
	int timer;
	size_t count, waiting;
	unsigned number;
	struct {
		size_t host;
		enum fleet_ask what;
		usec_t due;
		bool rehearse;
	} queue[ANSWERS_MAX];
};

/* --- its fault ------------------------------------------------------------------------ */

static void
end_fault(struct fake_agent *a, usec_t at, enum undo_cause cause)
{
	struct fault_status *f = &a->view.fault[0];

	if (f->state == FAULT_GONE || a->view.drill.ended)
		return;
	f->told = f->disarmed = f->undone = at;
	f->clean = at + 1000;
	f->state = FAULT_GONE;
	f->effect = a->has_no_effect || f->active == 0 ? 0 : 17;
	f->dirty = a->is_dirty;
	if (a->is_dirty)
		(void)snprintf(f->err.msg, sizeof(f->err.msg), "a chain is left");
	a->view.drill.ended = 1;
	a->view.drill.undo_told = at;
	a->view.drill.cause = (uint8_t)cause;
	if (!a->stays_broken && a->breaks_shop)
		atomic_store(&shop.is_broken, false);
}

static void
apply(struct fake_agent *a)
{
	struct fault_status *f = &a->view.fault[0];

	if (a->cannot_apply) {
		f->outcome = OUTCOME_FAILED;
		(void)snprintf(f->err.msg, sizeof(f->err.msg), "no such device");
		end_fault(a, a->view.drill.fired_at, UNDO_ERROR);
		return;
	}
	f->active = a->view.drill.fired_at;
	f->state = FAULT_ACTIVE;
	atomic_store(&shop.is_broken, a->breaks_shop || atomic_load(&shop.is_broken));
}

static void
age(struct fake_agent *a)
{
	struct drill_status *s = &a->view.drill;
	usec_t now = clock_boottime();

	if (!s->fired || s->ended || now < s->fired_at)
		return;
	if (a->view.fault[0].active == 0)
		apply(a);
	if (now >= s->fired_at + a->lasts)
		end_fault(a, s->fired_at + a->lasts, UNDO_END);
}

/* --- embed.h -------------------------------------------------------------------------- */

int
agent_find(struct agent *a, const struct agent_options *o, struct err *e)
{
	(void)o, (void)e;
	a->is_embedded = true;
	a->pidfd = a->lifeline = -1;
	return 0;
}

int
agent_leave(struct agent *a, struct err *e)
{
	(void)a, (void)e;
	agents[0].leaves++;
	return 0;
}

int
agent_recover(struct agent *a, struct err *e)
{
	(void)a, (void)e;
	agents[0].recoveries++;
	atomic_store(&shop.is_broken, false);
	return 0;
}

/* --- fleet.h -------------------------------------------------------------------------- */

void
drill_view_release(struct drill_view *v)
{
	(void)v;
}

/* The real one is in a file with all of the command line behind it. */
void
hosts_endpoint(const struct host *h, struct endpoint *ret)
{
	*ret = (struct endpoint){ h->name, NULL, h->address, h->port };
}

int
fleet_open(struct fleet **ret, const struct fleet_options *o, struct err *e)
{
	struct fleet *f = xcalloc(1, sizeof(*f));

	(void)e;
	f->o = *o;
	f->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	assert_true(f->timer >= 0);
	*ret = f;
	return 0;
}

void
fleet_free(struct fleet *f)
{
	if (f == NULL)
		return;
	(void)close(f->timer);
	free(f);
}

int
fleet_add(struct fleet *f, const struct endpoint *p, struct err *e)
{
	(void)e;
	assert_true(p->socket != NULL || p->port != 0 || f->count > 0);
	assert_true(f->count < FAKES_MAX);
	return (int)f->count++;
}

int
fleet_fd(const struct fleet *f)
{
	return f->timer;
}

usec_t
fleet_heard(const struct fleet *f, size_t host)
{
	(void)f, (void)host;
	return clock_boottime();
}

static void
set_timer(struct fleet *f)
{
	struct itimerspec ts = { 0 };
	usec_t next = USEC_INFINITY;

	for (size_t i = 0; i < f->waiting; i++)
		next = f->queue[i].due < next ? f->queue[i].due : next;
	if (next != USEC_INFINITY) {
		ts.it_value.tv_sec = (time_t)(next / USEC_PER_SEC);
		ts.it_value.tv_nsec = (long)(next % USEC_PER_SEC * 1000 + 1);
	}
	(void)timerfd_settime(f->timer, TFD_TIMER_ABSTIME, &ts, NULL);
}

static void
put_question(struct fleet *f, size_t host, enum fleet_ask what, bool rehearse)
{
	struct fake_agent *a = &agents[host];
	bool is_undo = what == FLEET_UNDO || what == FLEET_BREACH;
	bool is_arm = what == FLEET_ARM && !rehearse;

	assert_true(f->waiting < ANSWERS_MAX);
	if (a->asked[what] == 0)
		a->asked[what] = ++f->number;
	f->queue[f->waiting].host = host;
	f->queue[f->waiting].what = what;
	f->queue[f->waiting].rehearse = rehearse;
	f->queue[f->waiting++].due = clock_boottime() + (is_undo ? a->undo_takes : 0) +
				     (is_arm ? a->arm_takes : 0);
	set_timer(f);
}

void
fleet_arm(struct fleet *f, size_t host, const struct arm_request *r)
{
	struct fake_agent *a = &agents[host];
	struct fault_status *s = &a->view.fault[0];

	put_question(f, host, FLEET_ARM, r->rehearse);
	if (r->rehearse)
		return;
	a->view.count = 1;
	(void)snprintf(a->view.drill.drill, UUID_LEN, "%s", r->drill);
	(void)snprintf(s->name, sizeof(s->name), "%s", r->faults[0].name);
	(void)snprintf(s->kind, sizeof(s->kind), "%s", kind_net_delay.name);
	(void)snprintf(s->effect_unit, sizeof(s->effect_unit), "packets");
	s->state = FAULT_STAGED;
	s->staged = clock_boottime();
}

void
fleet_look(struct fleet *f, size_t host, const char *drill, bool wait_ended)
{
	(void)drill;
	put_question(f, host, wait_ended ? FLEET_WAIT : FLEET_LOOK, false);
}

void
fleet_get(struct fleet *f, size_t host, enum fleet_ask what)
{
	put_question(f, host, what, false);
}

void
fleet_warm(struct fleet *f, size_t host, const char *drill)
{
	(void)drill;
	agents[host].is_warm = true;
	put_question(f, host, FLEET_SHOW, false);
}

void
fleet_cool(struct fleet *f, size_t host)
{
	(void)f;
	agents[host].is_warm = false;
}

int
fleet_ask(struct fleet *f, size_t host, enum fleet_ask what, struct err *e)
{
	if (!agents[host].is_warm)
		return err_set(e, -ENOTCONN, "there is no connection to it");
	put_question(f, host, what, false);
	return 0;
}

int
fleet_fire(struct fleet *f, size_t host, usec_t at, struct err *e)
{
	agents[host].fire_at = at;
	return fleet_ask(f, host, FLEET_FIRE, e);
}

/* --- what they do --------------------------------------------------------------------- */

static bool
is_its_death(const struct fake_agent *a, enum fleet_ask what, bool rehearse)
{
	switch (a->dies) {
	case DIES_AT_STATUS:
		return what == FLEET_STATUS;
	case DIES_AT_ARM:
		return what == FLEET_ARM && !rehearse;
	case DIES_AT_FIRE:
		return what == FLEET_FIRE;
	case DIES_LATER:
		return what == FLEET_RENEW && a->fires > 0;
	case DIES_AT_UNDO:
		return what == FLEET_UNDO || what == FLEET_BREACH;
	default:
		return false;
	}
}

static void
do_as_asked(struct fake_agent *a, enum fleet_ask what)
{
	switch (what) {
	case FLEET_FIRE:
		if (a->refuses_to_fire)
			break;
		a->fires++;
		a->view.drill.fired = 1;
		a->view.drill.fired_at =
		    (a->fire_at != 0 ? a->fire_at : clock_boottime()) + a->late;
		break;
	case FLEET_RENEW:
		a->renewed = true;
		if (a->interrupts && a->fires > 0)
			(void)kill(getpid(), SIGINT);
		break;
	case FLEET_UNDO:
	case FLEET_BREACH:
		a->undo_asked = true;
		a->undo_was_breach = what == FLEET_BREACH;
		end_fault(
		    a, clock_boottime(), what == FLEET_BREACH ? UNDO_BREACH : UNDO_ASKED);
		break;
	default:
		break;
	}
}

static json_t *
status_of(const struct fake_agent *a)
{
	struct agent_status s = { .version = "1.2.3", .boot_id = "another" };
	struct err e;

	s.netns = a->is_twin ? 1 : 1 + (uint64_t)(a - agents);
	if (a->is_here) {
		assert_int_equal(clock_boot_id(s.boot_id, &e), 0);
		s.netns = netns_inode();
	}
	return agent_status_to_json(&s);
}

static void
judge_arming(struct fake_agent *a, bool rehearse, struct fleet_answer *ret)
{
	if (a->refuses) {
		(void)err_refused(&ret->err, "policy does not allow net.partition");
		ret->has_view = !rehearse; /* it is there beside an error, too */
		end_fault(a, clock_boottime(), UNDO_ERROR);
		return;
	}
	if (rehearse) {
		a->rehearsals++;
		return;
	}
	a->arms++;
	ret->has_view = true;
}

/* One that is dead says nothing; a plain question to it fails, and its warm connection is
 * found broken. */
static void
answer_for_the_dead(struct fleet *f, size_t host, struct fleet_answer *ret)
{
	struct fake_agent *a = &agents[host];
	struct err why;

	(void)err_set(&why, -EPIPE, "the agent is lost: it hung up");
	if (a->talks_nonsense)
		(void)err_set(&why, -EPROTO, "what answers is no agent");
	a->is_dead = true;
	if (ret->what >= FLEET_WARM_ASKS) {
		ret->err = why;
		ret->json = NULL;
		f->o.on_answer(f->o.ctx, ret);
	} else if (!a->is_lost) {
		a->is_lost = true;
		a->is_warm = false;
		f->o.on_lost(f->o.ctx, host, &why);
	}
}

static void
give_answer(struct fleet *f, size_t host, enum fleet_ask what, bool rehearse)
{
	struct fake_agent *a = &agents[host];
	json_t *j = what == FLEET_STATUS ? status_of(a) : json_object();
	struct fleet_answer r = {
		.host = host, .what = what, .view = &a->view, .json = j
	};

	if (a->is_dead && a->comes_back && what == FLEET_LOOK) {
		end_fault(a, clock_boottime(), UNDO_LEASE);
		a->is_dead = false;
		a->dies = LIVES;
	}
	if (a->is_dead || is_its_death(a, what, rehearse)) {
		answer_for_the_dead(f, host, &r);
		json_decref(j);
		return;
	}
	age(a);
	do_as_asked(a, what);
	age(a);
	if (a->answered[what] == 0)
		a->answered[what] = ++f->number;
	if (what == FLEET_ARM)
		judge_arming(a, rehearse, &r);
	else if (what == FLEET_FIRE && a->refuses_to_fire)
		(void)err_set(&r.err, -EALREADY, "it was undone before");
	else if (what == FLEET_SHOW && a->arms == 0)
		(void)err_set(&r.err, -ENOENT, "there is no such drill");
	else
		r.has_view = what != FLEET_STATUS;
	r.answered = clock_boottime();
	r.asked =
	    r.answered -
	    (what == FLEET_SELFTEST && a->is_slow_to_answer ? 2 * USEC_PER_SEC : 400);
	f->o.on_answer(f->o.ctx, &r);
	json_decref(j);
}

void
fleet_run(struct fleet *f)
{
	usec_t now = clock_boottime();
	uint64_t times;

	(void)!read(f->timer, &times, sizeof(times));
	for (size_t i = 0; i < f->waiting;) {
		size_t host = f->queue[i].host;
		enum fleet_ask what = f->queue[i].what;
		bool rehearse = f->queue[i].rehearse;

		if (f->queue[i].due > now) {
			i++;
			continue;
		}
		f->waiting--;
		memmove(&f->queue[i], &f->queue[i + 1],
		    (f->waiting - i) * sizeof(f->queue[0]));
		give_answer(f, host, what, rehearse);
	}
	set_timer(f);
}

#endif
