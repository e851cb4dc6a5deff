/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases.  A second network fault does not extend the first one's confirmation: the
 * earliest moment stays.
 */
#include "lease.h"
#include "bounds.h"

void
lease_start(struct lease *l, usec_t length, usec_t now)
{
	*l = (struct lease){ .length = length, .until = now + length };
}

void
lease_renew(struct lease *l, usec_t now)
{
	if (l->until == 0)
		return;
	l->until = now + l->length;
	l->confirm_by = 0;
}

void
lease_confirm(struct lease *l, usec_t now)
{
	usec_t most = CONFIRM_MAX_MS * USEC_PER_MSEC;

	if (l->until == 0 || l->confirm_by != 0)
		return;
	l->confirm_by = now + (l->length < most ? l->length : most);
}

void
lease_stop(struct lease *l)
{
	l->until = 0;
	l->confirm_by = 0;
}

enum undo_cause
lease_due(const struct lease *l, usec_t now)
{
	if (l->confirm_by != 0 && now >= l->confirm_by)
		return UNDO_UNCONFIRMED;
	if (l->until != 0 && now >= l->until)
		return UNDO_LEASE;
	return UNDO_NOT_YET;
}

usec_t
lease_next(const struct lease *l)
{
	usec_t next = l->until != 0 ? l->until : USEC_INFINITY;

	return l->confirm_by != 0 && l->confirm_by < next ? l->confirm_by : next;
}
