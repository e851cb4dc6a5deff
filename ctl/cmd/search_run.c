/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drill after drill, until the model has nothing more to ask.  Each is a whole one, with its
 * own steady state before, its undo and its recovery, and its own directory; what does not
 * recover, or cannot be undone, ends the search there.
 */
#include "cleanup.h"
#include "err.h"
#include "inventory.h"
#include "roster.h"
#include "search_job.h"
#include "xalloc.h"
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void
end_with(struct search_job *j, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	if (j->is_over)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(j->why, sizeof(j->why), fmt, ap);
	va_end(ap);
	j->ended = v;
	j->is_over = true;
}

/* --- what came of a drill ------------------------------------------------------------- */

/* Of several probes, that which says least: any of them may be the one that suffers. */
static double
chance_of_holding(const struct search_job *j, const struct run_result *r)
{
	double worst = 0;

	for (size_t i = 0; i < j->x->probe_count; i++)
		worst = fmax(
		    worst, search_chance_of_few(&r->during[i], j->x->probes[i].abort_at));
	return worst;
}

/* Of several probes any may miss its objective by chance. */
static double
chance_of_missing(const struct search_job *j, const struct run_result *r)
{
	double least = 1;

	for (size_t i = 0; i < j->x->probe_count; i++)
		least = fmin(least,
		    search_chance_of_many(&r->during[i], 1 - j->x->probes[i].objective));
	return fmin(least * (double)j->x->probe_count, 1);
}

static double
chance_of_stopping(const struct search_job *j, const struct run_result *r)
{
	return r->reason == JUDGE_BREACH ? j->x->budget.false_abort : NAN;
}

static void
classify(const struct search_job *j, struct search_step *s)
{
	const struct run_result *r = &s->result;

	s->is_counted = true;
	if (s->verdict == VERDICT_HELD) {
		s->end = SEARCH_HELD;
		s->chance = chance_of_holding(j, r);
	} else if (s->verdict == VERDICT_REFUTED) {
		s->end = SEARCH_BROKE;
		s->chance = chance_of_missing(j, r);
	} else if (r->is_stopped) {
		s->end = SEARCH_BROKE;
		s->chance = chance_of_stopping(j, r);
	} else {
		s->end = SEARCH_NOTHING;
		s->chance = NAN;
		s->is_counted = s->verdict == VERDICT_INCONCLUSIVE ||
				(s->verdict == VERDICT_UNSTEADY && j->count > 0);
	}
}

/* After these the next drill may begin. */
static bool
goes_on(const struct search_step *s)
{
	return s->is_counted && !s->result.is_asked_to_end &&
	       (s->verdict == VERDICT_HELD || s->verdict == VERDICT_REFUTED ||
		   s->verdict == VERDICT_BREACHED || s->verdict == VERDICT_INCONCLUSIVE ||
		   s->verdict == VERDICT_UNSTEADY);
}

/* --- one drill ------------------------------------------------------------------------ */

/* The same hosts in each: what the first has drawn, the others draw again. */
static enum verdict
drill(struct search_job *j, struct search_step *s, const char *reason, const char *dir)
{
	struct run_options o = j->run;
	struct inventory *inventory;
	struct roster roster;
	int code = hosts_choose("stormctl search", j->x, &j->hosts, &inventory, &roster);

	if (code != 0)
		return (enum verdict)code;
	j->hosts.seed = roster.seed;
	o.roster = &roster;
	o.reason = reason;
	o.out_dir = dir;
	o.silent = true;
	o.on_event = search_say_event;
	o.ctx = j;
	o.result = &s->result;
	enum verdict v = run_drill(j->x, &o);
	roster_release(&roster);
	inventory_free(inventory);
	return v;
}

/* In words that say why there is no next one. */
static void
end_at(struct search_job *j, const struct search_step *s, const char *value)
{
	const char *why = s->result.why;

	if (s->result.is_asked_to_end && s->verdict == VERDICT_BREACHED)
		end_with(j, VERDICT_STOPPED, "step %zu, %s: a person ended it", j->count,
		    value);
	else if (why[0] == '\0' || s->verdict == VERDICT_NOT_RECOVERED)
		end_with(j, s->verdict, "step %zu, %s: %s", j->count, value,
		    verdict_sentence(s->verdict));
	else
		end_with(j, s->verdict, "step %zu, %s: %s", j->count, value, why);
}

static void
try_value(struct search_job *j, int64_t value)
{
	struct search_step *s = &j->step[j->count];
	char text[VARY_TEXT];
	struct err e;

	(void)vary_format(&j->vary, value, text, sizeof(text));
	if (vary_set(&j->vary, value, &e) < 0) {
		end_with(j, VERDICT_INVALID, "%s: %s", text, e.msg);
		return;
	}
	*s = (struct search_step){ .value = value, .began = clock_wall() };
	(void)snprintf(s->dir, sizeof(s->dir), "step-%02zu", j->count + 1);
	_cleanup_free_ char *dir = xasprintf("%s/%s", j->dir, s->dir);
	_cleanup_free_ char *reason = xasprintf("%s%ssearch, step %zu: %s=%s",
	    j->run.reason != NULL ? j->run.reason : "", j->run.reason != NULL ? "; " : "",
	    j->count + 1, j->vary.name, text);
	usec_t began = clock_boottime();

	search_say_try(j, value);
	s->verdict = drill(j, s, reason, dir);
	s->took = clock_boottime() - began;
	classify(j, s);
	j->count++;
	if (s->is_counted)
		(void)search_add(
		    &j->search, &(struct search_drill){
				    .value = value, .end = s->end, .chance = s->chance });
	if (!goes_on(s))
		end_at(j, s, text);
	search_say_step(j, s);
}

/* --- all of them ---------------------------------------------------------------------- */

/* A drill blocks signals and leaves them so: what comes between two is seen here. */
static bool
is_asked_to_end(void)
{
	const struct timespec now = { 0 };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	return sigtimedwait(&set, NULL, &now) > 0;
}

/* What was shown nothing of twice is no answer, and neither is a limit that is none. */
static void
judge_end(struct search_job *j)
{
	const struct search_step *last = &j->step[j->count > 0 ? j->count - 1 : 0];

	if (j->answer.is_lost)
		end_with(j,
		    last->verdict == VERDICT_UNSTEADY ? VERDICT_UNSTEADY :
							VERDICT_INCONCLUSIVE,
		    "twice it has shown nothing: %s", last->result.why);
	else if (j->answer.is_crossed)
		end_with(j, VERDICT_INCONCLUSIVE, "there is no one limit");
}

void
search_run(struct search_job *j)
{
	int64_t value;

	search_say_start(j);
	search_write_json(j);
	while (!j->is_over && search_next(&j->search, &value)) {
		try_value(j, value);
		search_answer(&j->search, &j->answer);
		search_write_json(j);
		if (is_asked_to_end())
			end_with(j, VERDICT_STOPPED, "a person ended it after step %zu",
			    j->count);
	}
	judge_end(j);
	j->is_over = true;
	if (j->earlier.path != NULL)
		j->change = search_compare(
		    j->vary.to > j->vary.from, &j->earlier.answer, &j->answer);
	search_write_json(j);
	search_write_markdown(j);
	search_say_end(j);
}

int
search_exit_code(const struct search_job *j)
{
	if (j->ended != VERDICT_HELD)
		return (int)j->ended;
	if (j->earlier.path != NULL && j->change == SEARCH_WORSE)
		return VERDICT_REFUTED;
	if (j->earlier.path != NULL && j->change == SEARCH_UNSURE)
		return VERDICT_INCONCLUSIVE;
	return j->answer.has_held ? VERDICT_HELD : VERDICT_BREACHED;
}
