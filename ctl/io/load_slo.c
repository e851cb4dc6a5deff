/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `slo:` of a probe: the service's error budget, the slice of it that a drill may spend,
 * and how fast.  A ceiling that the first bad answer passes, or that none ever can, is a
 * mistake in the file and is said here, with the numbers it comes to.
 */
#include "err.h"
#include "loader.h"
#include "parse.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WINDOW_DEFAULT (30 * 24 * 3600 * USEC_PER_SEC)
#define WINDOW_MIN     (3600 * USEC_PER_SEC)
#define WINDOW_MAX     (366 * 24 * 3600 * USEC_PER_SEC)
#define BURN_MIN       USEC_PER_SEC
#define BURN_MAX_LONG  (24 * 3600 * USEC_PER_SEC)
#define SHORT_PART     12 /* of the long window, as the SRE workbook has it */

static void
set_rate(struct loader *l, const struct item *i, void *object)
{
	struct burn_def *b = object;
	const char *text = load_text(l, i);
	struct err e;
	double v;

	if (text == NULL)
		return;
	if (parse_number(text, &v, &e) < 0)
		load_bad(l, i, &e);
	else if (v <= 1 || v > 100000)
		diag_error(&l->diag, i->value->place,
		    "rate: %s is out of range: how many times as fast as the objective allows, "
		    "more than 1 and at most 100000",
		    text);
	else
		b->rate = v;
}

static const struct field burn_fields[] = {
	{ "rate", FIELD_OWN, .own = set_rate },
	{ "long", FIELD_USEC, offsetof(struct burn_def, longer), BURN_MIN,
	    BURN_MAX_LONG },
	{ "short", FIELD_USEC, offsetof(struct burn_def, shorter), USEC_PER_MSEC,
	    BURN_MAX_LONG },
	{ 0 },
};

static void
add_burn(struct loader *l, const struct item *i, struct slo_def *s)
{
	unsigned before = l->diag.count;
	struct burn_def b = { 0 };

	load_fields(l, i->value, burn_fields, &b, "'burn'");
	if (l->diag.count > before)
		return;
	if (b.rate <= 0 || b.longer == 0) {
		diag_error(&l->diag, i->place,
		    "'burn' needs a rate and a long window: {rate: 14.4, long: 30s, short: 2s}");
		return;
	}
	if (b.shorter == 0)
		b.shorter = b.longer / SHORT_PART;
	if (b.shorter >= b.longer)
		diag_error(&l->diag, i->place,
		    "'short' is not shorter than 'long': it says whether it still goes on");
	else if (s->burn_count == BURNS_MAX)
		diag_error(&l->diag, i->place, "more than %d burn rates", BURNS_MAX);
	else
		s->burn[s->burn_count++] = b;
}

static void
set_burn(struct loader *l, const struct item *i, void *object)
{
	const struct node *n = i->value;

	if (n->type != NODE_LIST) {
		add_burn(l, i, object);
		return;
	}
	if (n->count == 0)
		diag_error(&l->diag, n->place, "'burn' is an empty list");
	for (size_t k = 0; k < n->count; k++)
		add_burn(l, &n->items[k], object);
}

static const struct field slo_fields[] = {
	{ "objective", FIELD_SHARE, offsetof(struct slo_def, objective), 1000, 100000 },
	{ "window", FIELD_USEC, offsetof(struct slo_def, window), (int64_t)WINDOW_MIN,
	    (int64_t)WINDOW_MAX },
	{ "spend", FIELD_SHARE, offsetof(struct slo_def, spend), 1, 100000 },
	{ "burn", FIELD_OWN, .own = set_burn },
	{ 0 },
};

void
load_slo(struct loader *l, const struct item *i, void *object)
{
	struct probe_def *p = object;

	p->slo.is_set = true;
	p->slo.window = WINDOW_DEFAULT;
	load_fields(l, i->value, slo_fields, &p->slo, "'slo'");
}

/* --- what it comes to ------------------------------------------------------------------ */

static struct place
place_of(const struct node *slo, const char *key, struct place otherwise)
{
	const struct item *i = slo->type == NODE_MAP ? node_find(slo, key) : NULL;

	return i != NULL ? i->value->place : otherwise;
}

static void
check_slice(struct loader *l, struct place at, const struct probe_def *p)
{
	double slice = probe_slice(p);
	char window[32];

	if (p->slo.spend > 0 && slice < 1)
		diag_error(&l->diag, at,
		    "spend: %g%% of what %s at %g/s and %g%% may have bad is %.2g answers: the "
		    "first bad one would stop the drill",
		    p->slo.spend * 100,
		    format_usec(p->slo.window, window, sizeof(window)),
		    (double)p->rate_mhz / 1000, p->slo.objective * 100, slice);
}

static void
check_burn(struct loader *l, struct place at, const struct probe_def *p,
    const struct burn_def *b)
{
	double fastest = 1 / (1 - p->slo.objective);
	double answers = (double)p->rate_mhz / 1000 * (double)b->shorter / USEC_PER_SEC;
	char longer[32], during[32];

	if (b->rate > fastest * (1 + 1e-9))
		diag_error(&l->diag, at,
		    "burn: rate %g is never reached: with an objective of %g%%, errors come at "
		    "most %g times as fast as it allows",
		    b->rate, p->slo.objective * 100, fastest);
	if (b->longer > l->x->steady.during)
		diag_error(&l->diag, at,
		    "burn: a window of %s is longer than the drill, %s: it would never be full",
		    format_usec(b->longer, longer, sizeof(longer)),
		    format_usec(l->x->steady.during, during, sizeof(during)));
	if (floor(answers + 1e-9) < 1)
		diag_error(&l->diag, at,
		    "burn: no answer comes in a window of %s at %g/s",
		    format_usec(b->shorter, longer, sizeof(longer)),
		    (double)p->rate_mhz / 1000);
}

void
load_slo_check(struct loader *l, const struct item *slo, struct probe_def *p)
{
	struct place at = place_of(slo->value, "objective", slo->place);

	if (p->slo.objective <= 0)
		p->slo.objective = p->objective;
	if (p->slo.objective >= 1) {
		diag_error(&l->diag, at,
		    "slo: an objective of 100%% leaves no budget to spend: write 99.9%%");
		return;
	}
	check_slice(l, place_of(slo->value, "spend", slo->place), p);
	for (size_t i = 0; i < p->slo.burn_count; i++)
		check_burn(
		    l, place_of(slo->value, "burn", slo->place), p, &p->slo.burn[i]);
}
