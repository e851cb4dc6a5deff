/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_TYPE_H
#define PROBE_TYPE_H
/*
 * What a type of probe does: one const row each, in ctl/io/probes/.  The prober decides
 * when a request is due, when it is overdue and what becomes of its sample; a type knows
 * only how to ask and what an answer means.
 *
 * A transfer is made once and used for many requests, one at a time: start, then one
 * transfer_ended by the type or nothing more of it; then, in either case, stop by the
 * prober.  transfer_ended calls stop before it returns.
 */
#include "probe.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct probe; /* one probe: its definition, what its type keeps for it */
struct prober;
struct transfer; /* one request */

struct probe_type_row {
	/* What all requests of a probe share, into probe_keep(); may be absent.  After a
	 * failure nothing is kept. */
	int (*open)(struct probe *b, struct err *e);
	void (*release)(struct probe *b);
	/* What one request needs every time, into transfer_keep(). */
	int (*make)(struct transfer *t, struct err *e);
	void (*unmake)(struct transfer *t);
	/* Begin.  It ends by transfer_ended, never from within start.  A failure is one of
	 * our own (no memory, no descriptor); what the system under test does is a sample. */
	int (*start)(struct transfer *t, struct err *e);
	/* Let go of it, whether it has ended or not: nothing of it is heard afterwards. */
	void (*stop)(struct transfer *t);
	/* What one that is still under way means once it has been outstanding for
	 * `within`: class, and why in words. */
	enum sample_class (*overdue)(struct transfer *t, char *why, size_t size);
	/* Does making a connection cost so much of our own time that a few at once must do?
	 * NULL: it does not. */
	bool (*connects_slowly)(struct probe *b);
	/* Is it still making one?  Only asked of those that connect slowly. */
	bool (*is_connecting)(struct transfer *t);
	/* A descriptor of transfer_watch is ready; NULL: it watches none. */
	void (*ready)(struct transfer *t, uint32_t events);
};
extern const struct probe_type_row probe_type_http, probe_type_tcp, probe_type_exec,
    probe_type_prometheus;
/* NULL: this stormctl has no such type. */
const struct probe_type_row *probe_type_row(enum probe_type t);

/* For types: what they keep, and what they were asked to do. */
const struct probe_def *probe_definition(const struct probe *b);
void **probe_keep(struct probe *b);
struct probe *transfer_probe(const struct transfer *t);
void **transfer_keep(struct transfer *t);
/* The loop that all types share; libcurl's multi handle is in it. */
struct curl_loop;
struct curl_loop *probe_loop(const struct probe *b);
/* Is this request to have a connection of its own (probe_def.fresh)? */
bool transfer_is_fresh(const struct transfer *t);
/* When it must be over: the moment it was due, and the type's own time-out from there.  The
 * prober stops it then by itself. */
usec_t transfer_deadline(const struct transfer *t);
/* How much of the time since it was due the prober itself has lost, by being late.  Another's
 * timer that ran out meanwhile says nothing: then it ends as SAMPLE_SKIPPED. */
usec_t transfer_lost(const struct transfer *t);

/* The answer is whole, but what it means will take another look: latency counts up to here,
 * and it is not overdue any more.  transfer_ended must follow, soon.  False: it was judged
 * already, nobody will ask what it means. */
bool transfer_answered(struct transfer *t);
/* It is over: the class of its answer, slowness apart (the prober sees to that), why in
 * words ("" when ok), and what took how long: NULL when nothing was answered. */
void transfer_ended(struct transfer *t, enum sample_class class, const char *why,
    const struct sample_timing *timing);
/* It is over and good so far, and the probe has a jq filter (good.jq), which is to say
 * whether it stays so: transfer_ended follows by itself.  The body is copied. */
struct body {
	const char *text;
	size_t kept, received; /* what is there of it, of how much */
};
void transfer_ask_jq(
    struct transfer *t, const struct body *body, const struct sample_timing *timing);
/* Be told by `ready` of EPOLLIN, EPOLLOUT (and EPOLLERR, EPOLLHUP, always) on a descriptor
 * of this request's; events 0 forgets it, before it is closed.  One descriptor per request
 * at a time. */
int transfer_watch(struct transfer *t, int fd, uint32_t events);

#endif
