/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JQ_PROCESS_H
#define JQ_PROCESS_H
/*
 * One stormctl-jq: a process and the conversation with it (jq_wire.h), one text after the
 * other.  Nothing here waits but jq_process_release.
 */
#include "clock.h"
#include "jq_wire.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

struct jq_process {
	pid_t pid; /* 0: there is none */
	int pidfd, sock;
	int report; /* of spawn_begin */
	struct jq_length head;
	const char *text; /* being sent, the caller's */
	size_t sent, got; /* head and text; of the reply */
	struct jq_reply reply;
};

void jq_process_init(struct jq_process *p);
/* The filter is what it is told first; it outlives the answer. */
int jq_process_start(
    struct jq_process *p, const char *path, const char *filter, struct err *e);
/* Another text, after a reply to the last; it outlives the answer. */
void jq_process_tell(struct jq_process *p, const char *text, size_t len);
/* Go on with both directions: 1 when p->reply is whole, 0 when it is not yet, negative when
 * the process does not listen any more. */
int jq_process_talk(struct jq_process *p);
bool jq_process_has_unsent(const struct jq_process *p);

usec_t jq_process_cpu(const struct jq_process *p);
/* It is dead a moment later. */
void jq_process_kill(struct jq_process *p);
/* Dead?  Then it is reaped, nothing of it is left, and how it ended is in *ret; why it was
 * never executed, in e (whose code is 0 otherwise). */
bool jq_process_reap(struct jq_process *p, siginfo_t *ret, struct err *e);
/* Kill it and see it dead. */
void jq_process_release(struct jq_process *p);

#endif
