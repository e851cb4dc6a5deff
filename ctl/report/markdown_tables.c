/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long tables of summary.md: probes and base load per phase, and the story.  The story is cut
 * in the middle when it is long: the beginning and the end are what people read.
 */
#include "cleanup.h"
#include "digest.h"
#include "markdown.h"
#include "xalloc.h"
#include <math.h>
#include <string.h>

#define STORY_MAX 120 /* rows */

static void
cell_ms(FILE *f, const struct event *v, const char *key)
{
	(void)fputs(" | ", f);
	markdown_ms(f, event_get(v, key, NAN));
}

/* "12 status, 3 timeout": what the bad answers were. */
static void
kinds_of_bad(FILE *f, const struct event *v)
{
	static const char *const classes[] = { "slow", "status", "body", "connect", "dns",
		"tls", "timeout", NULL };
	const char *before = "";

	for (const char *const *c = classes; *c != NULL; c++) {
		double n = event_get(v, *c, 0);

		if (n < 1)
			continue;
		(void)fprintf(f, "%s%.0f %s", before, n, *c);
		before = ", ";
	}
}

static void
probe_row(FILE *f, const struct event *v, double objective)
{
	(void)fputs("| ", f);
	markdown_text(f, v->subject);
	(void)fprintf(f, " | %s | %.0f | %.0f | ", v->text, event_get(v, "n", 0),
	    event_get(v, "bad", 0));
	if (event_get(v, "n", 0) > 0)
		(void)fprintf(f, "%.2f %%", 100 * event_get(v, "good_share", NAN));
	else
		(void)fputs("–", f);
	(void)fprintf(f, " | %.6g %%", 100 * objective);
	cell_ms(f, v, "p50_us");
	cell_ms(f, v, "p90_us");
	cell_ms(f, v, "p99_us");
	(void)fputs(" | ", f);
	kinds_of_bad(f, v);
	(void)fputs(" |\n", f);
}

static double
objective_of(const struct experiment *x, const char *probe)
{
	for (size_t i = 0; i < x->probe_count; i++)
		if (strcmp(x->probes[i].name, probe) == 0)
			return x->probes[i].objective;
	for (size_t i = 0; i < x->guard_count; i++)
		if (strcmp(x->guards[i].name, probe) == 0)
			return x->guards[i].objective;
	return NAN;
}

void
markdown_probes(FILE *f, const struct report_input *in)
{
	size_t rows = 0;

	for (size_t i = 0; i < in->count; i++) {
		if (in->events[i].type != EVENT_PROBE)
			continue;
		if (rows++ == 0)
			(void)fputs(
			    "\n## Probes\n\n"
			    "| Probe | Phase | Answers | Bad | Good | Objective | p50 "
			    "| p90 | p99 | What was bad |\n"
			    "|---|---|---:|---:|---:|---:|---:|---:|---:|---|\n",
			    f);
		probe_row(f, &in->events[i],
		    objective_of(in->experiment, in->events[i].subject));
	}
	if (rows > 0)
		(void)fputs("\nLatency counts from the moment a request was due.  A "
			    "percentile is shown only where there are enough answers for "
			    "it to mean something.\n",
		    f);
}

/* --- base load ------------------------------------------------------------------------ */

static double
rate_of(const struct experiment *x, const char *load)
{
	for (size_t i = 0; i < x->load_count; i++)
		if (strcmp(x->loads[i].name, load) == 0)
			return (double)x->loads[i].rate_mhz / 1000;
	return NAN;
}

static void
load_row(FILE *f, const struct event *v, double rate)
{
	(void)fputs("| ", f);
	markdown_text(f, v->subject);
	(void)fprintf(f, " | %s | %.6g | %.0f | %.0f | %.0f", v->text, rate,
	    event_get(v, "n", 0), event_get(v, "skipped", 0), event_get(v, "bad", 0));
	cell_ms(f, v, "p50_us");
	cell_ms(f, v, "p90_us");
	cell_ms(f, v, "p99_us");
	(void)fputs(" | ", f);
	kinds_of_bad(f, v);
	(void)fputs(" |\n", f);
}

void
markdown_load(FILE *f, const struct report_input *in)
{
	size_t rows = 0;

	for (size_t i = 0; i < in->count; i++) {
		const struct event *v = &in->events[i];

		if (v->type != EVENT_LOAD)
			continue;
		if (rows++ == 0)
			(void)fputs(
			    "\n## Base load\n\n"
			    "| Load | Phase | Requests a second | Answers | Not sent "
			    "| Bad | p50 | p90 | p99 | What was bad |\n"
			    "|---|---|---:|---:|---:|---:|---:|---:|---:|---|\n",
			    f);
		load_row(f, v, rate_of(in->experiment, v->subject));
	}
	if (rows > 0)
		(void)fputs("\nBase load is counted and never judged.\n", f);
}

/* --- where the time went -------------------------------------------------------------- */

/* "0.21 ms, 0.80 ms": the half and the last hundredth, as far as there are enough. */
static void
cell_part(FILE *f, const struct event *v, const char *part)
{
	char key[sizeof(v->num[0].key)];

	(void)fputs(" | ", f);
	(void)snprintf(key, sizeof(key), "%s_p50_us", part);
	markdown_ms(f, event_get(v, key, NAN));
	(void)snprintf(key, sizeof(key), "%s_p99_us", part);
	if (isnan(event_get(v, key, NAN)))
		return;
	(void)fputs(", ", f);
	markdown_ms(f, event_get(v, key, NAN));
}

static void
timing_row(FILE *f, const struct event *v)
{
	static const char *const parts[] = { "dns", "connect", "tls", "first_byte",
		"total" };

	(void)fputs("| ", f);
	markdown_text(f, v->subject);
	(void)fprintf(f, " | %s | %.0f | %.0f", v->text, event_get(v, "n", 0),
	    event_get(v, "connects", 0));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		cell_part(f, v, parts[i]);
	(void)fputs(" |\n", f);
}

void
markdown_timing(FILE *f, const struct report_input *in)
{
	size_t rows = 0;

	for (size_t i = 0; i < in->count; i++) {
		if (in->events[i].type != EVENT_TIMING)
			continue;
		if (rows++ == 0)
			(void)fputs(
			    "\n## Where the time went\n\n"
			    "| Probe or load | Phase | Answers | Connections made | DNS "
			    "| Connect | TLS | First byte | In all |\n"
			    "|---|---|---:|---:|---:|---:|---:|---:|---:|\n",
			    f);
		timing_row(f, &in->events[i]);
	}
	if (rows > 0)
		(void)fputs(
		    "\np50, and p99 where there are enough answers; each part of "
		    "those answers in which it happened, the first byte from having "
		    "sent the request, all of it from the request's beginning.\n",
		    f);
}

/* --- the story ------------------------------------------------------------------------ */

static bool
belongs_in_story(const struct digest *d, const struct event *v)
{
	if (!digest_is_common(d, v))
		return false;
	switch (v->type) {
	case EVENT_SAMPLES:
	case EVENT_PROBE:
	case EVENT_TIMING:
	case EVENT_LOAD:
	case EVENT_SHIFT:
	case EVENT_SLO:
	case EVENT_DRILL:
		return false;
	case EVENT_NOTE:
		return v->subject[0] == '\0';
	default:
		return true;
	}
}

static void
story_row(FILE *f, const struct event *v)
{
	(void)fprintf(f, "| %.3f s | %s | ", (double)v->at / (double)USEC_PER_SEC,
	    event_type_name(v->type));
	markdown_host(f, v);
	markdown_text(f, v->subject);
	(void)fputs(v->subject[0] != '\0' && v->text[0] != '\0' ? ": " : "", f);
	markdown_text(f, v->text);
	if (v->type == EVENT_SELFTEST) {
		(void)fputs(v->text[0] != '\0' ? ": " : "", f);
		markdown_ms(f, event_get(v, "round_trip_us", NAN));
	}
	(void)fputs(" |\n", f);
}

static size_t
collect_story(const struct report_input *in, size_t *story)
{
	struct digest d;
	size_t rows = 0;

	digest_make(&d, in);
	for (size_t i = 0; i < in->count; i++)
		if (belongs_in_story(&d, &in->events[i]))
			story[rows++] = i;
	return rows;
}

void
markdown_timeline(FILE *f, const struct report_input *in)
{
	_cleanup_free_ size_t *story = xcalloc(in->count, sizeof(*story));
	size_t rows = collect_story(in, story);

	if (rows == 0)
		return;
	(void)fputs("\n## What happened\n\n| Time | What | |\n|---:|---|---|\n", f);
	for (size_t i = 0; i < rows; i++) {
		bool is_middle = i + 1 >= STORY_MAX / 2 && i + STORY_MAX / 2 < rows;

		if (rows > STORY_MAX && i + 1 == STORY_MAX / 2)
			(void)fprintf(f, "| … | | %zu more in events.ndjson |\n",
			    rows - STORY_MAX + 1);
		if (rows <= STORY_MAX || !is_middle)
			story_row(f, &in->events[story[i]]);
	}
}
