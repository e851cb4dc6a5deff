/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEASE_H
#define LEASE_H
/*
 * How long a drill lives without hearing from its controller, and commit-confirm: after a
 * network fault turned active the controller must be heard of sooner than that, because
 * the fault may have cut it off.  Pure: no clock of its own.
 */
#include "clock.h"
#include "status.h"

struct lease {
	usec_t length;
	usec_t until;      /* 0: not running */
	usec_t confirm_by; /* 0: nothing to confirm */
};

void lease_start(struct lease *l, usec_t length, usec_t now);
void lease_renew(struct lease *l, usec_t now); /* confirms, too; nothing if not running */
void lease_confirm(struct lease *l, usec_t now); /* a network fault is in force */
void lease_stop(struct lease *l);
/* UNDO_LEASE or UNDO_UNCONFIRMED when it is time, else UNDO_NOT_YET. */
enum undo_cause lease_due(const struct lease *l, usec_t now);
usec_t lease_next(const struct lease *l); /* USEC_INFINITY: never */

#endif
