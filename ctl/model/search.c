/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which value to try next.  The first is always the mildest, and the worst is tried only when
 * all before it held: a search does no more harm than its answer takes.  When the two values
 * of an answer are near enough, they are repeated where a single drill of them says too
 * little.
 */
#include "search.h"
#include <math.h>
#include <string.h>

/* What came of a value so far. */
struct seen {
	size_t held, broke, nothing;
	double beta, alpha;
};

/* How bad a value is: what is raised may fall as a number. */
static int64_t
harm(const struct search_plan *p, int64_t value)
{
	return p->to >= p->from ? value : -value;
}

static bool
is_milder(const struct search_plan *p, int64_t a, int64_t b)
{
	return harm(p, a) < harm(p, b);
}

/* The larger; a chance that is not known makes both unknown. */
static double
worse_chance(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

static struct seen
look(const struct search *s, int64_t value)
{
	struct seen v = { 0 };

	for (size_t i = 0; i < s->count; i++) {
		const struct search_drill *d = &s->drill[i];

		if (d->value != value)
			continue;
		v.held += d->end == SEARCH_HELD;
		v.broke += d->end == SEARCH_BROKE;
		v.nothing += d->end == SEARCH_NOTHING;
		if (d->end == SEARCH_HELD)
			v.beta = worse_chance(v.beta, d->chance);
		if (d->end == SEARCH_BROKE)
			v.alpha = worse_chance(v.alpha, d->chance);
	}
	return v;
}

static bool
is_known(const struct search *s, int64_t value)
{
	struct seen v = look(s, value);

	return v.held + v.broke > 0;
}

/* Values that drills were spent on, each once. */
static size_t
count_values(const struct search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		size_t k = 0;

		while (s->drill[k].value != s->drill[i].value)
			k++;
		n += k == i;
	}
	return n;
}

/* --- what is known -------------------------------------------------------------------- */

/* The mildest value that ever broke. */
static bool
mildest_break(const struct search *s, int64_t *ret)
{
	bool found = false;

	for (size_t i = 0; i < s->count; i++) {
		const struct search_drill *d = &s->drill[i];

		if (d->end != SEARCH_BROKE ||
		    (found && !is_milder(&s->plan, d->value, *ret)))
			continue;
		*ret = d->value;
		found = true;
	}
	return found;
}

/* The worst that held, and below which nothing broke. */
static bool
worst_hold(const struct search *s, int64_t *ret)
{
	int64_t broke = 0;
	bool has_broken = mildest_break(s, &broke), found = false;

	for (size_t i = 0; i < s->count; i++) {
		const struct search_drill *d = &s->drill[i];

		if (d->end != SEARCH_HELD ||
		    (has_broken && !is_milder(&s->plan, d->value, broke)) ||
		    (found && !is_milder(&s->plan, *ret, d->value)))
			continue;
		*ret = d->value;
		found = true;
	}
	return found;
}

/* The mildest that broke each time. */
static bool
mildest_sure_break(const struct search *s, int64_t *ret)
{
	bool found = false;

	for (size_t i = 0; i < s->count; i++) {
		const struct search_drill *d = &s->drill[i];

		if (d->end != SEARCH_BROKE || look(s, d->value).held > 0 ||
		    (found && !is_milder(&s->plan, d->value, *ret)))
			continue;
		*ret = d->value;
		found = true;
	}
	return found;
}

static void
find_oddities(const struct search *s, struct search_answer *a)
{
	for (size_t i = 0; i < s->count; i++) {
		int64_t value = s->drill[i].value;
		struct seen v = look(s, value);

		if (v.held > 0 && v.broke > 0 && !a->is_mixed) {
			a->is_mixed = true;
			a->mixed = value;
		}
		if (v.held > 0 && a->has_broken && !a->is_crossed &&
		    is_milder(&s->plan, a->breaks, value)) {
			a->is_crossed = true;
			a->held_beyond = value;
		}
		if (v.held + v.broke == 0 && v.nothing >= 2 && !a->is_lost) {
			a->is_lost = true;
			a->lost = value;
		}
	}
}

static double
error_of(size_t drills, double chance, size_t times)
{
	return isnan(chance) ? NAN : fmin((double)drills * pow(chance, (double)times), 1);
}

static void
set_hold(const struct search *s, struct search_answer *a, int64_t value)
{
	struct seen v = look(s, value);

	a->holds = value;
	a->held = v.held;
	a->beta = v.beta;
	a->hold_error = error_of(a->decided, v.beta, v.held);
}

static void
set_break(const struct search *s, struct search_answer *a, int64_t value)
{
	struct seen v = look(s, value);

	a->breaks = value;
	a->broken = v.broke;
	a->alpha = v.alpha;
	a->break_error = error_of(a->decided, v.alpha, v.broke);
}

/* The two that are nearest to each other. */
static void
nearest_answer(const struct search *s, struct search_answer *ret)
{
	struct search_answer a = { 0 };

	for (size_t i = 0; i < s->count; i++)
		a.decided += s->drill[i].end != SEARCH_NOTHING;
	a.has_held = worst_hold(s, &a.holds);
	a.has_broken = mildest_sure_break(s, &a.breaks);
	if (a.has_held)
		set_hold(s, &a, a.holds);
	if (a.has_broken)
		set_break(s, &a, a.breaks);
	find_oddities(s, &a);
	*ret = a;
}

/* Half of what an answer may be wrong is for each of its values. */
static bool
is_sure(double error)
{
	return error <= SEARCH_SURE / 2;
}

/* A drill that barely missed its objective says little; the next worse one may say more. */
static void
settle_break(const struct search *s, struct search_answer *a)
{
	struct search_answer best = *a;

	if (!a->has_broken || isnan(a->break_error) || is_sure(a->break_error))
		return;
	for (size_t i = 0; i < s->count; i++) {
		struct search_answer other = *a;
		int64_t value = s->drill[i].value;

		if (s->drill[i].end != SEARCH_BROKE || look(s, value).held > 0)
			continue;
		set_break(s, &other, value);
		if (is_sure(other.break_error) &&
		    (!best.has_vague_break || is_milder(&s->plan, value, best.breaks))) {
			best = other;
			best.has_vague_break = true;
			best.vague_break = a->breaks;
		}
	}
	*a = best;
}

static void
settle_hold(const struct search *s, struct search_answer *a)
{
	struct search_answer best = *a;

	if (!a->has_held || isnan(a->hold_error) || is_sure(a->hold_error))
		return;
	for (size_t i = 0; i < s->count; i++) {
		struct search_answer other = *a;
		int64_t value = s->drill[i].value;

		if (s->drill[i].end != SEARCH_HELD || look(s, value).broke > 0 ||
		    !is_milder(&s->plan, value, a->holds))
			continue;
		set_hold(s, &other, value);
		if (is_sure(other.hold_error) &&
		    (!best.has_vague_hold || is_milder(&s->plan, best.holds, value))) {
			best = other;
			best.has_vague_hold = true;
			best.vague_hold = a->holds;
		}
	}
	*a = best;
}

void
search_answer(const struct search *s, struct search_answer *ret)
{
	nearest_answer(s, ret);
	settle_hold(s, ret);
	settle_break(s, ret);
}

/* --- what is next --------------------------------------------------------------------- */

/* The larger is at most `until` times the smaller. */
static bool
is_near(const struct search_plan *p, int64_t a, int64_t b)
{
	double most = fmax(fabs((double)a), fabs((double)b));

	if (p->values > 0)
		return false; /* as near as so many values can tell */
	return fabs((double)a - (double)b) <= most * (1 - 1 / p->until) * (1 + 1e-9);
}

static bool
next_hint(const struct search *s, int64_t low, int64_t high, int64_t *ret)
{
	for (size_t i = 0; i < s->plan.hint_count; i++) {
		int64_t hint = s->plan.hint[i];

		if (!is_milder(&s->plan, low, hint) || !is_milder(&s->plan, hint, high))
			continue;
		*ret = hint;
		return true;
	}
	return false;
}

static bool
next_half(const struct search *s, int64_t *ret)
{
	const struct search_plan *p = &s->plan;
	size_t tried = count_values(s);
	int64_t low, high = p->to;

	if (s->count == 0) {
		*ret = p->from;
		return true;
	}
	bool has_broken = mildest_break(s, &high);
	if (!worst_hold(s, &low) || low == p->to || (p->values > 0 && tried >= p->values))
		return false;
	if (next_hint(s, low, high, ret))
		return true;
	bool is_last = !has_broken && p->values > 0 && tried + 1 == p->values;
	if (!is_last && !is_near(p, low, high) &&
	    search_between(p->type, low, high, 0.5, ret))
		return true;
	*ret = p->to; /* all others have held */
	return !has_broken;
}

/* As many steps as make each `until` times the one before. */
static size_t
steps_of(const struct search_plan *p)
{
	double from = fabs((double)p->from), to = fabs((double)p->to), steps;

	if (p->values > 0)
		return p->values > 1 ? p->values : 2;
	if (search_is_by_ratio(p->type, p->from, p->to))
		steps = fabs(log(to / from)) / log(p->until);
	else
		steps = fabs((double)p->to - (double)p->from) /
			(fmax(from, to) * (1 - 1 / p->until));
	steps = ceil(steps - 1e-9) + 1;
	return steps >= SEARCH_VALUES_MAX ? SEARCH_VALUES_MAX : (size_t)steps;
}

static bool
rung(const struct search_plan *p, size_t i, size_t steps, int64_t *ret)
{
	*ret = i == 0 ? p->from : p->to;
	if (i == 0 || i + 1 >= steps)
		return true;
	return search_between(
	    p->type, p->from, p->to, (double)i / (double)(steps - 1), ret);
}

static bool
next_rung(const struct search *s, int64_t *ret)
{
	size_t steps = steps_of(&s->plan), broken_in_a_row = 0;
	int64_t value;

	for (size_t i = 0; i < steps; i++) {
		if (!rung(&s->plan, i, steps, &value))
			continue;
		struct seen v = look(s, value);
		if (v.held + v.broke == 0) {
			*ret = value;
			return true;
		}
		broken_in_a_row = v.broke > 0 ? broken_in_a_row + 1 : 0;
		if (broken_in_a_row == 2 || (i == 0 && v.broke > 0))
			return false;
	}
	return false;
}

/* Would it be sure enough, repeated as often as it may be? */
static bool
is_worth_repeating(double chance, size_t times, size_t drills)
{
	const double enough = SEARCH_SURE / 2;
	size_t left = SEARCH_REPEATS - times;

	return times < SEARCH_REPEATS && !isnan(chance) &&
	       error_of(drills, chance, times) > enough &&
	       error_of(drills + left, chance, SEARCH_REPEATS) <= enough;
}

static bool
next_repeat(const struct search *s, int64_t *ret)
{
	struct search_answer a;

	nearest_answer(s, &a);
	if (a.is_crossed || a.is_lost)
		return false;
	if (a.has_held && is_worth_repeating(a.beta, a.held, a.decided)) {
		*ret = a.holds;
		return true;
	}
	*ret = a.breaks;
	return a.has_broken && is_worth_repeating(a.alpha, a.broken, a.decided);
}

bool
search_next(const struct search *s, int64_t *ret)
{
	const struct search_drill *last = s->count > 0 ? &s->drill[s->count - 1] : NULL;
	int64_t value = 0;
	bool found;

	if (s->count == SEARCH_DRILLS_MAX)
		return false;
	if (last != NULL && last->end == SEARCH_NOTHING) {
		*ret = last->value;
		return !is_known(s, last->value) && look(s, last->value).nothing == 1;
	}
	found = s->plan.by == SEARCH_RAISE ? next_rung(s, &value) : next_half(s, &value);
	if (!found)
		found = next_repeat(s, &value);
	if (found)
		*ret = value;
	return found;
}

bool
search_add(struct search *s, const struct search_drill *d)
{
	if (s->count == SEARCH_DRILLS_MAX)
		return false;
	s->drill[s->count++] = *d;
	return true;
}

/* Nothing breaks but what is beyond `limit`. */
static size_t
rehearse(const struct search_plan *p, bool is_strong)
{
	struct search s = { .plan = *p };
	struct search_drill d = { 0 };

	while (search_next(&s, &d.value)) {
		d.end = is_strong || d.value == p->from ? SEARCH_HELD : SEARCH_BROKE;
		(void)search_add(&s, &d);
	}
	return s.count;
}

size_t
search_most(const struct search_plan *p)
{
	size_t strong = rehearse(p, true), weak = rehearse(p, false);

	return strong > weak ? strong : weak;
}

enum search_change
search_compare(
    bool is_rising, const struct search_answer *earlier, const struct search_answer *now)
{
	const struct search_plan p = { .from = 0, .to = is_rising ? 1 : -1 };

	if (now->is_crossed || !(now->has_held || now->has_broken) ||
	    !(earlier->has_held || earlier->has_broken))
		return SEARCH_UNSURE;
	if (now->has_broken && earlier->has_held &&
	    !is_milder(&p, earlier->holds, now->breaks))
		return now->break_error > SEARCH_SURE ? SEARCH_UNSURE : SEARCH_WORSE;
	if (now->has_held && earlier->has_broken &&
	    !is_milder(&p, now->holds, earlier->breaks))
		return now->hold_error > SEARCH_SURE ? SEARCH_UNSURE : SEARCH_BETTER;
	return now->is_lost ? SEARCH_UNSURE : SEARCH_SAME;
}
