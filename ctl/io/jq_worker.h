/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JQ_WORKER_H
#define JQ_WORKER_H
/*
 * jq filters, run by another program (stormctl-jq, which links libjq): a filter can loop
 * for ever or take all memory, and libjq must not be able to take the controller along.
 * Each filter has a process of its own, so that one that loops holds up no other.  It is
 * bounded (memory, CPU, no files, no network) and has a deadline for each question; when
 * it misses it, it is killed, another is started, and the question is answered with why.
 */
#include "clock.h"
#include <stddef.h>

struct err;
struct jq_worker;

enum jq_result {
	JQ_TRUE,     /* every output is true, and there is one */
	JQ_NOT_TRUE, /* it says otherwise, fails, takes too long or too much */
	JQ_UNKNOWN, /* it was not our filter's fault: not asked in time, no CPU, killed */
};
/* `why` is for people: "" when it is true. */
typedef void (*jq_answer_fn)(void *asker, enum jq_result result, const char *why);

/* Filters by index; compiled when it starts, all of them at once.  A filter that does not
 * compile is an error here (-EINVAL), with jq's own words; so is a program that is not
 * there (-ENOENT).  Waits until it is known. */
int jq_worker_open(
    struct jq_worker **ret, const char *const *filters, size_t count, struct err *e);
void jq_worker_free(struct jq_worker *w); /* NULL is fine; nobody is answered any more */

/* Readable (for the owner's epoll) when jq_worker_run has work. */
int jq_worker_fd(const struct jq_worker *w);

struct jq_question {
	size_t filter;
	const char *text; /* copied */
	size_t len;
	usec_t deadline; /* CLOCK_BOOTTIME */
	jq_answer_fn answer;
	void *asker;
};
/* Answered once, from jq_worker_run, by the deadline at the latest, unless forgotten.  When
 * too many wait already the answer is JQ_UNKNOWN. */
void jq_worker_ask(struct jq_worker *w, const struct jq_question *q);
void jq_worker_forget(struct jq_worker *w, const void *asker);
/* Never waits. */
void jq_worker_run(struct jq_worker *w);

/* For the loader: does it compile?  Starts a worker and ends it; -ENOENT: the program is
 * not there, so that it cannot be known. */
int jq_check(const char *filter, struct err *e);

#endif
