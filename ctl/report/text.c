/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event for a person: the time since the drill began, a word, and what
 * happened.  The same lines on a terminal and in a log; only colour differs.
 */
#include "clock.h"
#include "report.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum tint { PLAIN, FAINT, GOOD, WARN, BAD, BOLD };

static const char *const tints[] = {
	[PLAIN] = "",
	[FAINT] = "\033[2m",
	[GOOD] = "\033[32m",
	[WARN] = "\033[33m",
	[BAD] = "\033[1;31m",
	[BOLD] = "\033[1m",
};

static void
line(FILE *f, const struct event *v, int colour, enum tint tint, const char *word)
{
	(void)fprintf(f, "%s%+10.3fs  %-10s%s", colour ? tints[tint] : "",
	    (double)v->at / (double)USEC_PER_SEC, word,
	    colour && tint > 0 ? "\033[0m" : "");
}

static void
ms(FILE *f, const char *before, const struct event *v, const char *key)
{
	double us = event_get(v, key, NAN);

	if (!isnan(us))
		(void)fprintf(f, "%s%.*f ms", before, us < 100000 ? 2 : 0, us / 1000);
}

static void
latencies(FILE *f, const struct event *v)
{
	ms(f, ", p50 ", v, "p50_us");
	ms(f, ", p90 ", v, "p90_us");
	ms(f, ", p99 ", v, "p99_us");
}

static void
totals(FILE *f, const struct event *v)
{
	(void)fprintf(f, "%s%s%s: %.0f answers, %.0f bad", v->subject,
	    v->text[0] ? " " : "", v->text, event_get(v, "n", 0), event_get(v, "bad", 0));
	if (event_get(v, "skipped", 0) > 0)
		(void)fprintf(f, ", %.0f not sent", event_get(v, "skipped", 0));
	latencies(f, v);
	(void)fputc('\n', f);
}

/* With what to put before the next one. */
static const char *
moment(FILE *f, const char *sep, const char *word, const struct event *v, const char *key)
{
	if (isnan(event_get(v, key, NAN)))
		return sep;
	(void)fprintf(f, "%s%s", sep, word);
	ms(f, " ", v, key);
	return ", ";
}

static void
say_undo(FILE *f, const struct event *v)
{
	const char *from = strcmp(v->subject, "end") == 0     ? "its time was up" :
			   strcmp(v->subject, "refused") == 0 ? "the refusal" :
								"the decision";

	(void)fputs(v->text, f);
	if (strncmp(v->text, "good", 4) == 0) {
		ms(f, ": first good answer ", v, "first_good_us");
	} else {
		const char *sep = ": ";

		sep = moment(f, sep, "sent", v, "sent_us");
		sep = moment(f, sep, "received", v, "received_us");
		sep = moment(f, sep, "disarmed", v, "disarmed_us");
		sep = moment(f, sep, "undone", v, "undone_us");
		(void)moment(f, sep, "clean", v, "clean_us");
	}
	(void)fprintf(f, " after %s\n", from);
}

/* What lies clearly above or below, or that nothing does. */
static void
shift(FILE *f, const struct event *v)
{
	static const struct {
		const char *key, *low, *high, *name, *unit;
		double per;
	} shown[] = {
		{ "bad", "bad_low", "bad_high", "bad answers", "points", 0.01 },
		{ "p50_us", "p50_us_low", "p50_us_high", "p50", "ms", 1000 },
		{ "p90_us", "p90_us_low", "p90_us_high", "p90", "ms", 1000 },
		{ "p99_us", "p99_us_low", "p99_us_high", "p99", "ms", 1000 },
	};
	const char *before = "";

	(void)fprintf(f, "%s %s against before: ", v->subject, v->text);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		double low = event_get(v, shown[i].low, NAN) / shown[i].per;
		double high = event_get(v, shown[i].high, NAN) / shown[i].per;

		if (isnan(low) || (low <= 0 && high >= 0))
			continue;
		(void)fprintf(f, "%s%s %+.2f %s (%+.2f to %+.2f)", before, shown[i].name,
		    event_get(v, shown[i].key, NAN) / shown[i].per, shown[i].unit, low,
		    high);
		before = ", ";
	}
	(void)fputs(before[0] == '\0' ? "no clear difference\n" : "\n", f);
}

static enum tint
tint_of(const struct event *v)
{
	switch (v->type) {
	case EVENT_BAD:
	case EVENT_NOTE:
		return WARN;
	case EVENT_DECISION:
	case EVENT_ERROR:
		return BAD;
	case EVENT_UNDO:
		return GOOD;
	case EVENT_PHASE:
	case EVENT_FIRED:
		return BOLD;
	case EVENT_SAMPLES:
		return FAINT;
	case EVENT_VERDICT:
		return event_get(v, "exit", 0) > 0 ? BAD : GOOD;
	default:
		return PLAIN;
	}
}

static const char *
word_of(const struct event *v)
{
	switch (v->type) {
	case EVENT_SAMPLES:
	case EVENT_BAD:
		return "bad";
	case EVENT_DECISION:
		return event_get(v, "late", 0) > 0 ? "BREACH" : "STOP";
	case EVENT_SELFTEST:
		return "self-test";
	default:
		return event_type_name(v->type);
	}
}

/* A second without a bad answer, and what only the reports show, is not worth a line. */
static int
is_worth_a_line(const struct event *v)
{
	switch (v->type) {
	case EVENT_SAMPLES:
		return event_get(v, "bad", 0) > 1 && event_get(v, "load", 0) < 1;
	case EVENT_NOTE:
		return v->subject[0] == '\0';
	case EVENT_RECOVERY: /* else there is an error that says so */
		return event_get(v, "after_us", -1) >= 0;
	case EVENT_TARGET: /* each host again: for who reads the events */
		return v->host[0] == '\0';
	case EVENT_TIMING:  /* for the reports */
	case EVENT_VERDICT: /* said at the end, in full */
		return 0;
	default:
		return 1;
	}
}

/* A fault that was given no name has its kind's, with which its description begins. */
static bool
says_subject(const struct event *v)
{
	size_t len = strlen(v->subject);

	return len > 0 && strncmp(v->text, v->subject, len) == 0 && v->text[len] == ' ';
}

void
event_to_text(const struct event *v, FILE *f, int colour)
{
	if (!is_worth_a_line(v))
		return;
	line(f, v, colour, tint_of(v), word_of(v));
	if (v->type != EVENT_DRILL && !event_names_host(v))
		(void)fprintf(f, "%s: ", v->host);
	switch (v->type) {
	case EVENT_SELFTEST:
		ms(f, "the way an abort takes answers in ", v, "round_trip_us");
		(void)fprintf(f, "%s%s\n", v->text[0] ? "; " : "", v->text);
		break;
	case EVENT_SAMPLES:
	case EVENT_PROBE:
	case EVENT_LOAD:
		totals(f, v);
		break;
	case EVENT_SHIFT:
		shift(f, v);
		break;
	case EVENT_UNDO:
		say_undo(f, v);
		break;
	case EVENT_PHASE:
		(void)fprintf(f, "%s%s%s\n", v->subject, v->text[0] ? ": " : "", v->text);
		break;
	default:
		(void)fprintf(f, "%s%s%s\n", says_subject(v) ? "" : v->subject,
		    v->subject[0] && v->text[0] && !says_subject(v) ? ": " : "", v->text);
	}
}
