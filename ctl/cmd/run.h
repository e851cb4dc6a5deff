/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUN_H
#define RUN_H
/*
 * The executor: the only place where experiment, probes, judge and agent meet.  It owns
 * the clock and the loop.
 */
#include "embed.h"
#include "experiment.h"
#include "ident.h"
#include "judge.h"
#include "verdict.h"
#include <stdbool.h>

struct event;
struct roster;

/* What a drill came to, for a command that runs several and draws its own conclusions. */
struct run_result {
	char drill[UUID_LEN];
	/* By budget or guard, while it ran; or it would have been, had it been known in time. */
	bool is_stopped;
	enum judge_reason reason; /* of that */
	usec_t stopped_after;     /* from fire to that decision */
	bool is_asked_to_end;     /* by a person, whatever else came of it */
	/* What led to the stop; else the first error that was said; else the verdict. */
	char why[640];
	struct answers during[PROBES_MAX]; /* of each probe */
};

struct run_options {
	const struct roster *roster; /* NULL: all of it is done on this host */
	const char *inventory;       /* where these hosts are listed, for messages */
	const char *pki_dir;         /* whom we are to other hosts' agents */
	bool include_self;           /* another name of this very host is no mistake */
	const char *out_dir; /* NULL: results/<date>-<name> below the current directory */
	const char *reason;
	bool rehearse; /* everything but the faults */
	bool quiet, json;
	bool silent; /* nothing is shown at all; files are written as ever */
	/* Each event, redacted, as it happens, for who shows it another way; or NULL. */
	void (*on_event)(void *ctx, const struct event *v);
	void *ctx;
	struct agent_options agent;
	struct run_result *result; /* filled in at the end; or NULL */
};

/* Run one drill to its end, whatever happens; the verdict is the exit code. */
enum verdict run_drill(const struct experiment *x, const struct run_options *o);

#endif
