/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUN_WORLD_H
#define RUN_WORLD_H
/*
 * Whole drills, from run_drill to its exit code and its files, with everything real but
 * the agent: a fake one, whose single fault breaks the very server that is probed, as it is
 * told.
 *
 * They run in real time, on machines that stall.  An answer has ten seconds, so that a
 * sample is late after a whole one; and a drill that says of itself that it was starved has
 * measured nothing, whatever its verdict: it is run again, for longer.
 */
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "event.h"
#include "fake_fleet.h"
#include "kind.h"
#include "results.h"
#include "run.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- experiments ---------------------------------------------------------------------- */

#define ATTEMPTS 8                   /* at a drill, on a machine that is too busy */
#define PATIENCE (10 * USEC_PER_SEC) /* for an answer: ten times what makes it late */
#define NOT_LONG (20 * USEC_PER_SEC) /* for what something ends before its time */

struct world {
	char dir[64], out[96];
	bool is_due_few; /* too few answers are what the test asks for */
	struct experiment x;
	struct probe_def probe;
	struct fault_def fault;
	struct run_options o;
};

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	memset(agents, 0, sizeof(agents));
	agent->lasts = 800 * USEC_PER_MSEC;
	shop_open();
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/run.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->out, sizeof(w->out), "%s/out", w->dir);

	w->probe = (struct probe_def){ .name = "shop",
		.http = { .method = (char *)"GET", .url = shop.url, .timeout = PATIENCE },
		.rate_mhz = 200 * 1000,
		.good = { .status = { { 200, 399 } },
		    .status_count = 1,
		    .within = PATIENCE },
		.objective = 0.9,
		.abort_at = 0.5 };
	spec_init(&w->fault.spec, kind_find("net.partition"));
	(void)snprintf(w->fault.spec.name, NAME_MAX_LEN, "cut");
	w->fault.spec.duration = agent->lasts;
	w->x = (struct experiment){ .name = "a-test",
		.hypothesis = (char *)"the shop | stays open for s3cret",
		.probes = &w->probe,
		.probe_count = 1,
		.faults = &w->fault,
		.fault_count = 1,
		.steady = { .before = 500 * USEC_PER_MSEC, .during = USEC_PER_SEC },
		.budget = { .false_abort = 0.001 },
		.lease_ms = 300 };
	w->o = (struct run_options){ .out_dir = w->out, .quiet = true };
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	shop_close();
	remove_results(w->out);
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

static json_t *
journal_of(const struct world *w)
{
	_cleanup_free_ char *path = xasprintf("%s/journal.json", w->out);
	json_error_t why;
	json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &why);

	if (j == NULL)
		fail_msg("%s: %s at line %d", path, why.text, why.line);
	return j;
}

/* In the drill's own words: what was due could not be sent in time, or at all. */
static bool
was_starved(const struct world *w)
{
	_cleanup_free_ char *text = result_text(w->out, "events.ndjson");

	if (strstr(text, "our own prober was late or skipped") != NULL)
		return true;
	return !w->is_due_few && (strstr(text, "answers before; 30 are needed") != NULL ||
				     strstr(text, "during the drill, 30 are") != NULL);
}

/* All as it was when the drill began, but for spans half as long again. */
static void
begin_again(struct world *w, struct fake_agent *as_told)
{
	usec_t *const spans[] = { &as_told->lasts, &w->fault.spec.duration,
		&w->x.steady.before, &w->x.steady.during, &w->x.steady.after };

	for (size_t i = 0; i < ARRAY_LEN(spans); i++)
		*spans[i] += *spans[i] / 2;
	*agent = *as_told;
	atomic_store(&shop.is_broken, false);
	atomic_store(&shop.asked, 0);
	remove_results(w->out);
}

static enum verdict
drill(struct world *w)
{
	struct fake_agent as_told = *agent;

	for (int i = 1; i <= ATTEMPTS; i++) {
		if (i > 1)
			begin_again(w, &as_told);
		enum verdict v = run_drill(&w->x, &w->o);
		if (!was_starved(w))
			return v;
		(void)fprintf(stderr, "starved, in attempt %d of %d\n", i, ATTEMPTS);
	}
	return VERDICT_INTERNAL; /* which no test expects */
}

/* A fault that something else ends. */
static inline void
make_it_last(struct world *w)
{
	agent->lasts = w->x.steady.during = w->fault.spec.duration = NOT_LONG;
}

static void
expect(struct world *w, enum verdict v)
{
	enum verdict got = drill(w);

	if (got != v) {
		_cleanup_free_ char *text = result_text(w->out, "events.ndjson");

		fail_msg("verdict %s, expected %s\n%s", verdict_name(got),
		    verdict_name(v), text);
	}
}

#endif
