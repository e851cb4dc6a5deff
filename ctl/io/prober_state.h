/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBER_STATE_H
#define PROBER_STATE_H
/*
 * What prober.c (the loop) and transfer.c (requests and their samples) share.
 *
 * A request has two ends.  It is *judged* when its answer is there or when it has been
 * outstanding for `within`, whichever comes first; it *finishes* when libcurl lets go of
 * it.  Between the two it waits in `overdue`, and its answer only reaches the histogram.
 */
#include "curl_loop.h"
#include "hist.h"
#include "http.h"
#include "probe.h"
#include "schedule.h"
#include <sys/queue.h>

#define IN_FLIGHT_BASE 64
#define IN_FLIGHT_MAX  1024
/* Connections that a probe whose connections are dear may be making at a time.  Without it
 * a fast probe spirals: while one is made several more become due, each with a new one. */
#define CONNECTING_MAX 4

struct transfer {
	TAILQ_ENTRY(transfer) link; /* in exactly one of its probe's lists */
	struct probe *probe;
	CURL *easy;
	struct http_answer answer;
	usec_t intended, sent;
	bool judged;
	bool is_held; /* due, but not yet in libcurl's hands: see CONNECTING_MAX */
};
TAILQ_HEAD(transfers, transfer);

struct probe {
	struct prober *prober;
	const struct probe_def *def;
	size_t index;
	struct http *http;
	struct schedule schedule;
	struct transfers idle, waiting, overdue; /* waiting: oldest first */
	size_t in_flight, in_flight_max, held;
	struct hist hist[2]; /* of requests due before the mark, and from it on */
};

struct prober {
	struct curl_loop loop;
	usec_t mark;
	bool is_running, stop_asked;
	void (*on_sample)(void *ctx, const struct sample *s);
	void *ctx;
	size_t count;
	struct probe *probes;
};

/* Judge what has been outstanding for too long, then send what is due. */
void transfers_judge_overdue(struct probe *b, usec_t now);
int transfers_send_due(struct probe *b, usec_t now, struct err *e);
/* Send what was held back, as far as connections allow. */
int transfers_release(struct probe *b, struct err *e);
/* Take what libcurl has finished. */
void transfers_collect(struct prober *p);
/* Forget what is outstanding. */
void transfers_forget(struct probe *b, usec_t now);
/* Free the pool; nothing is outstanding. */
void transfers_free(struct probe *b);

#endif
