/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBER_WATCH_H
#define PROBER_WATCH_H
/*
 * A prober that is watched until it has said enough; for tests of probes.
 *
 * The prober sends by the clock, on machines that stall.  It says so of a request that it
 * could not send in time, or whose answer it did not see in time: then all are probed once
 * more.
 */
#include "bad_server.h"
#include "clock.h"
#include "err.h"
#include "probe.h"
#include "test.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ATTEMPTS 8 /* on a machine that is too busy */
#define PATIENCE (PATIENCE_S * USEC_PER_SEC)

struct seen {
	struct prober *prober;
	usec_t from;   /* when it was started */
	size_t enough; /* samples to wait for */
	size_t count;
	struct sample sample[512];
};

static inline void
on_sample(void *ctx, const struct sample *s)
{
	struct seen *seen = ctx;

	if (seen->count < ARRAY_LEN(seen->sample))
		seen->sample[seen->count++] = *s;
}

static inline int
open_prober(struct seen *seen, const struct probe_def *d, size_t count, struct err *e)
{
	const struct prober_options o = {
		.probes = d, .count = count, .on_sample = on_sample, .ctx = seen
	};

	return prober_open(&seen->prober, &o, e);
}

static inline struct probe_def
probe_of(const char *url)
{
	struct probe_def d = {
		.name = "p",
		.http = { .method = (char *)"GET",
		    .url = (char *)url,
		    .timeout = PATIENCE },
		.rate_mhz = 20 * 1000,
		.good = { .status = { { 200, 399 } },
		    .status_count = 1,
		    .within = PATIENCE },
		.objective = 0.99,
	};

	return d;
}

static inline const char *
url_of(const struct server *s, const char *path, char *buf, size_t size)
{
	(void)snprintf(buf, size, "http://127.0.0.1:%u%s", s->port, path);
	return buf;
}

static inline void
run_until(struct seen *seen, usec_t end)
{
	struct pollfd pfd = { .fd = prober_fd(seen->prober), .events = POLLIN };
	struct err e = { 0 };

	while (seen->count < seen->enough && clock_boottime() < end) {
		(void)poll(&pfd, 1, 100);
		assert_int_equal(prober_run(seen->prober, &e), 0);
	}
}

static inline bool
is_starved(const struct sample *s)
{
	return s->class == SAMPLE_SKIPPED &&
	       strstr(s->why, "our own prober was too late") != NULL;
}

static inline bool
was_starved(const struct seen *seen)
{
	for (size_t i = 0; i < seen->count; i++)
		if (is_starved(&seen->sample[i]))
			return true;
	return false;
}

static inline struct seen
watch_once(const struct probe_def *d, size_t count, size_t enough)
{
	struct seen seen = { .enough = enough };
	struct err e = { 0 };

	if (open_prober(&seen, d, count, &e) != 0)
		fail_msg("%s", e.msg);
	seen.from = clock_boottime();
	prober_start(seen.prober, seen.from);
	run_until(&seen, clock_boottime() + PATIENCE);
	assert_true(seen.count >= enough);
	prober_stop(seen.prober);
	prober_free(seen.prober);
	seen.prober = NULL;
	return seen;
}

/* The first `enough` samples of these probes. */
static inline struct seen
watch(const struct probe_def *d, size_t count, size_t enough)
{
	struct seen seen = watch_once(d, count, enough);

	for (int i = 1; i < ATTEMPTS && was_starved(&seen); i++)
		seen = watch_once(d, count, enough);
	return seen;
}

static inline void
expect(const struct probe_def *d, enum sample_class class, const char *why)
{
	struct seen seen = watch(d, 1, 2);

	for (size_t i = 0; i < 2; i++) {
		if (seen.sample[i].class != class)
			fail_msg("class %s, expected %s: %s",
			    sample_class_name(seen.sample[i].class),
			    sample_class_name(class), seen.sample[i].why);
		assert_true(seen.sample[i].bad == (class != SAMPLE_OK));
		if (strstr(seen.sample[i].why, why) == NULL)
			fail_msg("'%s' does not say '%s'", seen.sample[i].why, why);
	}
}

#endif
