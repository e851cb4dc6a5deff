/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of a running drill: what happened, stamped, on its way to the output.  An
 * event of one host carries the host's name, unless there is no other.
 */
#include "drill.h"
#include <stdarg.h>
#include <stdio.h>

void
drill_stamp(struct drill *d, struct event *v, usec_t at)
{
	usec_t now = clock_boottime();

	v->at = at > d->began ? at - d->began : 0;
	v->wall = clock_wall() - (now - at);
}

__attribute__((format(printf, 4, 0))) static struct event
vevent(
    struct drill *d, enum event_type t, const char *subject, const char *fmt, va_list ap)
{
	char text[sizeof(((struct event *)0)->text)] = "";
	struct event v;

	if (fmt != NULL)
		(void)vsnprintf(text, sizeof(text), fmt, ap);
	event_init(&v, t, clock_boottime() - d->began, clock_wall(), subject, "%s", text);
	return v;
}

__attribute__((format(printf, 4, 0))) static struct event
vparty_event(const struct party *p, enum event_type t, const char *subject,
    const char *fmt, va_list ap)
{
	struct event v = vevent(p->d, t, subject, fmt, ap);

	(void)snprintf(v.host, sizeof(v.host), "%s", p->host);
	return v;
}

struct event
drill_event(struct drill *d, enum event_type t, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct event v = vevent(d, t, subject, fmt, ap);
	va_end(ap);
	return v;
}

struct event
party_event(
    const struct party *p, enum event_type t, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct event v = vparty_event(p, t, subject, fmt, ap);
	va_end(ap);
	return v;
}

void
drill_emit(struct drill *d, const struct event *v)
{
	output_event(&d->out, v);
}

void
drill_say(struct drill *d, enum event_type t, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct event v = vevent(d, t, subject, fmt, ap);
	va_end(ap);
	drill_emit(d, &v);
}

void
party_say(
    const struct party *p, enum event_type t, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct event v = vparty_event(p, t, subject, fmt, ap);
	va_end(ap);
	drill_emit(p->d, &v);
}
