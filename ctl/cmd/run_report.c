/* SPDX-License-Identifier: Apache-2.0 */
/* What the drill has shown: totals, the verdict by its rules, and the last words. */
#include "digest.h"
#include "drill.h"
#include "probe.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SAMPLES_MIN    30
#define LATE_SHARE_MAX 0.05
#define NAMES_SHOWN    6

static const char *
name_of(const struct host *h)
{
	return h != NULL ? h->name : "localhost";
}

/* "db1, db2, db3 and 27 more: 30 of the 60 that match role=db" */
static void
say_target(struct drill *d, const struct roster_target *t)
{
	char text[480];
	size_t at = 0, i;

	for (i = 0; i < t->count && i < NAMES_SHOWN && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s",
		    i > 0 ? ", " : "", name_of(t->hosts[i]));
	if (i < t->count && at < sizeof(text))
		at += (size_t)snprintf(
		    text + at, sizeof(text) - at, " and %zu more", t->count - i);
	if (t->target->where != NULL && at < sizeof(text))
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    ": %zu of %zu that match %s", t->count, t->matched, t->target->where);
	if (t->count < t->matched && at < sizeof(text))
		(void)snprintf(text + at, sizeof(text) - at, "; --seed %llu for the same",
		    (unsigned long long)d->o->roster->seed);
	struct event v = drill_event(d, EVENT_TARGET, t->target->name, "%s", text);
	event_num(&v, "matched", (double)t->matched);
	event_num(&v, "hosts", (double)t->count);
	drill_emit(d, &v);
	for (i = 0; i < t->count; i++) {
		v = drill_event(d, EVENT_TARGET, t->target->name, NULL);
		(void)snprintf(v.host, sizeof(v.host), "%s", name_of(t->hosts[i]));
		drill_emit(d, &v);
	}
}

void
report_targets(struct drill *d)
{
	const struct roster *r = d->o->roster;

	if (r == NULL || r->target_count == 0)
		return;
	drill_say(d, EVENT_NOTE, "seed", "%llu", (unsigned long long)r->seed);
	for (size_t i = 0; i < r->target_count; i++)
		if (r->targets[i].count > 0)
			say_target(d, &r->targets[i]);
}

static void
quantile(struct event *v, const char *key, const struct hist *h, double q)
{
	if (hist_supports(h, q))
		event_num(v, key, (double)hist_quantile(h, q));
}

void
report_total(struct drill *d, enum event_type type, size_t check, enum phase p)
{
	const struct totals *t = &d->tally[check].phase[p];

	if (t->n + t->skipped == 0)
		return;
	struct event v = drill_event(d, type, d->checks[check].name, "%s", phase_name(p));
	event_num(&v, "n", (double)t->n);
	event_num(&v, "bad", (double)t->bad);
	event_num(&v, "skipped", (double)t->skipped);
	event_num(&v, "late", (double)t->late);
	event_num(&v, "good_share", totals_good_share(t));
	quantile(&v, "p50_us", &t->hist, 0.5);
	quantile(&v, "p90_us", &t->hist, 0.9);
	quantile(&v, "p99_us", &t->hist, 0.99);
	if (t->hist.count > 0)
		event_num(&v, "max_us", (double)t->hist.max);
	for (enum sample_class c = SAMPLE_SLOW; c < SAMPLE_SKIPPED; c++)
		if (t->by_class[c] > 0)
			event_num(&v, sample_class_name(c), (double)t->by_class[c]);
	drill_emit(d, &v);
	timing_report(d, check, p);
}

void
report_totals(struct drill *d, enum phase p)
{
	for (size_t i = 0; i < d->judged_count; i++)
		report_total(d, EVENT_PROBE, i, p);
}

#define SENTENCE_MAX (DOUBT_MAX + 32)

void
drill_doubt(struct drill *d, const char *fmt, ...)
{
	va_list ap;

	d->found.inconclusive = true;
	if (d->doubt[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(d->doubt, sizeof(d->doubt), fmt, ap);
	va_end(ap);
}

/* Of a drill that ran to its end: was each objective met, and were there enough answers to
 * say so? */
static void
judge_probes(struct drill *d)
{
	for (size_t i = 0; i < d->x->probe_count; i++) {
		const struct totals *t = &d->tally[i].phase[PHASE_DURING];
		const struct probe_def *p = &d->checks[i];

		if (t->n < SAMPLES_MIN) {
			drill_doubt(d, "%s gave too few answers", p->name);
			drill_say(d, EVENT_NOTE, NULL,
			    "%s: only %llu answers during the drill, 30 are needed",
			    p->name, (unsigned long long)t->n);
		} else if (totals_good_share(t) < p->objective) {
			d->found.missed = true;
			drill_say(d, EVENT_ERROR, p->name,
			    "%.4g %% of the answers were good, the objective is %.6g %%",
			    100 * totals_good_share(t), 100 * p->objective);
		}
		if (totals_late_share(t) > LATE_SHARE_MAX) {
			drill_doubt(d, "our own prober was late");
			drill_say(d, EVENT_ERROR, p->name,
			    "our own prober was late or skipped %.0f %% of the samples "
			    "(the last: %s)",
			    100 * totals_late_share(t),
			    t->skipped > 0 ? d->tally[i].skipped_why : "late");
		}
	}
}

/* What one host refused to begin, others may have begun. */
static bool
has_fired(const struct drill *d)
{
	FOR_EACH_PARTY(d, p)
		if (p->is_fired)
			return true;
	return false;
}

/* A drill that looked at nothing has shown nothing, and neither has a rehearsal. */
static const char *
sentence_of(const struct drill *d, enum verdict v, char *buf, size_t size)
{
	if (v == VERDICT_INCONCLUSIVE && d->doubt[0] != '\0') {
		(void)snprintf(buf, size, "The drill shows nothing: %s.", d->doubt);
		return buf;
	}
	if (v == VERDICT_BREACHED && d->known_late != 0)
		return "The budget or a guard was breached, as was known only when the "
		       "faults' time was up; they are undone.";
	if (v != VERDICT_HELD)
		return verdict_sentence(v);
	if (d->o->rehearse)
		return "The rehearsal went as planned; nothing was injected.";
	return d->judged_count > 0 ? verdict_sentence(v) :
				     "Everything went as planned; nothing was probed.";
}

enum verdict
report_verdict(struct drill *d)
{
	if (d->stop == STOP_NOT && d->fired != 0)
		judge_probes(d);
	if (d->is_unfired)
		*(has_fired(d) ? &d->found.inconclusive : &d->found.refused) = true;
	char sentence[SENTENCE_MAX];
	enum verdict v = verdict_of(&d->found);

	if (v == VERDICT_REFUSED && d->is_invalid)
		v = VERDICT_INVALID;
	struct event ev = drill_event(d, EVENT_VERDICT, verdict_name(v), "%s",
	    sentence_of(d, v, sentence, sizeof(sentence)));
	event_num(&ev, "exit", v);
	drill_emit(d, &ev);
	return v;
}

/* "first bad answer, 43.1 ms later the decision; from there sent 0.02 ms, received 0.11 ms,
 * disarmed 0.41 ms, undone 0.90 ms, clean 23.1 ms, first good answer 31.0 ms" */
static void
say_abort_numbers(struct drill *d, const struct digest *g)
{
	static const struct {
		enum digest_moment moment;
		const char *word;
	} shown[] = {
		{ MOMENT_SENT, "sent" },
		{ MOMENT_RECEIVED, "received" },
		{ MOMENT_DISARMED, "disarmed" },
		{ MOMENT_UNDONE, "undone" },
		{ MOMENT_CLEAN, "clean" },
		{ MOMENT_FIRST_GOOD, "first good answer" },
	};
	char line[400];
	size_t at = 0;

	if (g->decision == NULL || g->undo == NULL || d->known_late != 0)
		return;
	if (g->moment[MOMENT_FIRST_BAD].is_known)
		at += (size_t)snprintf(line, sizeof(line),
		    "first bad answer, %.1f ms later ",
		    -g->moment[MOMENT_FIRST_BAD].us / 1000);
	at += (size_t)snprintf(line + at, sizeof(line) - at, "the decision; from there");
	if (g->host_count > 1 && at < sizeof(line))
		at += (size_t)snprintf(line + at, sizeof(line) - at, " on all hosts");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (g->moment[shown[i].moment].is_known && at < sizeof(line))
			at += (size_t)snprintf(line + at, sizeof(line) - at,
			    "%s %s %.2f ms", i > 0 ? "," : "", shown[i].word,
			    g->moment[shown[i].moment].us / 1000);
	output_say(&d->out, "abort:   %s", line);
}

void
report_last_words(struct drill *d, enum verdict v)
{
	struct report_input in = {
		.experiment = d->x,
		.drill = d->id,
		.events = d->out.events,
		.count = d->out.count,
		.verdict = v,
	};
	char sentence[SENTENCE_MAX];
	struct digest g;

	digest_make(&g, &in);
	output_say(&d->out, "verdict: %s (exit %d)",
	    sentence_of(d, v, sentence, sizeof(sentence)), (int)v);
	if (d->o->quiet && g.decision != NULL)
		output_say(
		    &d->out, "because: %s: %s", g.decision->subject, g.decision->text);
	say_abort_numbers(d, &g);
	if (d->out.lines_lost > 0)
		output_say(&d->out, "%zu lines were not shown: nobody read them in time",
		    d->out.lines_lost);
	output_say(&d->out, "results: %s/summary.md", d->out.dir);
}
