/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBER_STATE_H
#define PROBER_STATE_H
/*
 * What prober.c (the loop), transfer_send.c (requests) and transfer.c (samples) share.
 *
 * A request has two ends.  It is *judged* when its answer is there or when it has been
 * outstanding for `within`, whichever comes first; it *rests* when its type has let go of
 * it.  Between the two it waits in `overdue`, and its answer only reaches the histogram.
 *
 * Between a timer that goes off and bytes that leave lie the kernel's time and libcurl's,
 * up to 0.1 ms, which would be taken for the other side's.  So each probe's timer goes off
 * earlier by its *lead*, learned from when the bytes of earlier requests left.
 *
 * Time that the prober itself *lost*, because nobody ran it when it was due (no CPU, or
 * stopped), is not held against a request that was under way.
 */
#include "curl_loop.h"
#include "hist.h"
#include "jq_worker.h"
#include "probe.h"
#include "probe_type.h"
#include "schedule.h"
#include <sys/queue.h>

#define IN_FLIGHT_BASE 64
#define IN_FLIGHT_MAX  1024
/* Connections that a probe whose connections are dear may be making at a time.  Without it
 * a fast probe spirals: while one is made several more become due, each with a new one. */
#define CONNECTING_MAX 4
#define LEAD_MAX       200 /* µs */
#define LEAD_STEP      8
#define SKIP_PATIENCE  (10 * USEC_PER_MSEC)
#define TOO_LATE       "our own prober was too late"
#define WHY_MAX        sizeof(((struct sample *)0)->why)
#define JQ_KEY         UINT32_MAX    /* of jq's descriptor, among the keys of transfers */
#define LOST_MIN       USEC_PER_MSEC /* what every machine is late by is not counted */

struct transfer {
	TAILQ_ENTRY(transfer) link; /* in exactly one of its probe's lists */
	struct transfers *list;
	struct probe *probe;
	void *keep;   /* its type's */
	uint32_t key; /* in its prober's watched */
	int watched;  /* descriptor, or -1 */
	usec_t intended, sent, answered;
	usec_t lost;  /* the prober's, when it was sent */
	usec_t seen;  /* the prober's, when it was answered */
	bool is_held; /* due, but not yet in its type's hands: see CONNECTING_MAX */
	bool is_fresh;
	bool asks_jq; /* answered; jq is looking at the body */
	struct sample_timing timing;
};
TAILQ_HEAD(transfers, transfer);

struct probe {
	struct prober *prober;
	const struct probe_def *def;
	const struct probe_type_row *type;
	size_t index;
	void *keep; /* its type's */
	bool is_open, connects_slowly;
	size_t filter; /* in jq, when the definition has one */
	struct schedule schedule;
	/* Waiting and overdue: oldest first.  Answered: not yet known what it means. */
	struct transfers idle, waiting, answered, overdue;
	size_t in_flight, in_flight_max, held;
	usec_t lead;
	double fresh_owed; /* the part of a fresh connection that is due so far */
	/* Of requests due before the mark, and from it on. */
	struct hist hist[2];
	struct timing_hists timing[2];
};

struct prober {
	struct curl_loop loop;
	struct jq_worker *jq; /* NULL: no probe has a filter */
	usec_t mark;
	usec_t awaited; /* when it must be called next */
	usec_t seen;    /* what came by then, it has seen */
	usec_t lost;    /* time that it was called too late by, in all */
	bool is_running, stop_asked;
	void (*on_sample)(void *ctx, const struct sample *s);
	void *ctx;
	size_t count;
	struct probe *probes;
	/* Every transfer, by its key; they live as long as the prober. */
	struct transfer **transfers;
	size_t transfer_count;
};

/* How much later; a request that is sent ahead of its moment is not late. */
static inline usec_t
usec_after(usec_t moment, usec_t than)
{
	return moment > than ? moment - than : 0;
}

/* Into another list of its probe. */
void transfer_move(struct transfer *t, struct transfers *to);
/* A request that is not made. */
void transfers_skip(struct probe *b, usec_t intended, usec_t now, const char *why);
/* Judge what has been outstanding for too long, stop what is past its time-out. */
void transfers_judge_overdue(struct probe *b, usec_t now);
/* When there is something to do of that; USEC_INFINITY: nothing. */
usec_t transfers_next(const struct probe *b);
/* When one is due to be sent.  With as many in flight as there may be it would be skipped,
 * which is put off for a while: it is not worth a turn of its own. */
usec_t transfers_due(const struct probe *b);
/* What was due while no more could be in flight. */
void transfers_skip_due(struct probe *b, usec_t now);
int transfers_send_due(struct probe *b, usec_t now, struct err *e);
/* Start what was held back, as far as connections allow. */
int transfers_release(struct probe *b, struct err *e);
/* Start jq when a probe has a filter. */
int transfers_open_jq(struct prober *p, struct err *e);
/* Whatever jq may still say of this one, nobody listens. */
void transfer_forget_jq(struct transfer *t);
/* Forget what is outstanding. */
void transfers_forget(struct probe *b, usec_t now);
/* Free the pool; nothing is outstanding. */
void transfers_free(struct probe *b);

#endif
