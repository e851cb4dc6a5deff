/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIGEST_H
#define DIGEST_H
/*
 * What several reports need to find in the events: the few that exist once, and the
 * moments of the undo put together from its events.
 */
#include "report.h"
#include <stdbool.h>

enum digest_moment {
	MOMENT_FIRST_BAD,
	MOMENT_DECISION,
	MOMENT_SENT,
	MOMENT_RECEIVED,
	MOMENT_DISARMED,
	MOMENT_UNDONE,
	MOMENT_CLEAN,
	MOMENT_FIRST_GOOD,
	MOMENTS
};
const char *moment_key(enum digest_moment m);      /* "first_bad_us" … */
const char *moment_sentence(enum digest_moment m); /* "first bad answer known" … */

struct digest {
	size_t host_count; /* from 2 on, a host's own events are details of common ones */
	/* NULL when there was none */
	const struct event *drill, *selftest, *fired, *decision, *undo, *verdict;
	struct {
		bool is_known;
		double us; /* after the decision */
	} moment[MOMENTS];
};
void digest_make(struct digest *d, const struct report_input *in);
/* A moment of one host's undo, in µs after the decision; NAN: not known.  First bad answer,
 * decision and first good answer are the drill's, and the same for all. */
double digest_moment_of(
    const struct digest *d, const struct event *undo, enum digest_moment m);

/* Is it about the drill, and not about one of several hosts? */
bool digest_is_common(const struct digest *d, const struct event *v);
/* The last state event of a fault: on that host; NULL: on all it was given to, or the only
 * one.  NULL when it never came to one. */
const struct event *digest_fault(
    const struct report_input *in, const char *name, const char *host);
/* The fault armed on that host, in the host's own words, or NULL. */
const struct event *digest_armed(
    const struct report_input *in, const char *fault, const char *host);
/* Does it stand for one of the hosts?  They come in the roster's order. */
bool digest_is_host(const struct event *v);
/* The last event of a type that names this host, or NULL. */
const struct event *digest_of_host(
    const struct report_input *in, enum event_type t, const char *host);
/* Text of a note with this subject that is about no host in particular, or NULL. */
const char *digest_note(const struct report_input *in, const char *subject);

#endif
