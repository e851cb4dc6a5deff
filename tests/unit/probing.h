/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBING_H
#define PROBING_H
/* Asking one probe a few times, for the tests of probe types. */
#include "cleanup.h"
#include "clock.h"
#include "probe.h"
#include "test.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

#define PROBING_PATIENCE (60 * USEC_PER_SEC) /* far more than anything needs */

struct probing {
	struct prober *prober;
	size_t count;
	struct sample sample[64];
};

static inline void
probing_sample(void *ctx, const struct sample *s)
{
	struct probing *p = ctx;

	if (p->count < ARRAY_LEN(p->sample))
		p->sample[p->count++] = *s;
}

/* Runs the prober until so many samples have come. */
static inline void
probing_run(struct probing *p, size_t enough)
{
	struct pollfd pfd = { .fd = prober_fd(p->prober), .events = POLLIN };
	usec_t end = clock_boottime() + PROBING_PATIENCE;
	struct err e = { 0 };

	while (p->count < enough) {
		assert_true(clock_boottime() < end);
		(void)poll(&pfd, 1, 100);
		assert_ok(prober_run(p->prober, &e), e);
	}
}

static inline void
probing_open(struct probing *p, const struct probe_def *d)
{
	const struct prober_options o = {
		.probes = d, .count = 1, .on_sample = probing_sample, .ctx = p
	};
	struct err e = { 0 };

	memset(p, 0, sizeof(*p));
	assert_ok(prober_open(&p->prober, &o, &e), e);
	prober_start(p->prober, clock_boottime());
}

/* It is said why a probe cannot be. */
static inline void
expect_refused(const struct probe_def *d, const char *why)
{
	const struct prober_options o = { .probes = d, .count = 1 };
	struct prober *p = NULL;
	struct err e = { 0 };

	assert_int_equal(prober_open(&p, &o, &e), -EINVAL);
	if (strstr(e.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.msg, why);
}

/* A stalled machine skips: then there is another. */
static inline struct sample
first_sent(struct probing *p)
{
	for (size_t i = 0;; i++) {
		probing_run(p, i + 1);
		assert_true(i + 1 < ARRAY_LEN(p->sample));
		if (p->sample[i].class != SAMPLE_SKIPPED)
			return p->sample[i];
	}
}

static inline struct sample
expect_sample(const struct probe_def *d, enum sample_class class, const char *why)
{
	struct probing p;

	probing_open(&p, d);
	struct sample s = first_sent(&p);
	prober_free(p.prober);
	if (s.class != class)
		fail_msg("class %s, expected %s: %s", sample_class_name(s.class),
		    sample_class_name(class), s.why);
	assert_true(s.bad == (class != SAMPLE_OK));
	if (strstr(s.why, why) == NULL)
		fail_msg("'%s' does not say '%s'", s.why, why);
	return s;
}

#endif
