/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base load: requests that give the system under test something to do.  They are asked by
 * the prober, behind all probes and guards, from the beginning of `before` to the end of
 * `after`, and only counted.  A bad answer to one says nothing here, and neither does a late
 * request; but a drill under much less load than its file asks for has shown nothing.
 */
#include "drill.h"

#define SENT_SHARE_MIN 0.9

bool
load_is(const struct drill *d, size_t check)
{
	return check >= d->judged_count;
}

static void
doubt(struct drill *d, size_t i, enum phase p)
{
	const struct totals *t = &d->tally[i].phase[p];
	uint64_t due = t->n + t->skipped;

	if (due == 0 || (double)t->n >= SENT_SHARE_MIN * (double)due)
		return;
	drill_doubt(d, "%s was not the load that the file asks for", d->checks[i].name);
	drill_say(d, EVENT_NOTE, NULL,
	    "%s: only %llu of %llu requests were sent %s: the load was not what the file "
	    "says",
	    d->checks[i].name, (unsigned long long)t->n, (unsigned long long)due,
	    phase_name(p));
}

void
load_report(struct drill *d)
{
	for (size_t i = d->judged_count; i < d->check_count; i++) {
		for (enum phase p = PHASE_BEFORE; p < PHASES; p++)
			report_total(d, EVENT_LOAD, i, p);
		if (d->stop != STOP_NOT || d->fired == 0)
			continue; /* what it shows does not hang on the load */
		doubt(d, i, PHASE_BEFORE);
		doubt(d, i, PHASE_DURING);
	}
}
