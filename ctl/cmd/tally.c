/* SPDX-License-Identifier: Apache-2.0 */
/* Counting samples.  No clock is read here; every moment comes with its sample. */
#include "tally.h"
#include "xalloc.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW_SAMPLES 30
#define WINDOW_SPAN    USEC_PER_SEC
#define LATE_PART      10 /* a send later than a tenth of `within` is late by us */

const char *
phase_name(enum phase p)
{
	static const char *const names[PHASES] = { "before", "during", "after" };

	return names[p];
}

static void
count(struct totals *t, const struct sample *s, usec_t within)
{
	t->by_class[s->class]++;
	if (s->class == SAMPLE_SKIPPED) {
		t->skipped++;
		return;
	}
	t->n++;
	t->bad += s->bad;
	t->after_bad += t->last_bad;
	t->bad_after_bad += t->last_bad && s->bad;
	t->last_bad = s->bad;
	t->late += s->late > within / LATE_PART;
}

static void
remember_bad(struct tally *t, usec_t known)
{
	if (t->bad_count == t->bad_room) {
		t->bad_room = t->bad_room > 0 ? 2 * t->bad_room : 256;
		t->bad_at = xrealloc(t->bad_at, t->bad_room * sizeof(*t->bad_at));
	}
	t->bad_at[t->bad_count].number = t->phase[PHASE_DURING].n;
	t->bad_at[t->bad_count++].known = known;
}

static bool
is_met(const struct tally *t, size_t n, size_t bad)
{
	return (double)(n - bad) >= t->def->objective * (double)n;
}

static void
slide(struct tally *t, const struct sample *s)
{
	if (t->tail_count == t->tail_room) {
		t->tail_room = t->tail_room > 0 ? 2 * t->tail_room : 256;
		t->tail = xrealloc(t->tail, t->tail_room * sizeof(*t->tail));
	}
	t->tail[t->tail_count].intended = s->intended;
	t->tail[t->tail_count++].bad = s->bad;
	t->window_bad += s->bad;
	while (t->tail_count - t->window > WINDOW_SAMPLES &&
	       s->intended >= t->tail[t->window + 1].intended + WINDOW_SPAN)
		t->window_bad -= t->tail[t->window++].bad;
	size_t n = t->tail_count - t->window;
	if (t->has_recovered || n < WINDOW_SAMPLES ||
	    s->intended < t->tail[t->window].intended + WINDOW_SPAN ||
	    !is_met(t, n, t->window_bad))
		return;
	t->has_recovered = true;
	t->recovered.from = t->tail[t->window].intended;
	t->recovered.n = n;
	t->recovered.bad = t->window_bad;
}

void
tally_add(struct tally *t, enum phase p, const struct sample *s)
{
	count(&t->phase[p], s, t->def->good.within);
	count(&t->second, s, t->def->good.within);
	if (s->class == SAMPLE_SKIPPED) {
		memcpy(t->skipped_why, s->why, sizeof(t->skipped_why));
		return;
	}
	if (p == PHASE_DURING && s->bad)
		remember_bad(t, s->known);
	if (p == PHASE_AFTER)
		slide(t, s);
}

void
tally_second(struct tally *t, struct totals *ret)
{
	*ret = t->second;
	memset(&t->second, 0, sizeof(t->second));
}

usec_t
tally_first_bad(const struct tally *t, uint64_t from)
{
	for (size_t i = 0; i < t->bad_count; i++)
		if (t->bad_at[i].number >= from)
			return t->bad_at[i].known;
	return 0;
}

/* `after` was over before there could be a window: it is one itself. */
static bool
is_too_short(const struct tally *t)
{
	return t->tail[t->tail_count - 1].intended < t->tail[0].intended + WINDOW_SPAN;
}

bool
tally_is_back(const struct tally *t)
{
	size_t few = t->tail_count < 5 ? t->tail_count : 5;

	if (t->has_recovered)
		return true;
	if (t->tail_count >= WINDOW_SAMPLES)
		return is_too_short(t) && is_met(t, t->tail_count, t->window_bad);
	for (size_t i = t->tail_count - few; i < t->tail_count; i++)
		if (t->tail[i].bad)
			return false;
	return true;
}

struct answers
totals_answers(const struct totals *t)
{
	return (struct answers){ .n = t->n,
		.bad = t->bad,
		.after_bad = t->after_bad,
		.bad_after_bad = t->bad_after_bad };
}

double
totals_late_share(const struct totals *t)
{
	uint64_t all = t->n + t->skipped;

	return all > 0 ? (double)(t->late + t->skipped) / (double)all : 0;
}

double
totals_good_share(const struct totals *t)
{
	return t->n > 0 ? (double)(t->n - t->bad) / (double)t->n : 1;
}

void
tally_release(struct tally *t)
{
	free(t->bad_at);
	free(t->tail);
	t->bad_at = NULL;
	t->tail = NULL;
}
