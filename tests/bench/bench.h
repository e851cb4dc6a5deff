/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H
/*
 * What the benchmarks share: rows as bench.sh prints them, medians, and one fault's life
 * without an agent around it.  A benchmark ends with 77 and the reason where its peer is
 * missing; it asserts nothing.
 */
#include "cleanup.h"
#include "err.h"
#include "fault.h"
#include "pidns.h"
#include "spawn.h"
#include <math.h>
#include <string.h>
#include <time.h>

static inline double
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static inline double
median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/* "1/12" or "×1.3": ours over the peer's. */
static inline const char *
ratio(double ours, double peer, char *buf, size_t size)
{
	if (peer <= 0)
		(void)snprintf(buf, size, "-");
	else if (ours <= 0)
		(void)snprintf(buf, size, "0");
	else if (ours < peer)
		(void)snprintf(buf, size, "1/%.*f", peer / ours < 10, peer / ours);
	else
		(void)snprintf(buf, size, "x%.1f", ours / peer);
	return buf;
}

struct figure {
	const char *name, *peer_name, *unit, *target;
	double ours, peer;
};

static inline void
print_row(const struct figure *f)
{
	char ours[32], peer[64], r[32];

	(void)snprintf(ours, sizeof(ours), "%.3g %s", f->ours, f->unit);
	(void)snprintf(peer, sizeof(peer), "%s %.3g %s", f->peer_name, f->peer, f->unit);
	(void)printf("%-46s | %16s | %22s | %10s | %s\n", f->name, ours, peer,
	    ratio(f->ours, f->peer, r, sizeof(r)), f->target);
	(void)fflush(stdout);
}

/* A failure of our own is the end, with what was said. */
static inline void
must(int rc, const char *what, const struct err *e)
{
	if (rc >= 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, e->msg);
	exit(1);
}

/* A peer by its name; started as we start any program, so that the time is its own.  Its
 * output is not wanted. */
static inline int
peer(const char *const *args)
{
	static const char *const dirs[] = { "/usr/bin", "/usr/sbin", "/bin", "/sbin" };
	char path[64];
	const char *argv[24] = { path };
	const struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 60000 };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], args[0]);
		if (access(path, X_OK) == 0)
			break;
	}
	for (size_t i = 1; args[i] != NULL; i++)
		argv[i] = args[i];
	return run_tool(&t, &e);
}
#define PEER(...) peer((const char *const[]){ __VA_ARGS__, NULL })

/* One fault, alone. */
struct lone {
	const struct fault *fault;
	struct spec spec;
	struct protect protect;
	struct fault_run run;
};

/* args: name, value, … NULL */
static inline void
lone_prepare(struct lone *l, const char *kind, const char *const *args)
{
	struct err e = { 0 };

	l->fault = fault_find(kind);
	memset(&l->protect, 0, sizeof(l->protect));
	spec_init(&l->spec, l->fault->kind);
	fault_id_make("bench", kind, (unsigned)(now_ms() * 1000), l->spec.id);
	for (; args[0] != NULL; args += 2)
		must(spec_set(&l->spec, args[0], args[1], &e), kind, &e);
	must(spec_finish(&l->spec, &e), kind, &e);
	l->run = (struct fault_run){
		.spec = &l->spec,
		.protect = &l->protect,
		.run_dir = "/proc",
		.state_dir = "/proc",
		.barrier_fd = -1,
		.wake_ms = -1,
	};
	must(undo_ctx_open(&l->run.ctx, -1, true, &e), kind, &e);
	must(l->fault->prepare(&l->run, &e), kind, &e);
}
#define LONE(l, kind, ...) \
 lone_prepare(l, kind, (const char *const[]){ __VA_ARGS__, NULL })

static inline void
lone_undo(struct lone *l)
{
	struct err e = { 0 };

	must(undo_run(l->run.ctx, &l->run.undo, BEAT_DISARM, &e), "disarm", &e);
	must(undo_check(l->run.ctx, &l->run.undo, BEAT_DISARM, &e), "disarm", &e);
	must(l->fault->release(&l->run, &e), "release", &e);
	must(undo_run(l->run.ctx, &l->run.undo, BEAT_SWEEP, &e), "sweep", &e);
	undo_ctx_free(l->run.ctx);
}

#endif
