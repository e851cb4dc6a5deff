/* SPDX-License-Identifier: Apache-2.0 */
/* Finding things in the events; no output.  When a fact was said twice the last one counts. */
#include "digest.h"
#include <math.h>
#include <string.h>

const char *
moment_key(enum digest_moment m)
{
	static const char *const keys[MOMENTS] = {
		[MOMENT_FIRST_BAD] = "first_bad_us",
		[MOMENT_DECISION] = "decision_us",
		[MOMENT_SENT] = "sent_us",
		[MOMENT_RECEIVED] = "received_us",
		[MOMENT_DISARMED] = "disarmed_us",
		[MOMENT_UNDONE] = "undone_us",
		[MOMENT_CLEAN] = "clean_us",
		[MOMENT_FIRST_GOOD] = "first_good_us",
	};

	return keys[m];
}

const char *
moment_sentence(enum digest_moment m)
{
	static const char *const sentences[MOMENTS] = {
		[MOMENT_FIRST_BAD] = "first bad answer known",
		[MOMENT_DECISION] = "decision to undo",
		[MOMENT_SENT] = "request on the wire",
		[MOMENT_RECEIVED] = "received: the agent tells its fault holders",
		[MOMENT_DISARMED] = "disarmed: no fault has any effect",
		[MOMENT_UNDONE] = "undone: that was read back from the kernel",
		[MOMENT_CLEAN] = "clean: swept and compared, nothing left behind",
		[MOMENT_FIRST_GOOD] = "first good answer to a request sent afterwards",
	};

	return sentences[m];
}

static void
note_moments(struct digest *d, const struct event *v)
{
	d->undo = v;
	d->moment[MOMENT_DECISION].is_known = true;
	for (enum digest_moment m = 0; m < MOMENTS; m++) {
		double us = event_get(v, moment_key(m), NAN);

		if (isnan(us))
			continue;
		d->moment[m].is_known = true;
		d->moment[m].us = us;
	}
}

static size_t
count_hosts(const struct report_input *in)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->events[i].type == EVENT_DRILL)
			return (size_t)event_get(&in->events[i], "hosts", 1);
	return 1;
}

static bool
is_of_the_drill(enum digest_moment m)
{
	return m == MOMENT_FIRST_BAD || m == MOMENT_DECISION || m == MOMENT_FIRST_GOOD;
}

double
digest_moment_of(const struct digest *d, const struct event *undo, enum digest_moment m)
{
	if (!is_of_the_drill(m))
		return event_get(undo, moment_key(m), NAN);
	/* Whose time was up counts from then: there was no decision. */
	return strcmp(undo->subject, "end") != 0 && d->moment[m].is_known ?
		   d->moment[m].us :
		   NAN;
}

bool
digest_is_common(const struct digest *d, const struct event *v)
{
	return d->host_count < 2 || !event_is_detail(v);
}

void
digest_make(struct digest *d, const struct report_input *in)
{
	memset(d, 0, sizeof(*d));
	d->host_count = count_hosts(in);
	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (!digest_is_common(d, v))
			continue;
		if (v->type == EVENT_DRILL)
			d->drill = v;
		else if (v->type == EVENT_SELFTEST)
			d->selftest = v;
		else if (v->type == EVENT_FIRED)
			d->fired = v;
		else if (v->type == EVENT_DECISION)
			d->decision = v;
		else if (v->type == EVENT_UNDO)
			note_moments(d, v);
		else if (v->type == EVENT_VERDICT)
			d->verdict = v;
	}
}

const struct event *
digest_fault(const struct report_input *in, const char *name, const char *host)
{
	const struct event *last = NULL;
	bool is_one = count_hosts(in) < 2;

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type == EVENT_FAULT && strcmp(v->subject, name) == 0 &&
		    (is_one || strcmp(v->host, host != NULL ? host : "") == 0))
			last = v;
	}
	return last;
}

const struct event *
digest_armed(const struct report_input *in, const char *fault, const char *host)
{
	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type == EVENT_ARMED && strcmp(v->host, host) == 0 &&
		    strcmp(v->subject, fault) == 0)
			return v;
	}
	return NULL;
}

bool
digest_is_host(const struct event *v)
{
	return v->type == EVENT_NOTE && v->host[0] != '\0' &&
	       strcmp(v->subject, "agent") == 0;
}

const struct event *
digest_of_host(const struct report_input *in, enum event_type t, const char *host)
{
	const struct event *last = NULL;

	for (size_t i = 0; i < in->count; i++)
		if (in->events[i].type == t && strcmp(in->events[i].host, host) == 0)
			last = &in->events[i];
	return last;
}

const char *
digest_note(const struct report_input *in, const char *subject)
{
	const char *text = NULL;

	for (size_t i = 0; i < in->count; i++)
		if (in->events[i].type == EVENT_NOTE && in->events[i].host[0] == '\0' &&
		    strcmp(in->events[i].subject, subject) == 0)
			text = in->events[i].text;
	return text;
}
