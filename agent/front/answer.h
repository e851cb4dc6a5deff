/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANSWER_H
#define ANSWER_H
/* stormd's numbered messages of one seq, gathered into one JSON answer. */
#include "msg.h"
#include <jansson.h>

struct answer {
	json_t *agent;  /* of MSG_AGENT, or NULL */
	json_t *drills; /* array, or NULL */
	json_t *kinds;  /* array of doctor's rows, or NULL */
	struct fault_status fault;
	int has_fault; /* fault is to be added to the last drill */
	char *ops;     /* its operations, or NULL */
};

void answer_release(struct answer *a);
/* 0 to go on, 1 when this was the last one (MSG_ANSWER), -EBADMSG for a message that has
 * no place in an answer. */
int answer_add(struct answer *a, const union msg *m, struct err *e);
/* The body: the agent with its drills, or one drill, or doctor's rows; with "error" when
 * there is one, "received_us" and "finished_us".  A new reference. */
json_t *answer_body(struct answer *a, const struct msg_answer *last);
/* The HTTP status that goes with an error, 200 for none. */
unsigned answer_status(const struct err *e);

#endif
