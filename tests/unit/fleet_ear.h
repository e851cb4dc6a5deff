/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLEET_EAR_H
#define FLEET_EAR_H
/* Who asks a fleet in a test: keeps every answer, and waits for them. */
#include "fleet.h"
#include "test.h"
#include <string.h>

#define EAR_PATIENCE (60 * USEC_PER_SEC) /* far more than anything here needs */
#define EAR_MAX      4096

struct heard {
	size_t host;
	enum fleet_ask what;
	struct err err;
	bool has_view;
	struct drill_view view; /* without its operations, which are */
	char ops[64];
	json_t *json;
	usec_t asked, answered;
};

struct ear {
	struct fleet *fleet;
	struct heard *heard; /* in the order they came */
	size_t count;
	size_t lost, last_lost;
	struct err why;
	size_t wanted, wanted_lost;
};

static void
ear_hears(void *ctx, const struct fleet_answer *a)
{
	struct ear *ear = ctx;
	struct heard *h = &ear->heard[ear->count++];

	assert_true(ear->count < EAR_MAX);
	h->host = a->host;
	h->what = a->what;
	h->err = a->err;
	h->has_view = a->has_view;
	h->view = *a->view;
	if (a->view->count > 0 && a->view->ops[0] != NULL)
		(void)snprintf(h->ops, sizeof(h->ops), "%s", a->view->ops[0]);
	h->json = json_deep_copy(a->json);
	h->asked = a->asked;
	h->answered = a->answered;
}

static void
ear_hears_loss(void *ctx, size_t host, const struct err *why)
{
	struct ear *ear = ctx;

	ear->lost++;
	ear->last_lost = host;
	ear->why = *why;
}

static inline void
ear_open(struct ear *ear, struct fleet_options *o)
{
	struct err e = { 0 };

	memset(ear, 0, sizeof(*ear));
	ear->heard = calloc(EAR_MAX, sizeof(*ear->heard));
	assert_non_null(ear->heard);
	o->on_answer = ear_hears;
	o->on_lost = ear_hears_loss;
	o->ctx = ear;
	assert_ok(fleet_open(&ear->fleet, o, &e), e);
}

static inline void
ear_close(struct ear *ear)
{
	fleet_free(ear->fleet);
	for (size_t i = 0; i < ear->count; i++)
		json_decref(ear->heard[i].json);
	free(ear->heard);
}

static bool
ear_has_enough(void *ctx)
{
	const struct ear *ear = ctx;

	return ear->count >= ear->wanted && ear->lost >= ear->wanted_lost;
}

/* Wait until that many answers have come, and no more have: the last of them. */
static inline const struct heard *
ear_await(struct ear *ear, size_t count)
{
	ear->wanted = count;
	ear->wanted_lost = 0;
	if (!fleet_wait(ear->fleet, clock_boottime() + EAR_PATIENCE, ear_has_enough, ear))
		fail_msg("%zu answers, not %zu", ear->count, count);
	assert_int_equal(ear->count, count);
	return &ear->heard[count - 1];
}

static inline void
ear_await_loss(struct ear *ear, size_t count)
{
	ear->wanted = 0;
	ear->wanted_lost = count;
	if (!fleet_wait(ear->fleet, clock_boottime() + EAR_PATIENCE, ear_has_enough, ear))
		fail_msg("%zu hosts lost, not %zu", ear->lost, count);
}

/* How many answers to this there were. */
static inline size_t
ear_told(const struct ear *ear, enum fleet_ask what)
{
	size_t n = 0;

	for (size_t i = 0; i < ear->count; i++)
		n += ear->heard[i].what == what;
	return n;
}

#endif
