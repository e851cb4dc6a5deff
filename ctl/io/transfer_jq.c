/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between an answer that is good so far and its sample: the word of the probe's jq filter.
 * What the filter is given is whatever is left of `within`.  Never less than JQ_AT_LEAST: an
 * answer that came late enough is slow anyway, and that is not the filter's doing; and never
 * more than JQ_AT_MOST: while one loops, no other answer of its probe is judged.
 */
#include "err.h"
#include "prober_state.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define JQ_AT_LEAST (50 * USEC_PER_MSEC)
#define JQ_AT_MOST  (500 * USEC_PER_MSEC)

int
transfers_open_jq(struct prober *p, struct err *e)
{
	const char **filters = xcalloc(p->count, sizeof(*filters));
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < p->count; i++) {
		struct probe *b = &p->probes[i];

		if (b->def->good.jq == NULL)
			continue;
		b->filter = count;
		filters[count++] = b->def->good.jq;
	}
	if (count > 0)
		r = jq_worker_open(&p->jq, filters, count, e);
	free((void *)filters);
	if (r == 0 && count > 0 &&
	    curl_loop_watch(&p->loop, jq_worker_fd(p->jq), JQ_KEY, EPOLLIN) < 0)
		r = err_errno(e, "watch stormctl-jq");
	return r;
}

static void
on_answer(void *asker, enum jq_result result, const char *why)
{
	static const enum sample_class classes[] = {
		[JQ_TRUE] = SAMPLE_OK,
		[JQ_NOT_TRUE] = SAMPLE_BODY,
		[JQ_UNKNOWN] = SAMPLE_SKIPPED,
	};
	struct transfer *t = asker;

	t->asks_jq = false;
	transfer_ended(t, classes[result], why, &t->timing);
}

static usec_t
deadline_of(const struct transfer *t, usec_t now)
{
	usec_t within = t->intended + t->probe->def->good.within + transfer_lost(t);

	if (within < now + JQ_AT_LEAST)
		return now + JQ_AT_LEAST;
	return within < now + JQ_AT_MOST ? within : now + JQ_AT_MOST;
}

void
transfer_ask_jq(
    struct transfer *t, const struct body *body, const struct sample_timing *timing)
{
	const struct jq_question q = {
		.filter = t->probe->filter,
		.text = body->text != NULL ? body->text : "",
		.len = body->kept,
		.deadline = deadline_of(t, clock_boottime()),
		.answer = on_answer,
		.asker = t,
	};

	if (!transfer_answered(t)) {
		transfer_ended(t, SAMPLE_OK, "", timing);
		return;
	}
	if (body->received > body->kept) {
		char why[WHY_MAX];

		(void)snprintf(why, sizeof(why),
		    "longer than the %zu KiB that jq looks at", body->kept / 1024);
		transfer_ended(t, SAMPLE_BODY, why, timing);
		return;
	}
	if (t->watched >= 0)
		(void)transfer_watch(t, t->watched, 0); /* it is over: it was there */
	t->timing = *timing;
	t->asks_jq = true;
	jq_worker_ask(t->probe->prober->jq, &q);
}

void
transfer_forget_jq(struct transfer *t)
{
	if (t->asks_jq)
		jq_worker_forget(t->probe->prober->jq, t);
	t->asks_jq = false;
}
