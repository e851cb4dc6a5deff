/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OUTPUT_H
#define OUTPUT_H
/*
 * Where a drill's events go: events.ndjson at once, a line for the person watching, and
 * the reports at the end.  Nothing here can fail the drill: a full disk or a closed pipe
 * is noted once and the drill goes on to its undo.
 */
#include "event.h"
#include "report.h"
#include <stdbool.h>

struct err;
struct run_options;

struct output {
	char *dir;  /* NULL until opened */
	int ndjson; /* -1: none (any more) */
	bool quiet, silent, json, colour, is_out_lost;
	bool has_many_hosts; /* what all of them did is shown once */
	void (*on_event)(void *ctx, const struct event *v);
	void *ctx;
	char *const *secrets;
	size_t lines_lost; /* nobody read them: the reader was too slow */
	struct event
	    *events; /* in the order of what happened, not of when it was heard */
	size_t count, room;
	char trouble[256]; /* the first thing that could not be written; "" */
};

/* The directory asked for, or a new one for what has this name, into *ret (NULL or the
 * caller's, replaced), which is the caller's to free in any case. */
int results_dir(const char *asked, const char *name, char **ret, struct err *e);
/* Makes the directory.  Nothing was written anywhere when it fails. */
int output_open(struct output *o, const struct experiment *x,
    const struct run_options *run, struct err *e);
/* Redacts, keeps, writes and shows it. */
void output_event(struct output *o, const struct event *v);
/* One more line for the person watching. */
void output_say(struct output *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* summary.md and journal.json. */
void output_reports(struct output *o, const struct experiment *x, const char *drill,
    enum verdict verdict);
void output_release(struct output *o);

#endif
