/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPER_H
#define SUPER_H
/*
 * stormd as a whole: the parts of the process, in the order in which they are opened.
 * Handlers of one turn only change fields and send messages; what follows from it is
 * worked out at the end of the turn by *_turn functions, so that no handler calls another.
 */
#include "drill.h"
#include "front.h"
#include "guard.h"
#include "inquiry.h"
#include "loop.h"
#include "notify.h"
#include "options.h"
#include "policy.h"
#include "rundir.h"
#include "waiter.h"

/* Live drills, and as many that are over: their answers can be asked for again. */
#define DRILLS_KEPT (2 * DRILLS_MAX)

struct programs {
	char fault[PATH_LEN_MAX], undo[PATH_LEN_MAX], front[PATH_LEN_MAX];
};

struct super {
	struct options opt;
	struct programs programs;
	struct loop loop;
	struct policy policy;
	struct rundir rundir;
	struct guard guard;
	struct front front;
	struct inquiry inquiry;
	struct notify notify;
	struct waiters waiters;
	struct drill *drill[DRILLS_KEPT]; /* NULL: free */
	struct source signals, lifeline;
	usec_t started;
	usec_t refuse_until; /* after a front that broke the protocol */
	usec_t stop_by;      /* stopping: leave the rest to the guardian then */
	bool is_ready;       /* has said so */
	bool is_stopping;
	bool gives_way; /* to the guardian: we cannot do it any more */
};

#define FOR_EACH_DRILL(s, d)                          \
 for (size_t d##_i = 0; d##_i < DRILLS_KEPT; d##_i++) \
  for (struct drill *d = (s)->drill[d##_i]; (d) != NULL; (d) = NULL)

/* Undo every drill that is not told yet. */
void super_undo_all(struct super *s, enum undo_cause cause, usec_t now);
struct drill *super_find_drill(struct super *s, const char *uuid);
bool super_is_clean(struct super *s); /* no fault of any drill is left */
unsigned super_live_faults(struct super *s);
void super_status(struct super *s, struct agent_status *ret);

#endif
