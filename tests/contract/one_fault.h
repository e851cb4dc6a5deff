/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ONE_FAULT_H
#define ONE_FAULT_H
/*
 * One fault led step by step as its holder would, in the test's own process, with
 * directories of the test's own.
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "farside.h"
#include "test.h"
#include "xalloc.h"

static struct protect protect; /* what of the host no fault may touch */
static struct store store;
static struct undo_ctx *ctx;
static char own_dir[] = "/tmp/stormdrill-fault-XXXXXX";

struct drill {
	const struct fault *fault;
	struct spec spec;
	struct fault_run run;
	struct err e;
};

/* words: "to=10.0.0.0/8 port=80"; without `lasts` it is a one-shot. */
static inline struct drill *
drill_new(const char *kind, const char *words, bool lasts)
{
	struct drill *d = xcalloc(1, sizeof(*d));
	_cleanup_free_ char *copy = xstrdup(words);
	char *save = NULL;

	d->fault = fault_find(kind);
	assert_non_null(d->fault);
	spec_init(&d->spec, d->fault->kind);
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		if (spec_set(&d->spec, w, value, &d->e) < 0)
			fail_msg("%s: %s", words, d->e.msg);
	}
	d->spec.duration = lasts ? 60 * USEC_PER_SEC : 0;
	if (spec_finish(&d->spec, &d->e) < 0)
		fail_msg("%s: %s", words, d->e.msg);
	fault_id_make("one fault", own_dir, 0, d->spec.id); /* no other test has it */
	d->run = (struct fault_run){ .protect = &protect,
		.spec = &d->spec,
		.run_dir = own_dir,
		.state_dir = own_dir,
		.ctx = ctx,
		.store = &store,
		.barrier_fd = -1,
		.wake_ms = -1 };
	return d;
}

static inline void
drill_free(struct drill *d)
{
	free(d->run.state);
	free(d);
}

static inline void
must(struct drill *d, int rc)
{
	if (rc < 0)
		fail_msg("%s", d->e.msg);
}

static inline void
drill_stage(struct drill *d)
{
	must(d, d->fault->prepare(&d->run, &d->e));
	must(d, d->fault->stage(&d->run, &d->e));
}

static inline void
drill_apply(struct drill *d)
{
	must(d, d->fault->apply(&d->run, &d->e));
	must(d, d->fault->verify(&d->run, &d->e));
}

static inline void
drill_hold(struct drill *d)
{
	must(d, d->fault->hold(&d->run, &d->e));
}

static inline void
drill_disarm(struct drill *d)
{
	must(d, undo_run(ctx, &d->run.undo, BEAT_DISARM, &d->e));
	must(d, undo_check(ctx, &d->run.undo, BEAT_DISARM, &d->e));
}

static inline void
drill_sweep(struct drill *d)
{
	must(d, d->fault->release(&d->run, &d->e));
	must(d, undo_run(ctx, &d->run.undo, BEAT_SWEEP, &d->e));
	must(d, shared_sweep(&store, ctx, &d->e));
	must(d, undo_check(ctx, &d->run.undo, BEAT_SWEEP, &d->e));
}

static inline struct drill *
drill_on(const char *kind, const char *words, bool lasts)
{
	struct drill *d = drill_new(kind, words, lasts);

	drill_stage(d);
	drill_apply(d);
	return d;
}

static inline void
drill_off(struct drill *d)
{
	drill_disarm(d);
	drill_sweep(d);
	drill_free(d);
}

/* What stormd, or the guardian, does when a holder has died. */
static inline void
drill_off_by_record(struct drill *d)
{
	static struct record r;

	r = (struct record){ .drill = "9f0b6c1e-0000-4000-8000-00000000fa17",
		.summary = "one fault",
		.netns = netns_inode(),
		.hard_deadline = clock_boottime() + 60 * USEC_PER_SEC,
		.holder = { .pid = getpid(), .start = 1 }, /* which ended long ago */
		.undo = d->run.undo };
	memcpy(r.fault, d->spec.id, sizeof(r.fault));
	memcpy(r.kind, d->spec.kind, sizeof(r.kind));
	must(d, clock_boot_id(r.boot_id, &d->e));
	/* what has no record counts as undone already */
	must(d, store_put(&store, &r, &d->e));
	must(d, store_undo(&store, &r, -1, &d->e));
	drill_free(d);
}

static inline int
directories_make(void)
{
	char run_dir[64], host_dir[64];
	struct err e = { 0 };

	if (mkdtemp(own_dir) == NULL)
		return -1;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", own_dir);
	(void)snprintf(host_dir, sizeof(host_dir), "%s/host", own_dir);
	if (mkdir(run_dir, 0700) == 0 && mkdir(host_dir, 0700) == 0 &&
	    store_open(&store, run_dir, "", host_dir, &e) == 0 &&
	    undo_ctx_open(&ctx, -1, true, &e) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n", e.msg);
	return -1;
}

static inline int
directories_end(void)
{
	const char *const remove[] = { "/bin/rm", "-rf", own_dir, NULL };

	undo_ctx_free(ctx);
	store_close(&store);
	return tool(remove, NULL, NULL, 0);
}

#endif
