/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACTIVE_H
#define ACTIVE_H
/*
 * One fault as stormd sees it: its holder process, what the holder last said, how long
 * stormd is willing to wait for the next word, and the child that undoes by record when
 * the holder is gone or silent.
 */
#include "loop.h"
#include "msg.h"
#include "timeline.h"
#include <stdbool.h>
#include <sys/types.h>

struct super;

struct active {
	struct super *super;
	struct spec spec;
	struct fault_status status;
	struct span span;
	uint32_t ops_len;
	char ops[OPS_TEXT_MAX];
	/* the holder */
	struct source channel, death;
	bool is_started;
	bool is_told;      /* to disarm */
	bool is_confirmed; /* commit-confirm has been started for it */
	bool is_over;      /* GONE: nothing is left */
	bool is_no_effect_said;
	usec_t patience; /* the holder must have spoken by then; 0: none */
	uint32_t ping_sent, ping_back;
	usec_t ping_next;
	/* the child that undoes by record, when there is one */
	struct source undoer;
	bool is_by_record; /* the holder is not asked any more */
	usec_t retry_at;
	usec_t helpless_since; /* no child could be started to undo it; 0: not so */
	unsigned retries;
	enum outcome outcome; /* as it was before undo got stuck */
	struct err why;
};

/* What a holder needs to know beyond the spec. */
struct hold_terms {
	const char *drill;
	bool is_rehearsal;
	usec_t hard_deadline;
	int32_t controller_pid;
};

void active_init(struct active *a, struct super *s, const struct spec *spec);
/* Start the holder and tell it to prepare, record and stage; what fails is in status. */
void active_start(struct active *a, const struct hold_terms *t, usec_t now);
void active_apply(struct active *a, usec_t now);
/* Tell the holder to disarm: one send, nothing else.  Nothing if told already. */
void active_disarm(struct active *a, usec_t now);
void active_ping(struct active *a, usec_t now);
/* Look after what is overdue: a silent holder, the next try of an undo. */
void active_turn(struct active *a, usec_t now);
usec_t active_next(const struct active *a);

/* Did it go wrong before it was in force? */
bool active_has_failed(const struct active *a);
/* Out of force and read back, or nothing left at all. */
bool active_is_disarmed(const struct active *a);
/* Over, or stuck: undo is retried, but waits for something. */
bool active_is_settled(const struct active *a);
/* May its memory be freed: over, with every child reaped. */
bool active_is_reaped(const struct active *a);

#endif
