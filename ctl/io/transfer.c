/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of requests: every one turns into exactly one sample, when it is answered
 * or when it is overdue.  How one asks and what an answer means is its type's
 * (probe_type.h), when one is sent is in transfer_send.c; nothing here knows HTTP, or waits.
 */
#include "err.h"
#include "printable.h"
#include "prober_state.h"
#include <stdio.h>

const char *
sample_class_name(enum sample_class c)
{
	static const char *const names[SAMPLE_CLASSES] = {
		[SAMPLE_OK] = "ok",
		[SAMPLE_SLOW] = "slow",
		[SAMPLE_STATUS] = "status",
		[SAMPLE_BODY] = "body",
		[SAMPLE_CONNECT] = "connect",
		[SAMPLE_DNS] = "dns",
		[SAMPLE_TLS] = "tls",
		[SAMPLE_TIMEOUT] = "timeout",
		[SAMPLE_SKIPPED] = "skipped",
	};

	return c < SAMPLE_CLASSES ? names[c] : "?";
}

/* --- samples -------------------------------------------------------------------------- */

static void
emit(struct prober *p, struct sample *s)
{
	if (p->stop_asked)
		return;
	s->bad = s->class != SAMPLE_OK && s->class != SAMPLE_SKIPPED;
	p->on_sample(p->ctx, s);
}

static void
say_why(struct sample *s, const char *why)
{
	if (why[0] != '\0')
		(void)snprintf(s->why, sizeof(s->why), "%s", why);
	text_make_printable(s->why); /* there may be words of the other side in it */
}

usec_t
transfer_lost(const struct transfer *t)
{
	usec_t late = usec_after(t->sent, t->intended);

	return t->probe->prober->lost - t->lost + (late >= LOST_MIN ? late : 0);
}

static struct sample
sample_of(const struct transfer *t, enum sample_class class, usec_t now, usec_t latency)
{
	return (struct sample){
		.probe = t->probe->index,
		.class = class,
		.intended = t->intended,
		.known = now,
		.latency = latency,
		.late = usec_after(t->sent, t->intended),
		.is_fresh = t->is_fresh,
	};
}

void
transfers_skip(struct probe *b, usec_t intended, usec_t now, const char *why)
{
	struct sample s = {
		.probe = b->index,
		.class = SAMPLE_SKIPPED,
		.intended = intended,
		.known = now,
		.latency = usec_after(now, intended),
		.late = usec_after(now, intended),
	};

	say_why(&s, why);
	emit(b->prober, &s);
}

/* --- the lists ------------------------------------------------------------------------ */

void
transfer_move(struct transfer *t, struct transfers *to)
{
	TAILQ_REMOVE(t->list, t, link);
	TAILQ_INSERT_TAIL(to, t, link);
	t->list = to;
}

/* Back to the pool: out of its type's hands.  The one used last is the next to be used:
 * what it needs is still in the cache. */
static void
rest(struct transfer *t)
{
	struct probe *b = t->probe;

	transfer_forget_jq(t);
	if (t->is_held)
		b->held--;
	else
		b->type->stop(t);
	t->is_held = false;
	TAILQ_REMOVE(t->list, t, link);
	TAILQ_INSERT_HEAD(&b->idle, t, link);
	t->list = &b->idle;
	b->in_flight--;
}

static usec_t
overdue_at(const struct transfer *t)
{
	return t->intended + t->probe->def->good.within + transfer_lost(t);
}

static struct hist *
hist_of(const struct transfer *t)
{
	return &t->probe->hist[t->intended >= t->probe->prober->mark];
}

/* What one that was held had to wait for: somebody's connection. */
static struct transfer *
in_the_way(struct probe *b)
{
	struct transfer *t;

	TAILQ_FOREACH(t, &b->overdue, link)
		if (b->type->is_connecting(t))
			return t;
	TAILQ_FOREACH(t, &b->waiting, link)
		if (!t->is_held && b->type->is_connecting(t))
			return t;
	return NULL;
}

static void
judge_overdue(struct transfer *t, usec_t now)
{
	struct probe *b = t->probe;
	char why[WHY_MAX] = "no connection was free in time";
	enum sample_class class = SAMPLE_CONNECT;

	struct transfer *cause = t->is_held ? in_the_way(b) : t;
	if (cause != NULL)
		class = b->type->overdue(cause, why, sizeof(why));
	struct sample s = sample_of(t, class, now, b->def->good.within);
	say_why(&s, why);
	transfer_move(t, &b->overdue);
	emit(b->prober, &s);
	if (t->is_held)
		rest(t);
}

/* It never came back: it took at least that long. */
static void
give_up(struct transfer *t, usec_t now)
{
	hist_add(hist_of(t), usec_after(now, t->intended));
	rest(t);
}

void
transfers_judge_overdue(struct probe *b, usec_t now)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(&b->waiting)) != NULL && overdue_at(t) <= now)
		judge_overdue(t, now);
	while ((t = TAILQ_FIRST(&b->overdue)) != NULL && transfer_deadline(t) <= now)
		give_up(t, now);
}

usec_t
transfers_next(const struct probe *b)
{
	const struct transfer *w = TAILQ_FIRST(&b->waiting);
	const struct transfer *o = TAILQ_FIRST(&b->overdue);
	usec_t judge = w != NULL ? overdue_at(w) : USEC_INFINITY;
	usec_t stop = o != NULL ? transfer_deadline(o) : USEC_INFINITY;

	return judge < stop ? judge : stop;
}

void
transfers_forget(struct probe *b, usec_t now)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(&b->waiting)) != NULL ||
	       (t = TAILQ_FIRST(&b->answered)) != NULL)
		rest(t);
	while ((t = TAILQ_FIRST(&b->overdue)) != NULL)
		give_up(t, now);
}

/* --- what a type says of its transfer ------------------------------------------------- */

static void
count_part(struct hist *h, uint32_t took)
{
	if (took > 0)
		hist_add(h, took);
}

static void
count_timing(const struct transfer *t, const struct sample_timing *g)
{
	struct probe *b = t->probe;
	struct timing_hists *h = &b->timing[t->intended >= b->prober->mark];

	h->fresh += t->is_fresh;
	count_part(&h->dns, g->dns);
	count_part(&h->connect, g->connect);
	count_part(&h->tls, g->tls);
	count_part(&h->first_byte, g->first_byte);
	hist_add(&h->total, g->total);
}

/* When its bytes left, as far as that is known. */
static usec_t
left_at(const struct transfer *t, const struct sample_timing *g)
{
	return t->sent + (g != NULL ? g->setup : 0);
}

/* An eighth of what was missing; a request that the machine held up for long says no more
 * than that it was late. */
static void
learn_lead(struct probe *b, usec_t left, usec_t intended)
{
	usec_t by = (left > intended ? left - intended : intended - left) / 8;

	by = by < LEAD_STEP ? by : LEAD_STEP;
	if (left > intended)
		b->lead = b->lead + by < LEAD_MAX ? b->lead + by : LEAD_MAX;
	else
		b->lead -= by < b->lead ? by : b->lead;
}

/* When the answer was there: what it takes us to read it is not its sender's. */
static usec_t
came_at(const struct transfer *t, usec_t now)
{
	usec_t ready = t->probe->prober->loop.ready_at;

	return ready != 0 ? ready : now;
}

/* From when it was due; or from when it left, if that was a little earlier. */
static usec_t
latency_of(const struct transfer *t, const struct sample_timing *g, usec_t now)
{
	usec_t left = left_at(t, g),
	       end = t->answered != 0 ? t->answered : came_at(t, now);

	return end - (left < t->intended ? left : t->intended);
}

bool
transfer_answered(struct transfer *t)
{
	if (t->list != &t->probe->waiting)
		return false;
	t->answered = came_at(t, clock_boottime());
	t->seen = t->probe->prober->seen;
	transfer_move(t, &t->probe->answered);
	return true;
}

/* Later than `within`; unless it may have been there before we looked. */
static void
judge_slow(const struct transfer *t, struct sample *s)
{
	char took[32], limit[32];
	usec_t seen = t->answered != 0 ? t->seen : t->probe->prober->seen;
	usec_t within = t->probe->def->good.within;
	bool is_ours = seen <= overdue_at(t);

	s->class = is_ours ? SAMPLE_SKIPPED : SAMPLE_SLOW;
	(void)snprintf(s->why, sizeof(s->why), "%s %s, limit %s",
	    is_ours ? TOO_LATE ": answered within" : "answered after",
	    format_usec(s->latency / 1000 * 1000, took, sizeof(took)),
	    format_usec(within, limit, sizeof(limit)));
}

static void
judge(struct transfer *t, enum sample_class class, const char *why,
    const struct sample_timing *timing, usec_t now)
{
	usec_t within = t->probe->def->good.within;
	usec_t latency = latency_of(t, timing, now);
	struct sample s = sample_of(t, class, now, latency);

	say_why(&s, why);
	if (timing != NULL)
		s.timing = *timing;
	if (class == SAMPLE_OK && latency > within)
		judge_slow(t, &s);
	emit(t->probe->prober, &s);
}

void
transfer_ended(struct transfer *t, enum sample_class class, const char *why,
    const struct sample_timing *timing)
{
	usec_t now = clock_boottime();
	usec_t latency = latency_of(t, timing, now);

	/* A request that never came back counts with the time it was given; one that was
	 * refused at once says nothing about latency. */
	if (timing != NULL || class == SAMPLE_TIMEOUT ||
	    latency >= t->probe->def->good.within)
		hist_add(hist_of(t), latency);
	if (timing != NULL)
		count_timing(t, timing);
	if (timing != NULL && timing->setup > 0)
		learn_lead(t->probe, left_at(t, timing), t->intended);
	if (t->list != &t->probe->overdue)
		judge(t, class, why, timing, now);
	rest(t);
}

int
transfer_watch(struct transfer *t, int fd, uint32_t events)
{
	int r = curl_loop_watch(&t->probe->prober->loop, fd, t->key, events);

	t->watched = r == 0 && events != 0 ? fd : -1;
	return r;
}
