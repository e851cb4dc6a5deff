/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock against the clocks that no step (CLOCK_BOOTTIME) and no drift
 * (CLOCK_MONOTONIC_RAW) changes, in µs, then tick and freq, and whether it is synchronised;
 * with any argument it is from now on.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

static int64_t
us(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* As after the word of an NTP daemon. */
static int
synchronise(void)
{
	struct timex t = { .modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR,
		.maxerror = 2000,
		.esterror = 100 };

	return adjtimex(&t) < 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct timex t = { .modes = 0 };
	int64_t best = INT64_MAX, boottime = 0, raw = 0;

	(void)argv;
	if (argc > 1)
		return synchronise();
	for (int i = 0; i < 100; i++) {
		const int64_t before = us(CLOCK_BOOTTIME);
		const int64_t wall = us(CLOCK_REALTIME), steady = us(CLOCK_MONOTONIC_RAW);
		const int64_t width = us(CLOCK_BOOTTIME) - before;

		if (width >= best)
			continue;
		best = width;
		boottime = wall - before - width / 2;
		raw = wall - steady;
	}
	(void)adjtimex(&t);
	(void)printf("%lld %lld %ld %ld %s\n", (long long)boottime, (long long)raw,
	    t.tick, t.freq, (t.status & STA_UNSYNC) != 0 ? "unsync" : "sync");
	return 0;
}
