/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table: a type, who may send it, what handles it.  The order of checks is type, then
 * form, then permission, then sense.  A fault in form is the front's and ends it; anything
 * else is the user's and is answered.
 *
 * Who asks is a user of this host, or a certificate: a viewer may look and stop, an
 * operator may do all that policy leaves him, also with what another operator armed by
 * certificate: whoever is on call must be able to take a drill over.
 */
#include "dispatch.h"
#include "chan.h"
#include "cleanup.h"
#include "err.h"
#include "log.h"
#include "parse.h"
#include "super.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum permit {
	MAY_ANYBODY,  /* who reaches the socket: looking and stopping */
	MAY_OPERATOR, /* root, and those whom policy or their certificate says */
	MAY_OWNER,    /* root and who armed the drill */
};

struct request {
	const union msg *m;
	struct drill *drill; /* of a drill verb */
	struct waiter waiter;
	usec_t now;
};

/* "uid 1000", "alice (by certificate)"; returns buf. */
static const char *
name_peer(const struct msg_head *h, char *buf, size_t size)
{
	if (h->role == ROLE_LOCAL)
		return format_uid(h->uid, buf, size);
	snprintf(buf, size, "%s (by certificate)", h->name);
	return buf;
}

static int
refuse(struct super *s, const struct request *r, const struct err *e)
{
	answer(s, &r->waiter, e);
	return 0;
}

static int
wait_for(struct super *s, const struct request *r)
{
	struct err e = { 0 };

	if (waiter_add(s, &r->waiter, &e) != 0)
		return refuse(s, r, &e);
	return 0;
}

/* --- arming: one message and then as many as it said ----------------------------------- */

static bool
is_arm_sane(const struct msg_arm *a)
{
	struct err e = { 0 };

	return IS_TERMINATED(a->drill) && IS_TERMINATED(a->name) &&
	       IS_TERMINATED(a->who) && IS_TERMINATED(a->reason) && a->count >= 1 &&
	       a->count <= DRILL_FAULTS_MAX && a->rehearse <= 1 &&
	       parse_uuid(a->drill, &e) == 0 && parse_name(a->name, &e) == 0;
}

static int
on_arm(struct super *s, struct request *r)
{
	const struct msg_arm *a = &r->m->arm;
	struct arming *arming = &s->front.arming;

	if (!is_arm_sane(a))
		return -EBADMSG;
	*arming = (struct arming){
		.repeat = super_find_drill(s, a->drill),
		.seq = a->head.seq,
		.left = a->count,
		.received = r->now,
	};
	if (arming->repeat == NULL)
		arming->drill = drill_new(s, a);
	else if (arming->repeat->status.uid != a->head.uid && a->head.uid != 0)
		arming->repeat = NULL; /* somebody else's id: answered as a refusal */
	return 0;
}

/* A place for one more drill: a free one, or that of the one that ended first. */
static struct drill **
find_place(struct super *s)
{
	struct drill **oldest = NULL;

	for (size_t i = 0; i < DRILLS_KEPT; i++) {
		struct drill **d = &s->drill[i];

		if (*d == NULL)
			return d;
		if ((*d)->status.ended && drill_all(*d, active_is_reaped) &&
		    (oldest == NULL ||
			(*d)->status.armed_at < (*oldest)->status.armed_at))
			oldest = d;
	}
	return oldest;
}

/* Nobody may wait for a drill that is forgotten. */
static void
evict(struct super *s, struct drill **place)
{
	struct waiters *all = &s->waiters;

	for (size_t i = 0; i < all->count;) {
		if (*place != NULL && all->waiter[i].drill == *place)
			all->waiter[i] = all->waiter[--all->count];
		else
			i++;
	}
	drill_free(*place);
	*place = NULL;
}

static int
begin(struct super *s, struct request *r, struct drill *d)
{
	struct drill **place;
	struct err e = { 0 };
	char who[WHO_MAX + 32];

	if (drill_arm(d, r->now, &e) != 0) {
		log_notice("refused: drill '%s' of %s: %s", d->status.name,
		    drill_who(d, who, sizeof(who)), e.msg);
		drill_free(d);
		return refuse(s, r, &e);
	}
	place = find_place(s);
	if (place == NULL) {
		(void)err_refused(&e, "too many drills");
		e.code = -EUSERS;
		drill_free(d);
		return refuse(s, r, &e);
	}
	evict(s, place);
	*place = d;
	r->waiter.drill = d;
	return wait_for(s, r);
}

static int
on_arm_fault(struct super *s, struct request *r)
{
	struct arming *arming = &s->front.arming;
	struct drill *d = arming->drill;
	struct err e = { 0 };

	if (arming->left == 0 || r->m->head.seq != arming->seq ||
	    spec_verify(&r->m->spec.spec, &e) != 0)
		return -EBADMSG;
	if (d != NULL)
		drill_add(d, &r->m->spec.spec);
	if (--arming->left > 0)
		return 0;
	r->waiter.type = MSG_ARM;
	r->waiter.received = arming->received;
	arming->drill = NULL;
	if (d != NULL)
		return begin(s, r, d);
	r->waiter.drill = arming->repeat;
	if (arming->repeat != NULL)
		return wait_for(s, r); /* the stored answer, or the one to come */
	(void)err_refused(&e, "this drill id belongs to another user's drill");
	return refuse(s, r, &e);
}

/* --- the verbs of a drill -------------------------------------------------------------- */

static int
on_fire(struct super *s, struct request *r)
{
	struct err e = { 0 };
	int rc = drill_fire(r->drill, r->m->drill_verb.at, r->now, &e);

	answer(s, &r->waiter, rc != 0 ? &e : NULL);
	return 0;
}

static int
on_renew(struct super *s, struct request *r)
{
	drill_renew(r->drill, r->now);
	answer(s, &r->waiter, NULL);
	return 0;
}

static int
on_undo(struct super *s, struct request *r)
{
	uint8_t cause = r->m->drill_verb.cause;

	if (cause != UNDO_ASKED && cause != UNDO_BREACH)
		return -EBADMSG;
	drill_undo(r->drill, cause, r->now);
	return wait_for(s, r);
}

static int
on_selftest(struct super *s, struct request *r)
{
	drill_renew(r->drill, r->now);
	for (size_t i = r->drill->count; i-- > 0;)
		active_ping(&r->drill->fault[i], r->now);
	return wait_for(s, r);
}

static int
on_show(struct super *s, struct request *r)
{
	answer(s, &r->waiter, NULL);
	return 0;
}

static int
on_wait(struct super *s, struct request *r)
{
	return wait_for(s, r);
}

/* --- the verbs of the agent ------------------------------------------------------------ */

static int
on_halt(struct super *s, struct request *r)
{
	char by[WHO_MAX];

	super_undo_all(s, UNDO_HALT, r->now);
	rundir_halt(&s->rundir, name_peer(&r->m->head, by, sizeof(by)));
	return wait_for(s, r);
}

static int
on_resume(struct super *s, struct request *r)
{
	struct err e = { 0 };
	int rc = rundir_resume(&s->rundir, &e);
	char by[WHO_MAX];

	if (rc == 0)
		log_notice("resume: by %s", name_peer(&r->m->head, by, sizeof(by)));
	answer(s, &r->waiter, rc != 0 ? &e : NULL);
	return 0;
}

static int
on_status(struct super *s, struct request *r)
{
	answer(s, &r->waiter, NULL);
	return 0;
}

static int
on_doctor(struct super *s, struct request *r)
{
	struct err e = { 0 };

	if (inquiry_start(&s->inquiry, &r->waiter, &e) != 0)
		return refuse(s, r, &e);
	return 0;
}

static const struct verb {
	uint32_t type;
	enum permit permit;
	bool is_of_drill;
	int (*handle)(struct super *s, struct request *r);
} verbs[] = {
	{ MSG_ARM, MAY_OPERATOR, false, on_arm },
	{ MSG_ARM_FAULT, MAY_OPERATOR, false, on_arm_fault },
	{ MSG_FIRE, MAY_OWNER, true, on_fire },
	{ MSG_RENEW, MAY_OWNER, true, on_renew },
	{ MSG_UNDO, MAY_ANYBODY, true, on_undo },
	{ MSG_SELFTEST, MAY_OWNER, true, on_selftest },
	{ MSG_SHOW, MAY_ANYBODY, true, on_show },
	{ MSG_WAIT, MAY_ANYBODY, true, on_wait },
	{ MSG_HALT, MAY_ANYBODY, false, on_halt },
	{ MSG_RESUME, MAY_OPERATOR, false, on_resume },
	{ MSG_STATUS, MAY_ANYBODY, false, on_status },
	{ MSG_DOCTOR, MAY_ANYBODY, false, on_doctor },
};

static const struct verb *
find_verb(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (verbs[i].type == type)
			return &verbs[i];
	}
	return NULL;
}

/* Is it said in a way that a front of ours would? */
static bool
is_peer_sane(const struct super *s, const struct msg_head *h)
{
	struct err e = { 0 };

	if (!IS_TERMINATED(h->name))
		return false;
	if (h->role == ROLE_LOCAL)
		return h->uid != UID_REMOTE && h->name[0] == '\0';
	return h->role < ROLES && h->uid == UID_REMOTE && s->opt.listen.len != 0 &&
	       parse_name(h->name, &e) == 0;
}

static int
check_remote(
    const struct super *s, enum permit permit, const struct request *r, struct err *e)
{
	const struct msg_head *h = &r->m->head;

	if (permit == MAY_ANYBODY)
		return 0;
	if (h->role != ROLE_OPERATOR)
		return err_refused(e,
		    "the certificate of '%s' is a viewer's: it may look, undo and halt, "
		    "nothing else",
		    h->name);
	if (!policy_is_remote_operator(&s->policy, h->name))
		return err_refused(
		    e, "'%s' is not named by 'remote' in %s", h->name, s->policy.path);
	if (permit == MAY_OWNER && r->drill->status.uid != UID_REMOTE)
		return err_refused(e, "drill '%s' belongs to %s, on the host itself",
		    r->drill->status.name, r->drill->status.who);
	return 0;
}

static int
check_permit(
    const struct super *s, enum permit permit, const struct request *r, struct err *e)
{
	uid_t uid = r->m->head.uid;

	if (r->m->head.role != ROLE_LOCAL)
		return check_remote(s, permit, r, e);
	if (permit == MAY_OPERATOR && !policy_is_operator(&s->policy, uid))
		return err_refused(e,
		    "uid %u may not: only root, and operators named in %s", uid,
		    s->policy.path);
	if (permit == MAY_OWNER && uid != 0 && uid != r->drill->status.uid)
		return err_refused(e, "drill '%s' belongs to %s", r->drill->status.name,
		    r->drill->status.who);
	return 0;
}

/* A refused arm swallows its faults all the same: they are on their way. */
static int
deny(struct super *s, const struct request *r, const struct err *e)
{
	struct arming *arming = &s->front.arming;

	if (r->m->head.type == MSG_ARM) {
		if (!is_arm_sane(&r->m->arm))
			return -EBADMSG;
		*arming =
		    (struct arming){ .seq = r->m->head.seq, .left = r->m->arm.count };
		return 0;
	}
	if (r->m->head.type != MSG_ARM_FAULT)
		return refuse(s, r, e);
	if (arming->left == 0 || r->m->head.seq != arming->seq)
		return -EBADMSG;
	return --arming->left > 0 ? 0 : refuse(s, r, e);
}

int
dispatch(struct super *s, const union msg *m, usec_t now)
{
	const struct verb *v = find_verb(m->head.type);
	struct request r = { .m = m,
		.now = now,
		.waiter = { .seq = m->head.seq, .type = m->head.type, .received = now } };
	struct err e = { 0 };

	if (v == NULL || (s->front.arming.left > 0 && m->head.type != MSG_ARM_FAULT) ||
	    !is_peer_sane(s, &m->head))
		return -EBADMSG;
	if (v->is_of_drill) {
		if (!IS_TERMINATED(m->drill_verb.drill) ||
		    parse_uuid(m->drill_verb.drill, &e) != 0)
			return -EBADMSG;
		r.drill = super_find_drill(s, m->drill_verb.drill);
		r.waiter.drill = r.drill;
		if (r.drill == NULL) {
			(void)err_invalid(&e, "no drill %s here", m->drill_verb.drill);
			e.code = -ENOENT;
			return refuse(s, &r, &e);
		}
	}
	if (check_permit(s, v->permit, &r, &e) != 0)
		return deny(s, &r, &e);
	return v->handle(s, &r);
}

void
dispatch_forget(struct super *s)
{
	drill_free(s->front.arming.drill);
	s->front.arming = (struct arming){ 0 };
}
