/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTS_WORLD_H
#define HOSTS_WORLD_H
/*
 * Whole drills on several hosts, with everything real but the agents, of which some die,
 * refuse, lie or dawdle.  What came before what is said by numbers that the agents give to
 * every question and answer, not by clocks.
 */
#include "cleanup.h"
#include "err.h"
#include "fake_fleet.h"
#include "kind.h"
#include "results.h"
#include "roster.h"
#include "run.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <jansson.h>
#include <signal.h>

#define FLEET    4
#define CROWD    30
#define NOT_LONG (20 * USEC_PER_SEC) /* for what something ends before its time */

struct world {
	char dir[64], out[96];
	struct experiment x;
	struct target_def target;
	struct probe_def probe;
	struct fault_def fault;
	struct host hosts[FAKES_MAX];
	const struct host *chosen[FAKES_MAX];
	struct roster_host rows[FAKES_MAX];
	struct roster_target resolved;
	struct roster roster;
	struct run_options o;
};

static inline void
set_hosts(struct world *w, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct host *h = &w->hosts[i];

		(void)snprintf(h->name, sizeof(h->name), "h%zu", i);
		(void)snprintf(h->address, sizeof(h->address), "10.0.0.%zu", i);
		h->port = 7433;
		w->chosen[i] = h;
		w->rows[i] = (struct roster_host){ .host = h, .count = 1 };
		w->rows[i].spec[0] = &w->fault.spec;
		agents[i].lasts = w->fault.spec.duration;
	}
	w->resolved = (struct roster_target){
		.target = &w->target,
		.matched = count + 1,
		.count = count,
		.hosts = w->chosen,
	};
	w->roster = (struct roster){
		.seed = 12345678901234567,
		.hosts = w->rows,
		.count = count,
		.targets = &w->resolved,
		.target_count = 1,
	};
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	memset(agents, 0, sizeof(agents));
	shop_open();
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/hosts.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->out, sizeof(w->out), "%s/out", w->dir);
	spec_init(&w->fault.spec, kind_find("net.partition"));
	(void)snprintf(w->fault.spec.name, NAME_MAX_LEN, "cut");
	w->fault.spec.duration = 300 * USEC_PER_MSEC;
	(void)snprintf(w->target.name, NAME_MAX_LEN, "db");
	w->target.where = (char *)"role=db";
	w->x = (struct experiment){ .name = "many",
		.targets = &w->target,
		.target_count = 1,
		.faults = &w->fault,
		.fault_count = 1,
		.lease_ms = 200 };
	w->o = (struct run_options){
		.out_dir = w->out, .quiet = true, .inventory = "hosts.yaml"
	};
	w->o.roster = &w->roster;
	w->o.pki_dir = "/nonexistent";
	set_hosts(w, FLEET);
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

static inline void
make_it_last(struct world *w)
{
	w->fault.spec.duration = NOT_LONG;
	for (size_t i = 0; i < w->roster.count; i++)
		agents[i].lasts = NOT_LONG;
}

static void
expect(struct world *w, enum verdict v)
{
	enum verdict got = run_drill(&w->x, &w->o);

	if (got != v) {
		_cleanup_free_ char *text = result_text(w->out, "events.ndjson");

		fail_msg("verdict %s, expected %s\n%s", verdict_name(got),
		    verdict_name(v), text);
	}
}

/* How many lines of events.ndjson have all of these words, in this order. */
static inline size_t
count_lines(const struct world *w, const char *type, const char *word)
{
	_cleanup_free_ char *text = result_text(w->out, "events.ndjson");
	_cleanup_free_ char *start = xasprintf("{\"type\":\"%s\",", type);
	char *rest = NULL;
	size_t n = 0;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		n += strncmp(line, start, strlen(start)) == 0 &&
		     strstr(line, word) != NULL;
	return n;
}

static inline unsigned
undo_number(const struct fake_agent *a)
{
	return a->asked[FLEET_UNDO] != 0 ? a->asked[FLEET_UNDO] : a->asked[FLEET_BREACH];
}

/* All but this one were told to undo, and are clean. */
static inline void
expect_all_undone_but(size_t other)
{
	for (size_t i = 0; i < FLEET; i++) {
		if (i == other)
			continue;
		assert_true(agents[i].undo_asked);
		assert_int_equal(agents[i].view.fault[0].state, FAULT_GONE);
	}
}

static inline void
expect_nothing_fired(void)
{
	for (size_t i = 0; i < FLEET; i++)
		assert_int_equal(agents[i].asked[FLEET_FIRE], 0);
}

#endif
