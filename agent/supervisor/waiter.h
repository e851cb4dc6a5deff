/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAITER_H
#define WAITER_H
/*
 * Answers.  Those that can be given at once, and requests of the front that are answered
 * when something has come true: armed, undone, ended, every holder answered.
 */
#include "clock.h"
#include "err.h"
#include <stddef.h>
#include <stdint.h>

struct drill;
struct super;

#define WAITERS_MAX 64

struct waiter {
	uint32_t seq;
	uint32_t type;       /* MSG_ARM, MSG_UNDO, MSG_WAIT, MSG_SELFTEST, MSG_HALT */
	struct drill *drill; /* NULL for MSG_HALT */
	usec_t received;
};

struct waiters {
	size_t count;
	struct waiter waiter[WAITERS_MAX];
};

/* -EUSERS when too many wait already. */
int waiter_add(struct super *s, const struct waiter *w, struct err *e);
/* Answer those whose moment has come. */
void waiters_turn(struct super *s, usec_t now);
usec_t waiters_next(struct super *s);
void waiters_forget(struct super *s); /* the front they came from is gone */

/* The whole answer to a request: what msg.h says comes before it, then MSG_ANSWER.  `d`
 * may be NULL, `err` too (done). */
void answer(struct super *s, const struct waiter *w, const struct err *err);
/* One message of a longer answer. */
void answer_text(struct super *s, uint32_t seq, const char *text, uint32_t len);

#endif
