/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drill and its agent: finding it, arming, trying the way of an abort, firing, keeping
 * the lease, and losing it.  Calls that wait are made only while nothing is in force; from
 * fire on everything goes over the hot connection.
 */
#include "cleanup.h"
#include "drill.h"
#include "err.h"
#include "xalloc.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define SELFTEST_MAX USEC_PER_SEC
#define LOOK_AFTER   (20 * USEC_PER_MSEC)

bool
agent_connect(struct drill *d)
{
	struct err e = { 0 };

	if (d->x->fault_count == 0)
		return true;
	int r = agent_find(&d->agent, &d->o->agent, &e);
	if (r == 0) {
		d->has_agent = true;
		r = client_open(&d->client, d->agent.socket, &e);
	}
	if (r < 0) {
		d->found.refused = true;
		drill_say(d, EVENT_ERROR, NULL, "%s", e.msg);
		return false;
	}
	drill_say(d, EVENT_NOTE, "agent", "%s at %s",
	    d->agent.is_embedded ? "embedded stormd" : "stormd", d->agent.socket);
	loop_check_signals(d);
	return d->stop == STOP_NOT;
}

/* --- arm ------------------------------------------------------------------------------ */

static void
who_am_i(char *buf, size_t size)
{
	const struct passwd *pw = getpwuid(getuid());
	char host[NAME_MAX_LEN] = "?";

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(buf, size, "%.30s@%.30s", pw != NULL ? pw->pw_name : "?", host);
}

/* An error of the agent before anything was injected. */
static void
refuse(struct drill *d, const struct err *e)
{
	if (e->outcome == OUTCOME_STUCK)
		d->found.undo_failed = true;
	else
		d->found.refused = true;
	d->is_invalid = e->outcome == OUTCOME_INVALID;
	drill_say(d, EVENT_ERROR, NULL, "%s", e->msg);
}

static void
say_armed(struct drill *d, const struct drill_view *v)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct fault_status *f = &v->fault[i];
		struct event ev = drill_event(d, EVENT_ARMED, f->name, "%s%s%s",
		    f->summary, f->note[0] != '\0' ? "; " : "", f->note);

		event_num(&ev, "at_us", (double)d->x->faults[i].spec.at);
		event_num(&ev, "for_us", (double)d->x->faults[i].spec.duration);
		drill_emit(d, &ev);
	}
}

static int
send_arm(
    struct drill *d, const char *id, bool rehearse, struct drill_view *v, struct err *e)
{
	struct arm_request r = {
		.lease_ms = d->lease_ms,
		.rehearse = rehearse,
		.count = d->x->fault_count,
	};

	(void)snprintf(r.drill, sizeof(r.drill), "%s", id);
	(void)snprintf(r.name, sizeof(r.name), "%s", d->x->name);
	who_am_i(r.who, sizeof(r.who));
	(void)snprintf(
	    r.reason, sizeof(r.reason), "%s", d->o->reason != NULL ? d->o->reason : "");
	_cleanup_free_ struct spec *specs = xcalloc(r.count, sizeof(*specs));
	for (size_t i = 0; i < r.count; i++)
		specs[i] = d->x->faults[i].spec;
	r.faults = specs;
	return client_arm(d->client, &r, v, e);
}

/* A no-op abort down the real path: what cannot be stopped is not started. */
static bool
selftest(struct drill *d)
{
	struct err e = { 0 };
	usec_t took = 0;
	int r = client_selftest(d->client, d->id, &took, &e);

	if (r < 0) {
		refuse(d, &e);
		return false;
	}
	struct event v = drill_event(d, EVENT_SELFTEST, NULL, NULL);
	event_num(&v, "round_trip_us", (double)took);
	drill_emit(d, &v);
	if (took <= SELFTEST_MAX)
		return true;
	d->found.refused = true;
	drill_say(d, EVENT_ERROR, NULL,
	    "an abort would take %.1f s to get through: nothing is injected that cannot be "
	    "stopped",
	    (double)took / (double)USEC_PER_SEC);
	return false;
}

/* The way of an abort: opened, tried with a no-op abort, and from then on watched. */
static bool
go_hot(struct drill *d)
{
	struct err e = { 0 };
	int r = client_hot_open(d->client, d->id, &e);

	if (r < 0) {
		refuse(d, &e);
		return false;
	}
	if (!selftest(d))
		return false;
	r = loop_watch_agent(d, &e);
	if (r < 0) {
		refuse(d, &e);
		return false;
	}
	d->is_hot = true;
	agent_renew(d);
	return true;
}

/* A rehearsal under another id: what would be refused is refused now, and not after the
 * minutes that `before` may take. */
bool
agent_preview(struct drill *d)
{
	struct drill_view v = { 0 };
	struct err e = { 0 };
	char id[UUID_LEN];

	if (!d->has_agent || d->o->rehearse || d->x->steady.before == 0)
		return true;
	uuid_make(id);
	int r = send_arm(d, id, true, &v, &e);
	drill_view_release(&v);
	if (r < 0)
		refuse(d, &e);
	return r == 0;
}

bool
agent_arm(struct drill *d)
{
	struct drill_view v = { 0 };
	struct err e = { 0 };

	if (!d->has_agent)
		return d->stop == STOP_NOT;
	int r = send_arm(d, d->id, d->o->rehearse, &v, &e);
	if (r < 0) {
		drill_view_release(&v);
		refuse(d, &e);
		return false;
	}
	d->is_armed = !d->o->rehearse;
	say_armed(d, &v);
	d->status = v.drill;
	d->fault_count = v.count;
	memcpy(d->fault, v.fault, sizeof(d->fault));
	drill_view_release(&v);
	if (d->o->rehearse) {
		drill_say(d, EVENT_NOTE, NULL, "a rehearsal: nothing will be injected");
		return d->stop == STOP_NOT;
	}
	loop_check_signals(d);
	return d->stop == STOP_NOT && go_hot(d);
}

/* A renewal's answer says how the faults are: one is due soon after each planned change. */
static usec_t
next_renewal(const struct drill *d)
{
	usec_t now = clock_boottime(), next = now + d->lease_ms * USEC_PER_MSEC / 3;

	for (size_t i = 0; d->fired != 0 && i < d->fault_count; i++) {
		const struct spec *s = &d->x->faults[i].spec;
		usec_t begin = d->fired + s->at + LOOK_AFTER, end = begin + s->duration;

		next = begin > now && begin < next ? begin : next;
		next = end > now && end < next ? end : next;
	}
	return next;
}

bool
agent_fire(struct drill *d)
{
	struct drill_view v = { 0 };
	struct err e = { 0 };

	if (!d->is_armed)
		return d->stop == STOP_NOT;
	int r = client_fire(d->client, d->id, &v, &e);
	if (r < 0) {
		drill_view_release(&v);
		refuse(d, &e);
		return false;
	}
	if (v.drill.fired_at != 0)
		d->fired = v.drill.fired_at;
	struct event ev = drill_event(d, EVENT_FIRED, NULL, "the timeline starts");
	drill_stamp(d, &ev, d->fired);
	drill_emit(d, &ev);
	agent_view(d, &v);
	drill_view_release(&v);
	d->next_renew = next_renewal(d);
	return true;
}

/* --- while it runs -------------------------------------------------------------------- */

static void
leave_hot(struct drill *d)
{
	if (!d->is_hot)
		return;
	d->is_hot = false;
	(void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, client_hot_fd(d->client), NULL);
}

void
agent_renew(struct drill *d)
{
	struct err e = { 0 };

	d->next_renew = next_renewal(d);
	if (client_hot_renew(d->client, &e) < 0)
		agent_lost(d, e.msg);
}

void
agent_answer(struct drill *d)
{
	for (;;) {
		struct drill_view v = { 0 };
		struct err e = { 0 };
		bool was_undo = false;
		int r = client_hot_read(d->client, &was_undo, &v, &e);

		if (r == 0)
			return;
		if (r == -ECONNRESET) {
			agent_lost(d, e.msg);
			return;
		}
		/* Any other error is an answer: what was asked did not work, and the drill
		 * beside it says why. */
		d->undo_answered = d->undo_answered || was_undo;
		agent_view(d, &v);
		drill_view_release(&v);
	}
}

void
agent_poll(struct drill *d)
{
	struct drill_view v = { 0 };
	struct err e = { 0 };

	int r = client_show(d->client, d->id, false, &v, &e);
	if (r < 0 && v.drill.drill[0] == '\0')
		agent_lost(d, e.msg);
	else
		agent_view(d, &v);
	drill_view_release(&v);
}

void
agent_lost(struct drill *d, const char *why)
{
	leave_hot(d);
	if (d->found.agent_lost || d->status.ended)
		return;
	d->found.agent_lost = true;
	if (d->stop == STOP_NOT)
		abort_now(d, STOP_AGENT);
	drill_say(d, EVENT_ERROR, NULL, "the agent is lost: %s", why);
}

/* --- the end -------------------------------------------------------------------------- */

static void
undo_without_agent(struct drill *d)
{
	struct err e = { 0 };

	if (!d->agent.is_embedded) {
		drill_say(d, EVENT_ERROR, NULL,
		    "its lease and its guardian undo the faults; stormctl status shows, and "
		    "as root stormd-undo --all makes sure");
		return;
	}
	if (agent_recover(&d->agent, &e) == 0) {
		drill_say(d, EVENT_NOTE, NULL,
		    "stormd-undo has been over the host: nothing is left behind");
		return;
	}
	d->found.undo_failed = true;
	drill_say(d, EVENT_ERROR, NULL, "%s", e.msg);
}

void
agent_end(struct drill *d)
{
	struct err e = { 0 };

	leave_hot(d);
	client_free(d->client);
	d->client = NULL;
	if (!d->has_agent)
		return;
	if (d->found.agent_lost && !d->status.ended) {
		undo_without_agent(d);
	} else if (d->agent.is_embedded && agent_leave(&d->agent, &e) < 0) {
		d->found.undo_failed = true;
		drill_say(d, EVENT_ERROR, NULL, "%s", e.msg);
	}
}
