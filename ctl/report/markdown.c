/* SPDX-License-Identifier: Apache-2.0 */
/*
 * summary.md: what a person reads the next morning, and pastes into a ticket.  The verdict
 * comes first, then the numbers, then the story; what there is nothing to say about is
 * left out.
 */
#include "markdown.h"
#include "cleanup.h"
#include "clock.h"
#include "digest.h"
#include "redact.h"
#include "status.h"
#include "xalloc.h"
#include <errno.h>
#include <math.h>
#include <string.h>

#define ERRORS_MAX 8 /* at the top; the story has them all */

void
markdown_text(FILE *f, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n' || *s == '\r')
			(void)fputc(' ', f);
		else if (strchr("|\\`*_<>[]", *s) != NULL)
			(void)fprintf(f, "\\%c", *s);
		else
			(void)fputc(*s, f);
	}
}

void
markdown_host(FILE *f, const struct event *v)
{
	if (event_names_host(v))
		return;
	markdown_text(f, v->host);
	(void)fputs(": ", f);
}

void
markdown_ms(FILE *f, double us)
{
	if (isnan(us))
		(void)fputs("–", f);
	else
		(void)fprintf(f, "%.*f ms", fabs(us) < 100000 ? 2 : 0, us / 1000);
}

/* What stood in the way, in its own words. */
static void
write_errors(FILE *f, const struct report_input *in)
{
	size_t count = 0;

	for (size_t i = 0; i < in->count && count < ERRORS_MAX; i++) {
		const struct event *v = &in->events[i];

		if (v->type != EVENT_ERROR)
			continue;
		(void)fputs("- ", f);
		markdown_host(f, v);
		markdown_text(f, v->subject);
		(void)fputs(v->subject[0] != '\0' ? ": " : "", f);
		markdown_text(f, v->text);
		(void)fputc('\n', f);
		count++;
	}
	if (count > 0)
		(void)fputc('\n', f);
}

static void
write_head(FILE *f, const struct report_input *in, const struct digest *d)
{
	_cleanup_free_ char *name = xstrdup(in->experiment->name);
	const char *kernel = digest_note(in, "kernel");
	char wall[32];

	redact(name, in->experiment->secrets);
	(void)fprintf(f, "# ");
	markdown_text(f, name);
	(void)fprintf(f, ": %s\n\n**", verdict_name(in->verdict));
	markdown_text(
	    f, d->verdict != NULL ? d->verdict->text : verdict_sentence(in->verdict));
	(void)fprintf(f, "** (exit %d)\n\n", (int)in->verdict);
	write_errors(f, in);
	if (d->drill != NULL && d->drill->text[0] != '\0') {
		(void)fputs("> ", f);
		markdown_text(f, d->drill->text);
		(void)fputs("\n\n", f);
	}
	(void)fprintf(f, "Drill `%s`", in->drill);
	if (d->drill != NULL) {
		(void)fprintf(f, " on ");
		markdown_text(f, d->drill->host);
		(void)fprintf(
		    f, ", %s", clock_iso8601(d->drill->wall, wall, sizeof(wall)));
	}
	if (kernel != NULL) {
		(void)fputs(", ", f);
		markdown_text(f, kernel);
	}
	(void)fprintf(f, ", stormctl %s.\n", STORMDRILL_VERSION);
}

/* What stopped it, or would have. */
static void
write_decision(FILE *f, const struct digest *d)
{
	const struct event *v = d->decision;

	if (v == NULL)
		return;
	(void)fprintf(f, "\n## What %s\n\n",
	    event_get(v, "late", 0) > 0 ? "was breached" : "stopped it");
	markdown_text(f, v->subject);
	(void)fputs(v->subject[0] != '\0' ? ": " : "", f);
	markdown_text(f, v->text);
	(void)fputs("\n\n", f);
	if (event_get(v, "late", 0) > 0)
		(void)fputs("Known only when the faults' time was up: there was nothing "
			    "left to abort.\n\n",
		    f);
	markdown_evidence(f, v);
}

static void
write_abort(FILE *f, const struct digest *d)
{
	if (d->undo == NULL || strcmp(d->undo->subject, "end") == 0 ||
	    strcmp(d->undo->subject, "refused") == 0)
		return;
	(void)fprintf(f, "\n## The abort in numbers\n\n");
	(void)fprintf(f, "| Moment%s | After the decision |\n|---|---:|\n",
	    d->host_count > 1 ? ", on the last host" : "");
	for (enum digest_moment m = 0; m < MOMENTS; m++) {
		if (!d->moment[m].is_known)
			continue;
		(void)fprintf(f, "| %s | ", moment_sentence(m));
		markdown_ms(f, d->moment[m].us);
		(void)fputs(" |\n", f);
	}
	if (d->selftest != NULL) {
		(void)fputs("\nBefore anything was injected the same way was tried: ", f);
		markdown_ms(f, event_get(d->selftest, "round_trip_us", NAN));
		(void)fputs(" there and back.\n", f);
	}
}

static void
write_where(FILE *f, const struct report_input *in)
{
	(void)fputs(
	    "\n## Where to look\n\n"
	    "- `events.ndjson`: every event with its numbers, one per line, in order\n"
	    "- `journal.json`: the same drill as one document, with totals per phase\n",
	    f);
	if (in->verdict == VERDICT_UNDO_FAILED || in->verdict == VERDICT_AGENT_LOST)
		(void)fputs("- on the host: `stormctl doctor` lists what is left, "
			    "`stormd-undo --all` takes it away\n",
		    f);
	if (in->verdict == VERDICT_AGENT_LOST)
		(void)fputs("- `stormctl status` asks the agent that was lost, once it "
			    "can be reached again\n",
		    f);
	if (in->verdict == VERDICT_REFUTED || in->verdict == VERDICT_BREACHED)
		(void)fputs("- the first bad answers above say what the users saw: start "
			    "there, with the logs of that minute\n",
		    f);
}

static int
markdown_write(FILE *f, const struct report_input *in)
{
	struct digest d;

	digest_make(&d, in);
	write_head(f, in, &d);
	write_decision(f, &d);
	write_abort(f, &d);
	markdown_faults(f, in);
	markdown_hosts(f, in);
	markdown_probes(f, in);
	markdown_judged(f, in);
	markdown_load(f, in);
	markdown_timing(f, in);
	markdown_timeline(f, in);
	write_where(f, in);
	if (fflush(f) != 0 || ferror(f))
		return errno != 0 ? -errno : -EIO;
	return 0;
}

const struct report report_markdown = {
	.name = "markdown",
	.file = "summary.md",
	.write = markdown_write,
};
