/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INQUIRY_H
#define INQUIRY_H
/* `doctor`: one child asks every kind whether this host supports it; its lines go to the
 * front as they come. */
#include "loop.h"
#include "waiter.h"
#include <stdbool.h>

struct inquiry {
	struct super *super;
	struct source channel, death;
	struct waiter waiter;
	bool is_asked; /* the answer is still owed */
	usec_t until;
};

void inquiry_init(struct inquiry *q, struct super *s);
int inquiry_start(struct inquiry *q, const struct waiter *w, struct err *e);
void inquiry_turn(struct inquiry *q, usec_t now);
usec_t inquiry_next(const struct inquiry *q);
void inquiry_forget(struct inquiry *q); /* the front that asked is gone */

#endif
