/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Burn rates over two windows (The Site Reliability Workbook, O'Reilly 2018, chapter 5,
 * "Multiwindow, Multi-Burn-Rate Alerts"): the long one says that it matters, the short one
 * that it still goes on.  A window is a ring of slots of time, so that its memory does not
 * grow with the rate; it forgets a slot at once and so is up to one slot short.
 *
 * What may surprise: a window that reaches back to before fire is filled up with good
 * answers, and a long one of fewer than 30 also.  An outage then stops the drill as soon as
 * its bad answers would be too many for the whole window, and one bad answer of two does not.
 */
#include "judge_parts.h"
#include <math.h>
#include <string.h>

#define ANSWERS_MIN 30

static void
window_init(struct window *w, uint64_t length, double rate)
{
	w->width = length / WINDOW_SLOTS > 0 ? length / WINDOW_SLOTS : 1;
	w->planned = rate * (double)length / 1e6;
}

void
windows_init(struct judge_probe *p, const struct judge_config *c, size_t i)
{
	p->burn_count = c->probe[i].burn_count;
	for (size_t k = 0; k < p->burn_count; k++) {
		const struct burn *b = &c->probe[i].burn[k];

		p->burn[k].limit = b->rate;
		p->burn[k].allowed = null_of_objective(c->probe[i].slo);
		window_init(&p->burn[k].longer, b->longer, c->probe[i].rate);
		window_init(&p->burn[k].shorter, b->shorter, c->probe[i].rate);
	}
}

/* Slots between the newest and this one hold no answer. */
static void
window_advance(struct window *w, uint64_t to)
{
	uint64_t steps = to - w->newest;

	for (uint64_t k = 1; k <= steps && k <= WINDOW_SLOTS; k++) {
		size_t at = (w->newest + k) % WINDOW_SLOTS;

		w->n -= w->slot[at].n;
		w->bad -= w->slot[at].bad;
		memset(&w->slot[at], 0, sizeof(w->slot[at]));
	}
	w->newest = to;
}

static void
window_add(struct window *w, bool bad, uint64_t at)
{
	uint64_t slot = at / w->width;

	if (slot > w->newest)
		window_advance(w, slot);
	if (slot + WINDOW_SLOTS <= w->newest)
		return; /* known too late to be of this window */
	w->slot[slot % WINDOW_SLOTS].n++;
	w->slot[slot % WINDOW_SLOTS].bad += bad;
	w->n++;
	w->bad += bad;
}

void
windows_add(struct judge_probe *p, bool bad, uint64_t at)
{
	for (size_t k = 0; k < p->burn_count; k++) {
		window_add(&p->burn[k].longer, bad, at);
		window_add(&p->burn[k].shorter, bad, at);
	}
}

static double
window_share(const struct window *w, double least)
{
	bool is_full = w->newest + 1 >= WINDOW_SLOTS;
	double of = fmax((double)w->n, least);

	return (double)w->bad / (is_full ? of : fmax(of, w->planned));
}

bool
windows_over(const struct judge_probe *p, struct burn_seen *ret)
{
	for (size_t k = 0; k < p->burn_count; k++) {
		const struct judge_burn *b = &p->burn[k];
		double longer = window_share(&b->longer, ANSWERS_MIN) / b->allowed;
		double shorter = window_share(&b->shorter, 1) / b->allowed;

		/* a share that equals the limit but for rounding has reached it */
		if (fmin(longer, shorter) < b->limit - 1e-9)
			continue;
		*ret = (struct burn_seen){
			.limit = b->limit,
			.longer = longer,
			.shorter = shorter,
			.n = b->longer.n,
			.bad = b->longer.bad,
			.index = k,
		};
		return true;
	}
	return false;
}

double
windows_outage(const struct judge_probe *p)
{
	double least = INFINITY;

	for (size_t k = 0; k < p->burn_count; k++) {
		const struct judge_burn *b = &p->burn[k];
		double of =
		    fmax(fmax(b->longer.planned, ANSWERS_MIN), b->shorter.planned);

		if (b->limit * b->allowed <= 1)
			least = fmin(least, ceil(b->limit * b->allowed * of - 1e-9));
	}
	return least;
}
