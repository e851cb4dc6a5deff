/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_H
#define REPORT_H
/*
 * Events to bytes.  A report sees the experiment it was made from and the events, nothing
 * else; each format is one file with a const row at its end.
 */
#include "event.h"
#include "experiment.h"
#include "verdict.h"
#include <stddef.h>
#include <stdio.h>

struct report_input {
	const struct experiment *experiment;
	const char *drill;          /* UUID */
	const struct event *events; /* sorted by time */
	size_t count;
	enum verdict verdict;
};

struct report {
	const char *name; /* "markdown", "json" */
	const char *file; /* "summary.md", "journal.json" */
	int (*write)(FILE *f, const struct report_input *in); /* 0 or negative errno */
};

extern const struct report report_markdown, report_json;

/* One event as a line of NDJSON (with its newline), secrets redacted; length. */
int event_to_ndjson(const struct event *v, char *buf, size_t size);
/* One event as a line for a person at a terminal or in a log; "" when it is not worth
 * one.  `colour` only on a terminal. */
void event_to_text(const struct event *v, FILE *f, int colour);

#endif
