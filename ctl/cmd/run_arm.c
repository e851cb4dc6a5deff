/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming: everywhere or nowhere.  Each host gets its part of the timeline, prepares and
 * stages it, and nothing has any effect yet.  Once it has armed its lease runs, so its warm
 * connection is opened meanwhile: on a busy machine the handshake alone can outlast a
 * lease.  Then the way of an abort is tried on all of them.
 */
#include "cleanup.h"
#include "drill.h"
#include "xalloc.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#define ARM_PATIENCE (70 * USEC_PER_SEC) /* the fleet gives up on an answer before */
#define TRY_PATIENCE (5 * USEC_PER_SEC)
#define SELFTEST_MAX USEC_PER_SEC

static size_t
index_of(const struct party *p)
{
	return (size_t)(p - p->d->parties);
}

/* --- asking --------------------------------------------------------------------------- */

static void
who_am_i(char *buf, size_t size)
{
	const struct passwd *pw = getpwuid(getuid());
	char host[NAME_MAX_LEN] = "?";

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(buf, size, "%.30s@%.30s", pw != NULL ? pw->pw_name : "?", host);
}

static void
ask_to_arm(struct party *p, const char *id, bool rehearse)
{
	struct drill *d = p->d;
	_cleanup_free_ struct spec *specs = xcalloc(p->row->count, sizeof(*specs));
	struct arm_request r = {
		.lease_ms = d->lease_ms,
		.rehearse = rehearse,
		.count = p->row->count,
		.faults = specs,
	};

	(void)snprintf(r.drill, sizeof(r.drill), "%s", id);
	(void)snprintf(r.name, sizeof(r.name), "%s", d->x->name);
	who_am_i(r.who, sizeof(r.who));
	(void)snprintf(
	    r.reason, sizeof(r.reason), "%s", d->o->reason != NULL ? d->o->reason : "");
	for (size_t i = 0; i < r.count; i++)
		specs[i] = *p->row->spec[i];
	p->is_asked = true;
	p->is_arming = !rehearse;
	if (!rehearse)
		fleet_warm(d->fleet, index_of(p), id);
	fleet_arm(d->fleet, index_of(p), &r);
}

/* A rehearsal under another id: what would be refused is refused now, and not after the
 * minutes that `before` may take. */
bool
parties_preview(struct drill *d)
{
	char id[UUID_LEN];

	if (d->o->rehearse || d->x->steady.before == 0)
		return d->stop == STOP_NOT;
	uuid_make(id);
	FOR_EACH_PARTY(d, p)
		ask_to_arm(p, id, true);
	parties_await(d, STEP_PREVIEW, ARM_PATIENCE);
	return parties_agree(d);
}

/* In the words of the file: on each host `to` may be something else. */
static void
say_armed_everywhere(struct drill *d, size_t fault)
{
	const struct fault_def *f = &d->x->faults[fault];
	const char *how = f->topology != TOPOLOGY_NONE ? topology_name(f->topology) : "";
	char what[300], where[NAME_MAX_LEN];
	struct event v = drill_event(d, EVENT_ARMED, f->spec.name, "%s%s%s%s%s on %s",
	    spec_describe(&f->spec, what, sizeof(what)),
	    how[0] != '\0' ? " topology=" : "", how,
	    f->against[0] != '\0' ? " against=" : "", f->against,
	    fault_hosts(d, fault, where, sizeof(where)));

	event_num(&v, "hosts", (double)d->progress[fault].hosts);
	event_num(&v, "begin_us", (double)f->spec.at);
	event_num(&v, "for_us", (double)f->spec.duration);
	drill_emit(d, &v);
}

bool
parties_arm(struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		ask_to_arm(p, d->id, d->o->rehearse);
	parties_await(d, STEP_ARM, ARM_PATIENCE);
	if (!parties_agree(d))
		return false;
	if (d->party_count > 1)
		drill_say(d, EVENT_PHASE, "armed", "on %zu hosts", d->party_count);
	for (size_t i = 0; d->party_count > 1 && i < d->x->fault_count; i++)
		say_armed_everywhere(d, i);
	if (d->o->rehearse && d->party_count > 0)
		drill_say(d, EVENT_NOTE, NULL, "a rehearsal: nothing will be injected");
	return true;
}

/* --- answers -------------------------------------------------------------------------- */

static void
say_armed(const struct party *p, const struct drill_view *v)
{
	for (size_t i = 0; i < v->count && i < p->row->count; i++) {
		const struct fault_status *f = &v->fault[i];
		struct event ev = party_event(p, EVENT_ARMED, f->name, "%s%s%s",
		    f->summary, f->note[0] != '\0' ? "; " : "", f->note);

		event_num(&ev, "begin_us", (double)p->row->spec[i]->at);
		event_num(&ev, "for_us", (double)p->row->spec[i]->duration);
		drill_emit(p->d, &ev);
	}
}

/* Whether it armed is known when it said so, or when it was never even asked. */
static bool
is_uncertain(const struct fleet_answer *a)
{
	switch (a->err.code) {
	case 0:
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -EACCES:
	case -EAGAIN:
	case -ENOENT:
		return false;
	default:
		return a->json == NULL || a->err.code == -EPROTO;
	}
}

/* From here on its lease runs. */
static void
hold(struct party *p)
{
	struct drill *d = p->d;

	p->is_armed = true;
	d->next_renew = clock_boottime();
	if (d->stop != STOP_NOT) /* which was decided without it */
		abort_now(d, d->stop);
}

void
party_arm_answer(struct party *p, const struct fleet_answer *a)
{
	struct drill *d = p->d;
	bool is_real = p->is_arming;

	p->is_arming = false;
	if (a->err.code < 0)
		p->why = a->err;
	else if (a->has_view && a->view->count != p->row->count)
		(void)err_set(&p->why, -EPROTO, "the agent armed %zu of %zu faults",
		    a->view->count, p->row->count);
	p->is_asked = is_real && p->why.code == 0 && !p->is_warm;
	if ((is_real || d->o->rehearse) && a->err.code == 0 && a->has_view)
		say_armed(p, a->view);
	if (is_real && a->err.code == 0) {
		hold(p);
	} else if (is_real) {
		fleet_cool(d->fleet, index_of(p));
		if (is_uncertain(a))
			party_seek(p);
	}
}

/* It is there, even if it does not know the drill yet; or it never will be: then only the
 * undo still wanted it. */
void
party_warm_answer(struct party *p, const struct fleet_answer *a)
{
	struct drill *d = p->d;
	bool is_there = a->err.code == 0 || a->json != NULL;

	p->is_warm = p->is_warm || is_there;
	if (d->step == STEP_ARM && p->is_asked) {
		p->is_asked = p->is_arming;
		if (!is_there)
			p->why = a->err;
		d->next_renew = clock_boottime();
	} else if (!is_there) {
		party_lost(p, a->err.msg);
	}
}

/* --- the way of an abort -------------------------------------------------------------- */

void
party_try_answer(struct party *p, const struct fleet_answer *a)
{
	if (p->d->step != STEP_TRY || !p->is_asked)
		return;
	p->is_asked = false;
	p->why = a->err;
	if (a->err.code < 0)
		return;
	p->round_trip = a->answered - a->asked;
	if (p->round_trip > SELFTEST_MAX)
		(void)err_refused(&p->why,
		    "an abort would take %.1f s to get through: nothing is injected that "
		    "cannot be stopped",
		    (double)p->round_trip / (double)USEC_PER_SEC);
}

static void
say_tried(struct drill *d)
{
	const struct party *slowest = d->parties;

	FOR_EACH_PARTY(d, p) {
		struct event v = party_event(p, EVENT_SELFTEST, NULL, NULL);

		if (p->round_trip == 0)
			continue;
		event_num(&v, "round_trip_us", (double)p->round_trip);
		drill_emit(d, &v);
		slowest = p->round_trip > slowest->round_trip ? p : slowest;
	}
	if (d->party_count < 2 || slowest->round_trip == 0)
		return;
	struct event v =
	    drill_event(d, EVENT_SELFTEST, NULL, "the slowest is %s", slowest->name);
	event_num(&v, "hosts", (double)d->party_count);
	event_num(&v, "round_trip_us", (double)slowest->round_trip);
	drill_emit(d, &v);
}

/* A no-op abort down the real path, on all at once: what cannot be stopped is not started. */
bool
parties_try(struct drill *d)
{
	if (parties_armed(d) == 0)
		return d->stop == STOP_NOT;
	FOR_EACH_PARTY(d, p) {
		p->is_asked = true;
		if (fleet_ask(d->fleet, index_of(p), FLEET_SELFTEST, &p->why) < 0)
			p->is_asked = false;
	}
	parties_await(d, STEP_TRY, TRY_PATIENCE);
	say_tried(d);
	return parties_agree(d);
}
