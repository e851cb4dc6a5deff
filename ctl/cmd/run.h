/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUN_H
#define RUN_H
/*
 * The executor: the only place where experiment, probes, judge and agent meet.  It owns
 * the clock and the loop.
 */
#include "embed.h"
#include "experiment.h"
#include "verdict.h"
#include <stdbool.h>

struct roster;

struct run_options {
	const struct roster *roster; /* NULL: all of it is done on this host */
	const char *inventory;       /* where these hosts are listed, for messages */
	const char *pki_dir;         /* whom we are to other hosts' agents */
	bool include_self;           /* another name of this very host is no mistake */
	const char *out_dir; /* NULL: results/<date>-<name> below the current directory */
	const char *reason;
	bool rehearse; /* everything but the faults */
	bool quiet, json;
	struct agent_options agent;
};

/* Run one drill to its end, whatever happens; the verdict is the exit code. */
enum verdict run_drill(const struct experiment *x, const struct run_options *o);

#endif
