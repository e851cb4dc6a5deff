/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRILL_H
#define DRILL_H
/*
 * A drill: its faults, its lease, its locks.  It is kept after its end, so that its
 * controller can ask what became of it, until its place is needed.
 */
#include "active.h"
#include "lease.h"
#include "locks.h"
#include "msg.h"
#include "status.h"
#include <stdbool.h>

struct super;

/* How long a drill may stay armed before it is fired: part of the hard deadline, which is
 * written down before the moment of firing is known. */
#define ARMED_MAX (15 * 60 * USEC_PER_SEC)

struct drill {
	struct super *super;
	struct drill_status status;
	struct lease lease;
	struct locks locks;
	struct err err; /* why arming failed */
	int32_t controller_pid;
	usec_t hard_deadline; /* nothing of it may live longer */
	bool is_armed;        /* every holder has staged (or rehearsed) */
	bool is_undo_logged;
	size_t count;
	struct active fault[]; /* status.fault_count of them, once all have come */
};

/* With room for m->count faults, none of them there yet. */
struct drill *drill_new(struct super *s, const struct msg_arm *m);
void drill_free(struct drill *d); /* NULL is fine */
void drill_add(struct drill *d, const struct spec *spec);
/* Check policy and limits, give ids, take locks.  After 0 the drill is arming; nothing has
 * been touched when it fails. */
int drill_arm(struct drill *d, usec_t now, struct err *e);
/* Start the timeline at this moment, or now if it is past; at most FIRE_AHEAD_MAX ahead.
 * -EALREADY when it is not armed, or over; fired already: 0, and nothing changes. */
int drill_fire(struct drill *d, usec_t at, usec_t now, struct err *e);
/* The controller was heard of. */
void drill_renew(struct drill *d, usec_t now);
/* Tell every holder at once, newest first; then nothing but waiting is left. */
void drill_undo(struct drill *d, enum undo_cause cause, usec_t now);

/* What follows from the time and from what the holders have said. */
void drill_turn(struct drill *d, usec_t now);
usec_t drill_next(const struct drill *d);
/* By when something of it must be undone, as the guardian sees it. */
usec_t drill_deadline(const struct drill *d);

/* "alice@ops1 (uid 1000) uid 1000": what it said of itself, and what is known. */
const char *drill_who(const struct drill *d, char *buf, size_t size);
bool drill_is_told(const struct drill *d); /* to undo: it will not fire any more */
/* Does each of its faults satisfy this? */
bool drill_all(const struct drill *d, bool (*is)(const struct active *a));

#endif
