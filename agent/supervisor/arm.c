/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming: all the checks that need no holder, in the order in which a person would want to
 * hear of them, and all of them before anything is started.  Locks come last, so that a
 * refused drill has never held any.
 */
#include "api.h"
#include "drill.h"
#include "err.h"
#include "ident.h"
#include "kind.h"
#include "log.h"
#include "resources.h"
#include "super.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known stands before what is said: nobody can claim another's certificate. */
static void
name_who(struct drill_status *d, const struct msg_arm *m)
{
	if (m->head.role == ROLE_LOCAL)
		snprintf(d->who, sizeof(d->who), "%s", m->who);
	else
		snprintf(d->who, sizeof(d->who), "%s (by certificate)%s%s", m->head.name,
		    m->who[0] != '\0' ? ", " : "", m->who);
}

struct drill *
drill_new(struct super *s, const struct msg_arm *m)
{
	struct drill *d = xcalloc(1, sizeof(*d) + (size_t)m->count * sizeof(d->fault[0]));

	d->super = s;
	d->controller_pid = m->pid;
	memcpy(d->status.drill, m->drill, sizeof(d->status.drill));
	memcpy(d->status.name, m->name, sizeof(d->status.name));
	name_who(&d->status, m);
	memcpy(d->status.reason, m->reason, sizeof(d->status.reason));
	d->status.uid = m->head.uid;
	d->status.fault_count = m->count;
	d->status.rehearse = m->rehearse != 0;
	d->status.lease_ms = m->lease_ms;
	locks_init(&d->locks, s->rundir.locks_dir);
	return d;
}

void
drill_free(struct drill *d)
{
	if (d == NULL)
		return;
	locks_release(&d->locks);
	free(d);
}

void
drill_add(struct drill *d, const struct spec *spec)
{
	active_init(&d->fault[d->count++], d->super, spec);
}

/* "fault 'slow-db' (net.delay): …" */
static int
blame(const struct active *a, struct err *e)
{
	return err_wrap(e, "fault '%s' (%s)", a->spec.name, a->spec.kind);
}

static int
check_agent(const struct drill *d, usec_t now, struct err *e)
{
	struct super *s = d->super;
	char left[32];

	if (s->is_stopping)
		(void)err_refused(e, "this agent is stopping");
	else if (rundir_is_halted(&s->rundir))
		(void)err_refused(e, "this host is halted (stormctl resume ends that)");
	else if (now < s->refuse_until)
		(void)err_refused(e,
		    "the agent's front broke its protocol: no new drills for another %s",
		    format_usec((s->refuse_until - now) / USEC_PER_SEC * USEC_PER_SEC +
				    USEC_PER_SEC,
			left, sizeof(left)));
	else if (s->guard.death.fd < 0)
		(void)err_refused(e, "the agent has no guardian, and no net is no drill");
	else
		return 0;
	e->code = -ESHUTDOWN;
	return e->code;
}

static int
check_room(const struct drill *d, struct err *e)
{
	unsigned live = super_live_faults(d->super), drills = 0;

	FOR_EACH_DRILL(d->super, other) {
		drills += other->status.ended == 0;
	}
	if (drills >= DRILLS_MAX)
		(void)err_refused(e, "%u drills are live already", drills);
	else if (live + d->count > d->super->policy.max_faults)
		(void)err_refused(e,
		    "%zu faults beside %u live ones are more than the %u %s", d->count,
		    live, d->super->policy.max_faults,
		    d->super->policy.has_file ? "of max-faults in the policy" :
						"an agent holds");
	else
		return 0;
	e->code = -EUSERS;
	return e->code;
}

static int
check_faults(const struct drill *d, struct err *e)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct spec *s = &d->fault[i].spec;

		if (parse_name(s->name, e) != 0 ||
		    policy_check(&d->super->policy, s, e) != 0)
			return blame(&d->fault[i], e);
		for (size_t j = 0; j < i; j++) {
			const struct spec *other = &d->fault[j].spec;

			if (strcmp(s->name, other->name) == 0)
				return err_invalid(
				    e, "two faults are named '%s'", s->name);
			if (timeline_overlap(s, other) && resources_shared(s, other))
				return err_invalid(e,
				    "faults '%s' and '%s' (%s) need the same thing at one time",
				    other->name, s->name, s->kind);
		}
	}
	return 0;
}

static bool
is_id_taken(const struct drill *d, const char *id)
{
	FOR_EACH_DRILL(d->super, other) {
		for (size_t i = 0; i < other->count; i++) {
			if (!other->fault[i].is_over &&
			    strcmp(other->fault[i].spec.id, id) == 0)
				return true;
		}
	}
	for (size_t i = 0; i < d->count; i++) {
		if (strcmp(d->fault[i].spec.id, id) == 0)
			return true;
	}
	return rundir_has_record(&d->super->rundir, id);
}

struct taking {
	struct drill *d;
	struct lock_owner owner;
};

static int
take(void *ctx, const char *resource, struct err *e)
{
	struct taking *t = ctx;

	return locks_take(&t->d->locks, resource, &t->owner, e);
}

/* The id is locked host-wide as well: kernel objects are named after it. */
static int
take_id(struct taking *t, struct active *a, struct err *e)
{
	char lock[32];

	for (unsigned attempt = 0; attempt < 16; attempt++) {
		char id[FAULT_ID_LEN];

		fault_id_make(t->d->status.drill, a->spec.name, attempt, id);
		snprintf(lock, sizeof(lock), "fault-%s", id);
		if (is_id_taken(t->d, id) || take(t, lock, e) != 0)
			continue;
		memcpy(a->spec.id, id, sizeof(a->spec.id));
		memcpy(a->status.id, id, sizeof(a->status.id));
		return 0;
	}
	return err_set(e, -EBUSY, "no free id");
}

static int
take_locks(struct drill *d, usec_t now, struct err *e)
{
	struct taking t = { .d = d };

	snprintf(t.owner.text, sizeof(t.owner.text), "drill '%s' of %s", d->status.name,
	    d->status.who);
	for (size_t i = 0; i < d->count; i++) {
		usec_t until = now + d->fault[i].spec.at + d->fault[i].spec.duration;

		t.owner.until = until > t.owner.until ? until : t.owner.until;
	}
	for (size_t i = 0; i < d->count; i++) {
		struct active *a = &d->fault[i];

		if (take_id(&t, a, e) != 0)
			return blame(a, e);
		if (!d->status.rehearse && resources_each(&a->spec, take, &t, e) != 0)
			return blame(a, e);
	}
	return 0;
}

int
drill_arm(struct drill *d, usec_t now, struct err *e)
{
	usec_t longest = 0;

	if (check_agent(d, now, e) != 0 || check_room(d, e) != 0 ||
	    check_faults(d, e) != 0)
		return e->code;
	if (d->status.lease_ms < LEASE_MIN_MS || d->status.lease_ms > LEASE_MAX_MS)
		return err_invalid(e, "a lease of %u ms is not between %d ms and %d ms",
		    d->status.lease_ms, LEASE_MIN_MS, LEASE_MAX_MS);
	if (take_locks(d, now, e) != 0) {
		locks_release(&d->locks);
		return e->code;
	}
	for (size_t i = 0; i < d->count; i++) {
		usec_t end = d->fault[i].spec.at + d->fault[i].spec.duration;

		longest = end > longest ? end : longest;
	}
	d->status.armed_at = now;
	d->hard_deadline = now + ARMED_MAX + FIRE_AHEAD_MAX + longest;
	return 0;
}
