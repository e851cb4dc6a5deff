/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOLDER_H
#define HOLDER_H
/*
 * The life of one fault, in the process that owns it.  stormd says what and when over the
 * channel; from the stored record on, this process undoes the fault by itself whenever it
 * is told to, whenever it fails, and when stormd is gone.
 */
#include "chan.h"
#include "fault.h"
#include "msg.h"
#include "network.h"
#include "record.h"
#include "store.h"
#include <stdbool.h>

struct holder {
	const struct fault *fault;
	int chan;
	struct msg_hold hold;       /* what was asked for */
	struct fault_status status; /* what stormd was told last */
	struct fault_run run;
	struct store store;
	struct undo_ctx *ctx;
	struct network network; /* whose the fault is in */
	struct err why; /* the fault did not work out; what undo says is in status */
	enum outcome outcome;
	bool is_told;       /* to disarm, by stormd, a signal or our own failure */
	bool is_disarmed;   /* and said so */
	bool is_orphan;     /* stormd is gone: nobody reads what we send */
	usec_t next_hold;   /* when the fault wants to be called again */
	usec_t next_report; /* not before: effect counts go out four times a second */
	usec_t retry_at;    /* STUCK: the next attempt */
	unsigned retries;
};

/* `stormd-fault KIND ID [--pid N | --container ID] --run-dir D --state-dir S
 * --host-dir H`: the exit status. */
int holder_main(int argc, char **argv);
/* `stormd-fault --doctor`: one MSG_TEXT line for each kind, then MSG_ANSWER. */
int doctor_main(void);

/* prepare, record, stage: up to STAGED, or GONE with the reason (also when rehearsing). */
void holder_arm(struct holder *h);
/* apply and verify: ACTIVE, or undone again with the reason. */
void holder_apply(struct holder *h);
/* Disarm, check, say so; sweep, check, say so.  GONE, or STUCK and tried again later. */
void holder_undo(struct holder *h);
/* Tell stormd the state as it is now. */
void holder_report(struct holder *h, enum fault_state state);
/* The fault did not work out: why, for the status. */
void holder_failed(struct holder *h, const struct err *e);
/* The process whose network the fault is in has ended: lost, and undone at once. */
void holder_network_gone(struct holder *h);

/* Is a message from stormd fit to act on?  The spec is verified by its kind's row. */
int hold_check(const struct msg_hold *m, const char *kind, const char *id, struct err *e);

/* Keep only the kind's capabilities and the system calls of the holder and of the fault. */
int holder_confine(const struct fault *f, struct err *e);

#endif
