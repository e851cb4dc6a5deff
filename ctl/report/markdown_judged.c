/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the judge has to say in summary.md: the evidence of a stop, how far each phase lies
 * from the first, the error budget, and the recovery.  Each number is one that the journal
 * has, too; nothing is computed again here.
 */
#include "clock.h"
#include "digest.h"
#include "markdown.h"
#include <math.h>
#include <string.h>

/* --- evidence ------------------------------------------------------------------------- */

static double
get(const struct event *v, const char *key)
{
	return event_get(v, key, NAN);
}

static void
write_samples(FILE *f, const struct event *v)
{
	double first = get(v, "first_us");

	(void)fprintf(f, "| Which answers | %.0f bad ones among answers %.0f to %.0f of ",
	    get(v, "bad"), get(v, "from"), get(v, "to"));
	markdown_text(f, v->subject);
	if (!isnan(first))
		(void)fprintf(
		    f, ", known from %.3f s to %.3f s", first / 1e6, (double)v->at / 1e6);
	(void)fputs(" |\n", f);
}

static void
write_null(FILE *f, const struct event *v)
{
	(void)fprintf(f,
	    "| Taken for healthy | after a good answer %.3g %% bad (q), after a bad one %.3g "
	    "%% (r)",
	    100 * get(v, "q"), 100 * get(v, "r"));
	if (get(v, "stall") > 0)
		(void)fprintf(
		    f, "; a row of up to %.0f is a pause of health", get(v, "stall"));
	if (get(v, "base_n") > 0)
		(void)fprintf(f,
		    "; from the objective and %.0f bad of %.0f answers before",
		    get(v, "base_bad"), get(v, "base_n"));
	(void)fputs(" |\n", f);
}

static void
write_test(FILE *f, const struct event *v)
{
	(void)fprintf(f,
	    "| Evidence and threshold | %.2f of %.2f that %.3g %% are bad, and not what a "
	    "healthy system shows |\n",
	    get(v, "s"), get(v, "h"), 100 * get(v, "p1"));
	write_null(f, v);
	(void)fprintf(f,
	    "| Chance of a false stop | at most %.3g %% of healthy drills: the threshold is "
	    "ln(%.0f answers · %.0f tests · %.0f probe%s / %.3g) |\n",
	    100 * get(v, "alpha"), get(v, "planned"), get(v, "tests"), get(v, "probes"),
	    get(v, "probes") > 1 ? "s" : "", get(v, "alpha"));
}

void
markdown_evidence(FILE *f, const struct event *v)
{
	if (isnan(get(v, "from")))
		return;
	(void)fputs("| The evidence | |\n|---|---|\n", f);
	write_samples(f, v);
	if (!isnan(get(v, "s")))
		write_test(f, v);
	else if (!isnan(get(v, "burn")))
		(void)fprintf(f,
		    "| Burn rate | %.3g times what the objective allows over %.3g s, %.3g times "
		    "over %.3g s; the limit is %.3g |\n",
		    get(v, "burn"), get(v, "long_us") / 1e6, get(v, "burn_short"),
		    get(v, "short_us") / 1e6, get(v, "limit"));
	else if (!isnan(get(v, "limit")))
		(void)fprintf(f,
		    "| Ceiling | %.0f bad answers, set by the experiment |\n",
		    ceil(get(v, "limit")));
	if (isnan(get(v, "s")))
		(void)fputs("| Chance of a false stop | none is promised: this stops a "
			    "healthy system, too |\n",
		    f);
}

/* --- shifts --------------------------------------------------------------------------- */

/* "**+104.00 ms** (103.10 to 105.20)" */
static void
cell_shift(FILE *f, const struct event *v, const char *key, double per, const char *unit)
{
	char name[32];
	double by = get(v, key) / per, low, high;
	bool is_clear;

	(void)snprintf(name, sizeof(name), "%s_low", key);
	low = get(v, name) / per;
	(void)snprintf(name, sizeof(name), "%s_high", key);
	high = get(v, name) / per;
	if (isnan(by)) {
		(void)fputs(" – |", f);
		return;
	}
	is_clear = low > 0 || high < 0;
	(void)fprintf(f, " %s%+.2f %s%s (%+.2f to %+.2f) |", is_clear ? "**" : "", by,
	    unit, is_clear ? "**" : "", low, high);
}

static void
shift_row(FILE *f, const struct event *v)
{
	(void)fputs("| ", f);
	markdown_text(f, v->subject);
	(void)fprintf(f, " | %s |", v->text);
	cell_shift(f, v, "bad", 0.01, "points");
	cell_shift(f, v, "p50_us", 1000, "ms");
	cell_shift(f, v, "p90_us", 1000, "ms");
	cell_shift(f, v, "p99_us", 1000, "ms");
	(void)fprintf(f, " %.0f %% |\n", 100 * get(v, "worse"));
}

static void
write_shifts(FILE *f, const struct report_input *in)
{
	size_t rows = 0;

	for (size_t i = 0; i < in->count; i++) {
		if (in->events[i].type != EVENT_SHIFT)
			continue;
		if (rows++ == 0)
			(void)fputs("\n## Against before\n\n"
				    "| Probe | Phase | Bad | p50 | p90 | p99 | Slower |\n"
				    "|---|---|---:|---:|---:|---:|---:|\n",
			    f);
		shift_row(f, &in->events[i]);
	}
	if (rows > 0)
		(void)fputs(
		    "\nBy how much each phase lies above `before`, with 95 % limits; bold "
		    "where 0 lies outside them.  *Slower* is the chance that an answer took "
		    "longer than one of before: 50 % is no difference.  The limits take "
		    "latencies to be independent of each other; where they come in spells, they "
		    "should be wider.\n",
		    f);
}

/* --- budget and recovery -------------------------------------------------------------- */

static void
write_list(FILE *f, const struct report_input *in, enum event_type t, const char *heading)
{
	size_t rows = 0;

	for (size_t i = 0; i < in->count; i++) {
		if (in->events[i].type != t)
			continue;
		(void)fputs(rows++ == 0 ? heading : "", f);
		(void)fputs("- ", f);
		markdown_text(f, in->events[i].subject);
		(void)fputs(": ", f);
		markdown_text(f, in->events[i].text);
		(void)fputc('\n', f);
	}
}

void
markdown_judged(FILE *f, const struct report_input *in)
{
	write_shifts(f, in);
	write_list(f, in, EVENT_RECOVERY, "\n## Recovery\n\n");
	write_list(f, in, EVENT_SLO, "\n## Error budget\n\n");
}
