/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a search has come to, in sentences: the same ones on the terminal, in search.md and
 * in search.json.
 */
#include "cleanup.h"
#include "search_job.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct words {
	const struct search_job *j;
	struct search_word *row;
	size_t count;
};

__attribute__((format(printf, 3, 4))) static void
say(struct words *w, const char *label, const char *fmt, ...)
{
	va_list ap;

	if (w->count == SEARCH_WORDS_MAX)
		return;
	struct search_word *row = &w->row[w->count++];
	row->label = label;
	va_start(ap, fmt);
	(void)vsnprintf(row->text, sizeof(row->text), fmt, ap);
	va_end(ap);
}

/* A value in the words of its parameter; a few of them may be in use at once. */
static const char *
value(const struct search_job *j, int64_t v)
{
	static char text[4][VARY_TEXT];
	static size_t next;

	next = (next + 1) % ARRAY_LEN(text);
	return vary_format(&j->vary, v, text[next], sizeof(text[next]));
}

/* --- the answer ----------------------------------------------------------------------- */

double
search_sure(const struct search_answer *a)
{
	double error = 0;

	if (a->has_held)
		error += a->hold_error;
	if (a->has_broken)
		error += a->break_error;
	return isnan(error) ? NAN : fmax(1 - error, 0);
}

static const char *
percent(const struct search_answer *a, char *buf, size_t size)
{
	double sure = search_sure(a);

	buf[0] = '\0';
	if (sure >= 1 - SEARCH_SURE)
		(void)snprintf(buf, size, " (%.0f %%)", 100 * (1 - SEARCH_SURE));
	else if (sure >= 0.5)
		(void)snprintf(buf, size, " (only %.0f %%)", floor(100 * sure));
	else if (!isnan(sure))
		(void)snprintf(buf, size, " (not sure at all)");
	return buf;
}

static void
say_answer(struct words *w)
{
	const struct search_job *j = w->j;
	const struct search_answer *a = &j->answer;
	char sure[32];

	(void)percent(a, sure, sizeof(sure));
	if (a->has_held && a->has_broken)
		say(w, "answer", "%s holds at %s, breaks at %s%s", j->vary.name,
		    value(j, a->holds), value(j, a->breaks), sure);
	else if (a->has_held && a->holds == j->vary.to)
		say(w, "answer", "%s never breaks: it holds up to %s%s", j->vary.name,
		    value(j, a->holds), sure);
	else if (a->has_held)
		say(w, "answer", "%s holds at %s%s; where it breaks is not known",
		    j->vary.name, value(j, a->holds), sure);
	else if (a->has_broken && a->breaks == j->vary.from)
		say(w, "answer", "%s breaks at %s already, the first value tried%s",
		    j->vary.name, value(j, a->breaks), sure);
	else if (a->has_broken)
		say(w, "answer", "%s breaks at %s%s; no value is known to hold",
		    j->vary.name, value(j, a->breaks), sure);
	else
		say(w, "answer", "none: no drill has shown anything");
}

/* --- how sure ------------------------------------------------------------------------- */

/* "0.1 %", "(4 %)^2" */
static const char *
power(double chance, size_t times, char *buf, size_t size)
{
	char base[32];

	if (chance < 1e-6)
		(void)snprintf(base, sizeof(base), "0.0001 %%");
	else
		(void)snprintf(base, sizeof(base), "%.2g %%", 100 * chance);
	if (times > 1)
		(void)snprintf(buf, size, "(%s)^%zu", base, times);
	else
		(void)snprintf(buf, size, "%s", base);
	return buf;
}

static const struct search_step *
stop_by_rule(const struct search_job *j)
{
	for (size_t i = 0; i < j->count; i++) {
		const struct search_step *s = &j->step[i];

		if (s->is_counted && s->end == SEARCH_BROKE && isnan(s->chance) &&
		    s->value == j->answer.breaks)
			return s;
	}
	return NULL;
}

static void
say_sure(struct words *w)
{
	const struct search_answer *a = &w->j->answer;
	const struct search_step *rule = a->has_broken ? stop_by_rule(w->j) : NULL;
	char hold[160] = "", stop[160] = "", text[64];
	double error = 0;

	if (rule != NULL)
		say(w, "sure",
		    "no chance belongs to the stop at %s: %s is a rule and no test",
		    value(w->j, a->breaks), judge_reason_name(rule->result.reason));
	if (a->has_held) {
		error += a->hold_error;
		(void)snprintf(hold, sizeof(hold), "%s that %s held by luck",
		    power(a->beta, a->held, text, sizeof(text)), value(w->j, a->holds));
	}
	if (a->has_broken && rule == NULL) {
		error += a->break_error;
		(void)snprintf(stop, sizeof(stop), "%s that %s broke by chance",
		    power(a->alpha, a->broken, text, sizeof(text)),
		    value(w->j, a->breaks));
	}
	if (hold[0] == '\0' && stop[0] == '\0')
		return;
	say(w, "sure",
	    "%s wrong with a chance of at most %.3g %%: %zu drill%s × (%s%s%s)",
	    rule != NULL ? "that it holds is" : "it is", 100 * fmin(error, 1), a->decided,
	    a->decided == 1 ? "" : "s", hold,
	    hold[0] != '\0' && stop[0] != '\0' ? " + " : "", stop);
	if (a->has_held && a->hold_error > SEARCH_SURE)
		say(w, "hint",
		    "more answers would tell: a longer steady.during, or a higher rate");
}

/* --- what else there is to say -------------------------------------------------------- */

static void
say_oddities(struct words *w)
{
	const struct search_job *j = w->j;
	const struct search_answer *a = &j->answer;

	if (a->has_vague_hold)
		say(w, "note", "%s held as well, which may be luck",
		    value(j, a->vague_hold));
	if (a->has_vague_break)
		say(w, "note", "%s broke as well, which may be chance",
		    value(j, a->vague_break));
	if (a->is_crossed)
		say(w, "note",
		    "not monotone: %s held although %s broke, so that more of it is not always "
		    "worse and there is no one limit",
		    value(j, a->held_beyond),
		    value(j, a->has_vague_break ? a->vague_break : a->breaks));
	if (a->is_mixed)
		say(w, "note", "%s has held and has broken: the limit is not sharp",
		    value(j, a->mixed));
	if (a->is_lost)
		say(w, "note", "%s has shown nothing, twice: the search ends there",
		    value(j, a->lost));
	if (j->ended != VERDICT_HELD && j->why[0] != '\0')
		say(w, "ended", "%s (exit %d): %s", verdict_name(j->ended), (int)j->ended,
		    j->why);
}

static void
say_against(struct words *w)
{
	static const char *const changes[] = {
		[SEARCH_SAME] = "no change that can be told",
		[SEARCH_WORSE] = "REGRESSION: it breaks at what it stood",
		[SEARCH_BETTER] = "better: it stands what broke it",
		[SEARCH_UNSURE] =
		    "cannot be told: the answer here may be chance, or is none",
	};
	const struct search_job *j = w->j;
	const struct search_answer *a = &j->earlier.answer;
	char was[160];
	size_t at = 0;

	if (j->earlier.path == NULL)
		return;
	was[0] = '\0';
	if (a->has_held)
		at = (size_t)snprintf(was, sizeof(was), "held at %s", value(j, a->holds));
	if (a->has_broken)
		(void)snprintf(was + at, sizeof(was) - at, "%sbroke at %s",
		    at > 0 ? ", " : "", value(j, a->breaks));
	say(w, "against", "%s (%.10s) %s: %s", j->earlier.path, j->earlier.began, was,
	    changes[j->change]);
	char now[SHA256_HEX_LEN];
	sha256_hex(j->x->text, strlen(j->x->text), now);
	if (j->earlier.sha256[0] != '\0' && strcmp(j->earlier.sha256, now) != 0)
		say(w, "note", "the experiment file has changed since");
}

size_t
search_words(const struct search_job *j, struct search_word ret[SEARCH_WORDS_MAX])
{
	struct words w = { .j = j, .row = ret };

	say_answer(&w);
	say_sure(&w);
	say_oddities(&w);
	say_against(&w);
	return w.count;
}

/* --- one step ------------------------------------------------------------------------- */

const char *
search_step_end(const struct search_step *s)
{
	static const char *const ends[] = {
		[SEARCH_HELD] = "held",
		[SEARCH_BROKE] = "broke",
		[SEARCH_NOTHING] = "nothing",
	};

	if (s->result.is_asked_to_end && s->verdict == VERDICT_STOPPED)
		return "stopped";
	return s->is_counted ? ends[s->end] : verdict_name(s->verdict);
}

void
search_step_words(
    const struct search_step *s, const struct experiment *x, char *buf, size_t size)
{
	const struct run_result *r = &s->result;
	unsigned long long n = 0, bad = 0;
	char after[32];

	if (s->is_counted && s->end == SEARCH_BROKE && r->is_stopped) {
		(void)snprintf(buf, size, "after %s: %s",
		    format_usec(r->stopped_after / 1000 * 1000, after, sizeof(after)),
		    r->why);
		return;
	}
	if (!s->is_counted || s->end != SEARCH_HELD) {
		(void)snprintf(buf, size, "%s",
		    r->why[0] != '\0' ? r->why : verdict_sentence(s->verdict));
		return;
	}
	for (size_t i = 0; i < x->probe_count; i++) {
		n += r->during[i].n;
		bad += r->during[i].bad;
	}
	(void)snprintf(buf, size, "%llu of %llu answers bad", bad, n);
}
