/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JQ_WORKER_H
#define JQ_WORKER_H
/*
 * jq filters, run by another program (stormctl-jq, which links libjq): a filter can loop
 * for ever or take all memory, and libjq must not be able to take the controller along.
 * The worker is bounded (memory, CPU, no files, no network) and has a deadline for each
 * question; when it misses it, it is killed, another is started, and the question is
 * answered with why.
 */
#include "clock.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct jq_worker;

/* One answer: did the filter's output say true?  `why` is for people: "" when it did. */
typedef void (*jq_answer_fn)(void *asker, bool is_true, const char *why);

/* Filters by index; compiled by the worker when it starts.  A filter that does not compile
 * is an error here, with jq's own words. */
int jq_worker_open(
    struct jq_worker **ret, const char *const *filters, size_t count, struct err *e);
void jq_worker_free(struct jq_worker *w); /* NULL is fine; nobody is answered any more */

/* Readable (for the owner's epoll) when jq_worker_run has work. */
int jq_worker_fd(const struct jq_worker *w);
/* Ask; answered once, from jq_worker_run, by the deadline (CLOCK_BOOTTIME) at the latest,
 * unless forgotten.  The text is copied. */
void jq_worker_ask(struct jq_worker *w, size_t filter, const char *text, size_t len,
    usec_t deadline, jq_answer_fn answer, void *asker);
void jq_worker_forget(struct jq_worker *w, void *asker);
int jq_worker_run(struct jq_worker *w, struct err *e);

/* For the loader: does it compile?  Starts a worker and ends it. */
int jq_check(const char *filter, struct err *e);

#endif
