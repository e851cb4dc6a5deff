/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was injected and where: a row for each fault, and with several hosts one for each
 * fault on each of them, since a partition is another on each of its sides; then what
 * became of every host.
 */
#include "cleanup.h"
#include "clock.h"
#include "digest.h"
#include "markdown.h"
#include "redact.h"
#include "status.h"
#include "xalloc.h"
#include <math.h>
#include <string.h>

#define WHAT_MAX 512

static void
cell(FILE *f, const char *text)
{
	markdown_text(f, text);
	(void)fputs(" | ", f);
}

/* --- faults --------------------------------------------------------------------------- */

/* From "at" on, which is the same wherever it was injected. */
static void
end_row(FILE *f, const struct spec *s, const struct event *last)
{
	char at[32], duration[32], effect[64];

	(void)fprintf(f, "%s | %s | ", format_usec(s->at, at, sizeof(at)),
	    s->duration > 0 ? format_usec(s->duration, duration, sizeof(duration)) :
			      "once");
	if (last != NULL && last->unit[0] != '\0' && event_get(last, "effect", 0) <= 0)
		(void)fprintf(f, "none (0 %s) | ", last->unit);
	else if (last != NULL && last->unit[0] != '\0')
		(void)fprintf(f, "%s | ",
		    format_effect((uint64_t)event_get(last, "effect", 0), last->unit,
			effect, sizeof(effect)));
	else
		(void)fputs("– | ", f);
	markdown_text(f, last != NULL ? last->text : "not injected");
	(void)fputs(" |\n", f);
}

static void
plain_row(FILE *f, const struct report_input *in, const struct spec *s, bool has_hosts)
{
	_cleanup_free_ char *what = xcalloc(1, WHAT_MAX);

	(void)spec_describe(s, what, WHAT_MAX);
	redact(what, in->experiment->secrets);
	(void)fputs("| ", f);
	cell(f, s->name);
	if (has_hosts)
		(void)fputs("– | ", f);
	cell(f, what);
	end_row(f, s, digest_fault(in, s->name, NULL));
}

/* One for each host that armed it: in that host's own words. */
static size_t
host_rows(FILE *f, const struct report_input *in, const struct spec *s)
{
	size_t rows = 0;

	for (size_t i = 0; i < in->count; i++) {
		const char *host = in->events[i].host;
		const struct event *armed = digest_is_host(&in->events[i]) ?
						digest_armed(in, s->name, host) :
						NULL;

		if (armed == NULL)
			continue;
		(void)fputs("| ", f);
		cell(f, s->name);
		cell(f, host);
		cell(f, armed->text);
		end_row(f, s, digest_fault(in, s->name, host));
		rows++;
	}
	return rows;
}

void
markdown_faults(FILE *f, const struct report_input *in)
{
	const struct experiment *x = in->experiment;
	struct digest d;

	digest_make(&d, in);
	bool has_hosts = d.host_count > 1;
	if (x->fault_count == 0)
		return;
	(void)fprintf(f,
	    "\n## What was injected\n\n"
	    "| Fault |%s What | At | For | Effect | Ended as |\n"
	    "|---|%s---|---:|---:|---:|---|\n",
	    has_hosts ? " Host |" : "", has_hosts ? "---|" : "");
	for (size_t i = 0; i < x->fault_count; i++)
		if (!has_hosts || host_rows(f, in, &x->faults[i].spec) == 0)
			plain_row(f, in, &x->faults[i].spec, has_hosts);
}

/* --- hosts ---------------------------------------------------------------------------- */

static void
cell_ms(FILE *f, const struct event *v, const char *key)
{
	markdown_ms(f, v != NULL ? event_get(v, key, NAN) : NAN);
	(void)fputs(" | ", f);
}

/* What it had to say, the last of it. */
static const char *
remark_of(const struct report_input *in, const char *host)
{
	const char *text = "";

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (strcmp(v->host, host) == 0 &&
		    (v->type == EVENT_ERROR ||
			(v->type == EVENT_NOTE && v->subject[0] == '\0')))
			text = v->text;
	}
	return text;
}

static void
host_row(FILE *f, const struct report_input *in, const struct event *agent,
    const struct event *first)
{
	const char *host = agent->host;
	const struct event *fired = digest_of_host(in, EVENT_FIRED, host);
	const struct event *undo = digest_of_host(in, EVENT_UNDO, host);

	(void)fputs("| ", f);
	cell(f, host);
	cell(f, agent->text);
	cell_ms(f, digest_of_host(in, EVENT_SELFTEST, host), "round_trip_us");
	if (fired != NULL && first != NULL)
		markdown_ms(f, (double)(fired->at - first->at));
	(void)fputs(fired == NULL ? "– | " : " | ", f);
	cell_ms(f, undo, "sent_us");
	cell_ms(f, undo, "received_us");
	cell_ms(f, undo, "disarmed_us");
	cell_ms(f, undo, "undone_us");
	cell_ms(f, undo, "clean_us");
	markdown_text(f, remark_of(in, host));
	(void)fputs(" |\n", f);
}

static const struct event *
first_fired(const struct report_input *in)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->events[i].type == EVENT_FIRED && in->events[i].host[0] != '\0')
			return &in->events[i];
	return NULL;
}

static void
targets(FILE *f, const struct report_input *in)
{
	const char *seed = digest_note(in, "seed");

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type != EVENT_TARGET || v->host[0] != '\0')
			continue;
		(void)fputs("- ", f);
		markdown_text(f, v->subject);
		(void)fputs(": ", f);
		markdown_text(f, v->text);
		(void)fputc('\n', f);
	}
	if (seed != NULL)
		(void)fprintf(f, "- seed %s\n", seed);
}

void
markdown_hosts(FILE *f, const struct report_input *in)
{
	struct digest d;

	digest_make(&d, in);
	if (d.host_count < 2)
		return;
	(void)fputs("\n## Hosts\n\n", f);
	targets(f, in);
	(void)fputs("\n| Host | Agent | Self-test | Began | Sent | Received | Disarmed "
		    "| Undone | Clean | Remarks |\n"
		    "|---|---|---:|---:|---:|---:|---:|---:|---:|---|\n",
	    f);
	for (size_t i = 0; i < in->count; i++)
		if (digest_is_host(&in->events[i]))
			host_row(f, in, &in->events[i], first_fired(in));
	(void)fputs("\nA host began that long after the first of them; the undo counts "
		    "from the decision, or from the end of the host's own timeline.\n",
	    f);
}
