/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked for, from the parameters, and as it changes with time.  The six kinds have
 * the same parameters; the value that a ramp moves is the one that the kind is called by.
 */
#include "impairment.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"

static const struct {
	const char *kind;
	enum ramped ramped;
} ramps[] = {
	{ "net.delay", RAMP_DELAY },
	{ "net.loss", RAMP_LOSS },
	{ "net.duplicate", RAMP_DUPLICATE },
	{ "net.corrupt", RAMP_CORRUPT },
	{ "net.reorder", RAMP_REORDER },
	{ "net.rate", RAMP_RATE },
};

static usec_t
time_of(const struct spec *s, const char *name)
{
	return (usec_t)spec_num(s, name);
}

static uint32_t
u32_of(const struct spec *s, const char *name)
{
	return (uint32_t)spec_num(s, name);
}

/* What is left out is as with netem: a chain that goes back for sure and has no bursts
 * within bursts; a bad state in which everything is lost. */
static void
read_loss(const struct spec *s, struct impairment *ret)
{
	int64_t v[5];
	size_t n = spec_percents(s, "loss_state", v, ARRAY_LEN(v));
	bool is_state = n > 0;

	ret->loss = u32_of(s, "loss");
	ret->loss_correlation = u32_of(s, "loss_correlation");
	if (!is_state)
		n = spec_percents(s, "loss_gemodel", v, 4);
	if (n == 0)
		return;
	ret->loss_model = is_state ? LOSS_STATE : LOSS_GEMODEL;
	ret->loss_args[0] = (uint32_t)v[0];
	ret->loss_args[1] = SHARE_ALL - (uint32_t)v[0];
	ret->loss_args[2] = is_state ? 0 : SHARE_ALL;
	ret->loss_args[3] = is_state ? SHARE_ALL : 0;
	for (size_t i = 1; i < n; i++)
		ret->loss_args[i] = (uint32_t)v[i];
}

static void
read_rate(const struct spec *s, struct impairment *ret)
{
	ret->rate = (uint64_t)spec_num(s, "rate");
	ret->packet_overhead = (int32_t)spec_num(s, "packet_overhead");
	ret->cell_size = u32_of(s, "cell_size");
	ret->cell_overhead = (int32_t)spec_num(s, "cell_overhead");
	ret->slot = time_of(s, "slot");
	ret->slot_max = time_of(s, "slot_max");
	if (ret->slot_max < ret->slot)
		ret->slot_max = ret->slot;
	ret->slot_packets = u32_of(s, "slot_packets");
	ret->slot_bytes = u32_of(s, "slot_bytes");
	ret->limit = u32_of(s, "limit");
}

static void
read_course(const struct spec *s, struct course *ret)
{
	(void)spec_cycle(s, "flap", &ret->flap_on, &ret->flap_off);
	ret->ramp = time_of(s, "ramp");
	ret->from = spec_num(s, "from");
	if (ret->ramp == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(ramps); i++)
		if (strcmp(s->kind, ramps[i].kind) == 0)
			ret->ramped = ramps[i].ramped;
}

int
impairment_read(
    struct fault_run *r, struct impairment *ret, struct course *ret_course, struct err *e)
{
	const struct spec *s = r->spec;
	struct distribution *d = NULL;
	struct impairment i = {
		.delay = time_of(s, "delay"),
		.jitter = time_of(s, "jitter"),
		.delay_correlation = u32_of(s, "delay_correlation"),
		.ecn = spec_num(s, "ecn") != 0,
		.duplicate = u32_of(s, "duplicate"),
		.duplicate_correlation = u32_of(s, "duplicate_correlation"),
		.corrupt = u32_of(s, "corrupt"),
		.corrupt_correlation = u32_of(s, "corrupt_correlation"),
		.reorder = u32_of(s, "reorder"),
		.reorder_correlation = u32_of(s, "reorder_correlation"),
		.gap = u32_of(s, "gap"),
		.has_seed = spec_has(s, "seed"),
		.seed = (uint64_t)spec_num(s, "seed"),
	};
	struct course c = { 0 };

	read_loss(s, &i);
	read_rate(s, &i);
	read_course(s, &c);
	if (spec_has(s, "distribution") &&
	    distribution_load(spec_text(s, "distribution"), &d, e) < 0)
		return e->code;
	i.distribution = d; /* for as long as this process lives */
	*ret = i;
	*ret_course = c;
	return 0;
}

static int64_t
between(int64_t from, int64_t to, usec_t since, usec_t ramp)
{
	return from + (int64_t)((double)(to - from) * (double)since / (double)ramp);
}

struct impairment
impairment_at(const struct impairment *i, const struct course *c, usec_t since)
{
	struct impairment now = *i;

	if (c->ramp == 0 || since >= c->ramp)
		return now;
	switch (c->ramped) {
	case RAMP_DELAY:
		now.delay = (usec_t)between(c->from, (int64_t)i->delay, since, c->ramp);
		break;
	case RAMP_LOSS:
		now.loss = (uint32_t)between(c->from, i->loss, since, c->ramp);
		break;
	case RAMP_DUPLICATE:
		now.duplicate = (uint32_t)between(c->from, i->duplicate, since, c->ramp);
		break;
	case RAMP_CORRUPT:
		now.corrupt = (uint32_t)between(c->from, i->corrupt, since, c->ramp);
		break;
	case RAMP_REORDER:
		now.reorder = (uint32_t)between(c->from, i->reorder, since, c->ramp);
		break;
	case RAMP_RATE:
		now.rate = (uint64_t)between(c->from, (int64_t)i->rate, since, c->ramp);
		break;
	case RAMP_NONE:
		break;
	}
	return now;
}

static usec_t
longest_jitter(const struct impairment *i)
{
	const struct distribution *d = i->distribution;
	int16_t most = 0;

	if (d == NULL)
		return i->jitter;
	for (size_t k = 0; k < d->count; k++)
		most = d->quantile[k] > most ? d->quantile[k] : most;
	return i->jitter * (usec_t)most / DISTRIBUTION_SCALE + 1;
}

usec_t
impairment_longest(const struct impairment *i, const struct course *c)
{
	usec_t delay = i->delay;

	if (c->ramped == RAMP_DELAY && (usec_t)c->from > delay)
		delay = (usec_t)c->from;
	return delay + longest_jitter(i) + i->slot_max;
}

struct text {
	char *buf;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->used + 1 >= t->size)
		return;
	if (t->used > 0)
		t->buf[t->used++] = ' ';
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, t->size - t->used, fmt, ap);
	va_end(ap);
	t->used += n > 0 ? (size_t)n : 0;
	if (t->used >= t->size)
		t->used = t->size - 1;
}

static void
add_time(struct text *t, const char *name, usec_t v)
{
	char time[32];

	if (v > 0)
		add(t, "%s %s", name, format_usec(v, time, sizeof(time)));
}

static void
add_share(struct text *t, const char *name, uint32_t v)
{
	if (v > 0)
		add(t, "%s %.6g%%", name, v / 1000.0);
}

static void
add_loss(struct text *t, const struct impairment *i)
{
	size_t n = i->loss_model == LOSS_STATE ? 5 : 4;

	if (i->loss_model == LOSS_RANDOM) {
		add_share(t, "loss", i->loss);
		add_share(t, "loss_correlation", i->loss_correlation);
		return;
	}
	add(t, "%s", i->loss_model == LOSS_STATE ? "loss_state" : "loss_gemodel");
	for (size_t k = 0; k < n; k++)
		add(t, "%.6g%%", i->loss_args[k] / 1000.0);
}

const char *
impairment_describe(const struct impairment *i, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };
	char rate[32];

	buf[0] = '\0';
	add_time(&t, "delay", i->delay);
	add_time(&t, "jitter", i->jitter);
	add_share(&t, "delay_correlation", i->delay_correlation);
	add_loss(&t, i);
	if (i->ecn)
		add(&t, "ecn");
	add_share(&t, "duplicate", i->duplicate);
	add_share(&t, "corrupt", i->corrupt);
	add_share(&t, "reorder", i->reorder);
	if (i->gap > 1)
		add(&t, "gap %u", i->gap);
	if (i->rate > 0)
		add(&t, "rate %s", format_bits(i->rate, rate, sizeof(rate)));
	add_time(&t, "slot", i->slot);
	if (i->limit > 0)
		add(&t, "limit %u", i->limit);
	return buf;
}
