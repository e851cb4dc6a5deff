/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_FAULT_H
#define MEMORY_FAULT_H
/*
 * One memory.fill, led step by step as its holder would, and its fillers as others see them.
 */
#include "fault.h"
#include "memory_world.h"
#include "proc.h"
#include "process.h"
#include "xalloc.h"
#include <linux/capability.h>

#define PATIENCE (20 * USEC_PER_SEC)

static struct protect protect;
static struct fault_run r;
static struct spec spec;
static char fault_id[FAULT_ID_LEN]; /* the cgroup tree is the machine's */

/* What a test that failed has left. */
static inline void
undo_quietly(void)
{
	struct err e = { 0 };

	if (r.ctx == NULL)
		return;
	(void)undo_run(r.ctx, &r.undo, BEAT_DISARM, &e);
	if (r.state != NULL)
		(void)fault_memory_fill.release(&r, &e);
	(void)undo_run(r.ctx, &r.undo, BEAT_SWEEP, &e);
	undo_ctx_free(r.ctx);
	r.ctx = NULL;
}

/* In main, before the namespace, where this pid is one that others have, too.  A holder has
 * no CAP_SYS_RESOURCE: with it, a score that was raised stays. */
static inline void
memory_fault_begin(void)
{
	struct err e = { 0 };

	if (caps_limit(caps_permitted() & ~CAP_BIT(CAP_SYS_RESOURCE), &e) < 0)
		skip_all("%s", e.msg);
	fault_id_make("memory.fill", "test", (unsigned)getpid(), fault_id);
	(void)snprintf(
	    memory_world.cap, sizeof(memory_world.cap), "storm-memory-%s", fault_id);
}

/* Whatever became of the fault in it. */
static inline void
target_end(void)
{
	undo_quietly();
	group_end(memory_world.target);
}

static inline int
memory_fault_end(void **state)
{
	undo_quietly();
	return memory_world_end(state);
}

/* words: "size=64MiB lock=true"; TARGET stands for the target's path */
static inline int
try_spec(const char *words, struct err *e)
{
	_cleanup_free_ char *copy = xstrdup(words);
	char *save = NULL;

	spec_init(&spec, &kind_memory_fill);
	memcpy(spec.id, fault_id, sizeof(spec.id));
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		if (spec_set(&spec, w,
			strcmp(value, "TARGET") == 0 ? memory_world.target : value,
			e) < 0)
			return e->code;
	}
	spec.duration = 60 * USEC_PER_SEC;
	return spec_finish(&spec, e);
}

static inline int
try_prepare(const char *words, struct err *e)
{
	undo_quietly();
	if (try_spec(words, e) < 0)
		return e->code;
	r = (struct fault_run){ .spec = &spec, .protect = &protect, .barrier_fd = -1 };
	assert_ok(undo_ctx_open(&r.ctx, -1, true, e), *e);
	return fault_memory_fill.prepare(&r, e);
}

static inline void
stage(const char *words)
{
	struct err e = { 0 };

	assert_ok(try_prepare(words, &e), e);
	assert_ok(fault_memory_fill.stage(&r, &e), e);
}

static inline void
apply(void)
{
	struct err e = { 0 };

	assert_ok(fault_memory_fill.apply(&r, &e), e);
	assert_ok(fault_memory_fill.verify(&r, &e), e);
	assert_true(r.effect > 0);
}

/* Until it holds as much as from here to there; false: it came to something else. */
static inline bool
is_held_within(uint64_t least, uint64_t most)
{
	const usec_t until = clock_boottime() + PATIENCE;
	struct err e = { 0 };

	do {
		assert_ok(fault_memory_fill.hold(&r, &e), e);
		if (r.effect >= least && r.effect <= most)
			return true;
		sleep_usec(5 * USEC_PER_MSEC);
	} while (clock_boottime() < until);
	return false;
}

static inline bool
is_held(uint64_t bytes)
{
	return is_held_within(bytes, bytes);
}

static inline void
begin(const char *words, uint64_t bytes)
{
	stage(words);
	apply();
	if (!is_held(bytes))
		fail_msg("%s: holds %" PRIu64 ": %s", words, r.effect, r.note);
}

static inline void
undo(void)
{
	struct err e = { 0 };

	assert_ok(undo_run(r.ctx, &r.undo, BEAT_DISARM, &e), e);
	assert_ok(undo_check(r.ctx, &r.undo, BEAT_DISARM, &e), e);
	assert_ok(fault_memory_fill.release(&r, &e), e);
	assert_ok(undo_run(r.ctx, &r.undo, BEAT_SWEEP, &e), e);
	assert_ok(undo_check(r.ctx, &r.undo, BEAT_SWEEP, &e), e);
	undo_ctx_free(r.ctx);
	r.ctx = NULL;
}

/* --- the fillers, as others see them --- */

struct fillers {
	size_t count;
	pid_t pids[64];
};

static inline int
count_filler(void *ctx, const struct proc *p, int dir)
{
	struct fillers *f = ctx;

	(void)dir;
	if (strcmp(p->comm, "stormd-filler") == 0 && p->state != 'Z')
		f->pids[f->count++ % ARRAY_LEN(f->pids)] = p->id.pid;
	return 0;
}

static inline struct fillers
fillers(void)
{
	struct fillers f = { 0 };
	struct err e = { 0 };

	assert_ok(proc_each(count_filler, &f, &e), e);
	return f;
}

/* A line of /proc/PID/status, summed over all fillers: kB. */
static inline uint64_t
sum_status(const char *key)
{
	const struct fillers f = fillers();
	uint64_t sum = 0, kib = 0;

	for (size_t i = 0; i < f.count; i++) {
		char path[32], text[4096];
		const char *line;

		(void)snprintf(path, sizeof(path), "/proc/%d/status", f.pids[i]);
		assert_true(read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0);
		line = strstr(text, key);
		assert_non_null(line);
		assert_int_equal(sscanf(line + strlen(key), ": %" SCNu64, &kib), 1);
		sum += kib;
	}
	return sum;
}

#endif
