/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the answers have shown, as events: the decision with everything it rests on, how far
 * each phase lies from the first, the error budget that was spent, and when it was good
 * again.  Said only after the undo is on the wire; nothing here decides anything.
 */
#include "drill.h"
#include "shift.h"
#include <inttypes.h>
#include <stdio.h>

/* --- the decision --------------------------------------------------------------------- */

static void
explain_test(const struct judge_decision *c, char *buf, size_t size)
{
	(void)snprintf(buf, size,
	    "%" PRIu64 " of the last %" PRIu64
	    " answers bad; %.2g %% is normal, %.3g %% is worth stopping "
	    "for (evidence %.1f of %.1f; a healthy system is stopped in at most %.2g %% of "
	    "drills)",
	    c->bad, c->to - c->from + 1, 100 * c->p0, 100 * c->p1, c->s, c->limit,
	    100 * c->alpha);
}

static void
explain_slice(const struct drill *d, char *buf, size_t size)
{
	const struct judge_decision *c = &d->decision;
	const struct slo_def *slo = &d->checks[c->probe].slo;
	char window[32];

	(void)snprintf(buf, size,
	    "%" PRIu64
	    " bad answers: the drill's %.3g %% of the error budget are spent (%.6g %% good "
	    "over %s)",
	    c->bad, 100 * slo->spend, 100 * slo->objective,
	    format_usec(slo->window, window, sizeof(window)));
}

static void
explain_burn(const struct drill *d, char *buf, size_t size)
{
	const struct judge_decision *c = &d->decision;
	const struct slo_def *slo = &d->checks[c->probe].slo;
	const struct burn_def *b = &slo->burn[c->burn.index];
	char longer[32], shorter[32];

	(void)snprintf(buf, size,
	    "%" PRIu64 " of the last %" PRIu64
	    " answers bad: errors come %.3g times as fast as %.6g %% good "
	    "allows over %s, and %.3g times over %s; %.3g is the limit",
	    c->bad, c->to - c->from + 1, c->burn.longer, 100 * slo->objective,
	    format_usec(b->longer, longer, sizeof(longer)), c->burn.shorter,
	    format_usec(b->shorter, shorter, sizeof(shorter)), c->limit);
}

static void
explain(const struct drill *d, char *buf, size_t size)
{
	const struct judge_decision *c = &d->decision;

	switch (c->reason) {
	case JUDGE_BREACH:
		explain_test(c, buf, size);
		return;
	case JUDGE_MAX_BAD:
		(void)snprintf(buf, size,
		    "%" PRIu64 " bad answers: budget.max_bad is used up", d->judge.bad);
		return;
	case JUDGE_CONSECUTIVE:
		(void)snprintf(buf, size,
		    "%" PRIu64 " bad answers in a row: budget.consecutive", c->bad);
		return;
	case JUDGE_SLICE:
		explain_slice(d, buf, size);
		return;
	case JUDGE_BURN:
		explain_burn(d, buf, size);
		return;
	case JUDGE_GUARD:
	case JUDGE_GO_ON:
		(void)snprintf(buf, size, "the guard no longer holds");
		return;
	}
}

/* The numbers of a test, and of the null that it is held against. */
static void
add_test(const struct drill *d, struct event *v)
{
	const struct judge_decision *c = &d->decision;
	const struct answers *base = &d->judge.config.probe[c->probe].base;

	event_num(v, "s", c->s);
	event_num(v, "h", c->h);
	event_num(v, "p1", c->p1);
	event_num(v, "p0", c->p0);
	event_num(v, "q", c->q);
	event_num(v, "r", c->r);
	event_num(v, "base_n", (double)base->n);
	event_num(v, "base_bad", (double)base->bad);
	if (d->judge.probe[c->probe].stall > 0)
		event_num(v, "stall", d->judge.probe[c->probe].stall);
	event_num(v, "alpha", c->alpha);
	event_num(v, "planned", d->judge.planned);
	event_num(v, "tests", d->judge.tests);
	event_num(v, "probes", (double)d->judge.config.probe_count);
}

static void
add_burn(const struct drill *d, struct event *v)
{
	const struct judge_decision *c = &d->decision;
	const struct burn_def *b = &d->checks[c->probe].slo.burn[c->burn.index];

	event_num(v, "burn", c->burn.longer);
	event_num(v, "burn_short", c->burn.shorter);
	event_num(v, "long_us", (double)b->longer);
	event_num(v, "short_us", (double)b->shorter);
}

static void
say_decision(struct drill *d, usec_t at)
{
	const struct judge_decision *c = &d->decision;
	char why[384];

	d->first_bad = tally_first_bad(&d->tally[c->probe], c->from);
	explain(d, why, sizeof(why));
	struct event v =
	    drill_event(d, EVENT_DECISION, d->checks[c->probe].name, "%s%s%s", why,
		d->last_straw[0] != '\0' ? "; the last one: " : "", d->last_straw);
	drill_stamp(d, &v, at);
	(void)snprintf(v.reason, sizeof(v.reason), "%s", judge_reason_name(c->reason));
	event_num(&v, "from", (double)c->from);
	event_num(&v, "to", (double)c->to);
	event_num(&v, "bad", (double)c->bad);
	if (d->first_bad > d->began)
		event_num(&v, "first_us", (double)(d->first_bad - d->began));
	if (d->known_late != 0)
		event_num(&v, "late", 1);
	if (c->reason == JUDGE_BREACH)
		add_test(d, &v);
	else if (c->reason != JUDGE_GUARD)
		event_num(&v, "limit", c->limit);
	if (c->reason == JUDGE_BURN)
		add_burn(d, &v);
	drill_emit(d, &v);
}

void
evidence_decision(struct drill *d)
{
	if (d->stop != STOP_BREACH)
		return;
	d->found.breached = true;
	say_decision(d, d->decided);
}

void
evidence_late_decision(struct drill *d)
{
	if (d->known_late != 0)
		say_decision(d, d->known_late);
}

/* --- shifts --------------------------------------------------------------------------- */

/* "p99_us", "p99_us_low", "p99_us_high" */
static bool
add_shift(struct event *v, const char *what, bool is_there, const struct shift *s)
{
	char key[sizeof(v->num[0].key)];

	if (!is_there)
		return false;
	event_num(v, what, s->by);
	(void)snprintf(key, sizeof(key), "%s_low", what);
	event_num(v, key, s->low);
	(void)snprintf(key, sizeof(key), "%s_high", what);
	event_num(v, key, s->high);
	return true;
}

static void
say_shift(struct drill *d, const struct tally *t, enum phase p)
{
	static const struct {
		const char *key;
		double q;
	} quantiles[] = { { "p50_us", 0.5 }, { "p90_us", 0.9 }, { "p99_us", 0.99 } };
	const struct totals *before = &t->phase[PHASE_BEFORE], *then = &t->phase[p];
	const struct answers a = totals_answers(before), b = totals_answers(then);
	struct event v = drill_event(d, EVENT_SHIFT, t->def->name, "%s", phase_name(p));
	struct shift s;
	bool is_any = add_shift(&v, "bad", shift_of_share(&a, &b, &s), &s);

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		is_any =
		    add_shift(&v, quantiles[i].key,
			shift_of_quantile(&before->hist, &then->hist, quantiles[i].q, &s),
			&s) ||
		    is_any;
	if (!is_any)
		return;
	event_num(&v, "worse", shift_worse(&before->hist, &then->hist));
	drill_emit(d, &v);
}

void
evidence_shifts(struct drill *d)
{
	for (size_t i = 0; i < d->x->probe_count; i++) {
		say_shift(d, &d->tally[i], PHASE_DURING);
		say_shift(d, &d->tally[i], PHASE_AFTER);
	}
}

/* --- budget and recovery -------------------------------------------------------------- */

static void
say_budget(struct drill *d, const struct tally *t)
{
	const struct slo_def *slo = &t->def->slo;
	double allowed = (1 - slo->objective) * (double)slo->window /
			 (double)USEC_PER_SEC * (double)t->def->rate_mhz / 1000;
	double bad = (double)(t->phase[PHASE_DURING].bad + t->phase[PHASE_AFTER].bad);
	char window[32];

	if (!slo->is_set || allowed <= 0)
		return;
	struct event v = drill_event(d, EVENT_SLO, t->def->name,
	    "%.2g %% of the error budget spent: %.0f bad answers of the %.0f that %.6g %% good "
	    "over %s allows at the probe's rate",
	    100 * bad / allowed, bad, allowed, 100 * slo->objective,
	    format_usec(slo->window, window, sizeof(window)));
	event_num(&v, "spent", bad / allowed);
	if (slo->spend > 0)
		event_num(&v, "slice", slo->spend);
	event_num(&v, "bad", bad);
	event_num(&v, "allowed", allowed);
	event_num(&v, "objective", slo->objective);
	event_num(&v, "window_us", (double)slo->window);
	drill_emit(d, &v);
}

void
evidence_budgets(struct drill *d)
{
	for (size_t i = 0; i < d->x->probe_count; i++)
		say_budget(d, &d->tally[i]);
}

/* Was there anything to recover from? */
static bool
was_hurt(const struct drill *d, const struct tally *t)
{
	return (d->found.breached && t == &d->tally[d->decision.probe]) ||
	       totals_good_share(&t->phase[PHASE_DURING]) < t->def->objective;
}

static void
name_recovery(
    const struct drill *d, const struct tally *t, usec_t after, char *buf, size_t size)
{
	size_t good = t->recovered.n - t->recovered.bad;

	if (was_hurt(d, t))
		(void)snprintf(buf, size,
		    "meets its objective again %.3f s after %s (from then on %zu of %zu "
		    "answers good)",
		    (double)after / (double)USEC_PER_SEC,
		    d->decided != 0 ? "the decision" : "the faults' time was up", good,
		    t->recovered.n);
	else
		(void)snprintf(buf, size,
		    "meets its objective as before (%zu of %zu answers good)", good,
		    t->recovered.n);
}

static void
say_recovery(struct drill *d, const struct tally *t)
{
	struct event v = drill_event(d, EVENT_RECOVERY, t->def->name, NULL);
	usec_t after =
	    t->recovered.from > d->after_from ? t->recovered.from - d->after_from : 0;

	if (t->has_recovered) {
		name_recovery(d, t, after, v.text, sizeof(v.text));
		event_num(&v, "after_us", (double)after);
		event_num(&v, "n", (double)t->recovered.n);
		event_num(&v, "bad", (double)t->recovered.bad);
	} else if (tally_is_back(t)) {
		(void)snprintf(v.text, sizeof(v.text),
		    "too few answers afterwards to say when it was good again; the last ones "
		    "were good");
	} else {
		(void)snprintf(v.text, sizeof(v.text),
		    "has not met its objective again since the faults were undone");
	}
	drill_emit(d, &v);
}

void
evidence_recovery(struct drill *d)
{
	for (size_t i = 0; i < d->x->probe_count; i++)
		say_recovery(d, &d->tally[i]);
}
