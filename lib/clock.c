/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and the written form of times.  The calendar is computed here: gmtime_r reads
 * /etc/localtime at its first call, which a sandboxed process cannot.
 */
#include "clock.h"
#include "err.h"
#include "fdio.h"
#include "parse.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static usec_t
clock_read(clockid_t id)
{
	struct timespec t;
	int failed = clock_gettime(id, &t);

	assert(failed == 0);
	(void)failed;
	return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / NSEC_PER_USEC;
}

usec_t
clock_boottime(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

usec_t
clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

const char *
clock_iso8601(usec_t wall, char *buf, unsigned long size)
{
	uint64_t seconds = wall / USEC_PER_SEC, of_day = seconds % 86400;
	/* Days since 0000-03-01, in eras of 400 years (Hinnant, civil_from_days). */
	uint64_t days = seconds / 86400 + 719468;
	uint64_t era = days / 146097, of_era = days % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t mp = (5 * of_year + 2) / 153;
	uint64_t day = of_year - (153 * mp + 2) / 5 + 1;
	uint64_t month = mp < 10 ? mp + 3 : mp - 9;

	year += era * 400 + (month <= 2 ? 1 : 0);
	(void)snprintf(buf, size,
	    "%04" PRIu64 "-%02" PRIu64 "-%02" PRIu64 "T%02" PRIu64 ":%02" PRIu64
	    ":%02" PRIu64 ".%03" PRIu64 "Z",
	    year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60,
	    wall % USEC_PER_SEC / USEC_PER_MSEC);
	return buf;
}

#define DAY (24 * 3600 * USEC_PER_SEC)

const char *
format_usec(usec_t t, char *buf, unsigned long size)
{
	char digits[24];
	const char *unit = t >= USEC_PER_SEC ? "s" : t >= USEC_PER_MSEC ? "ms" : "us";
	usec_t scale = t >= USEC_PER_SEC ? USEC_PER_SEC : t >= USEC_PER_MSEC ? 1000 : 1;
	int decimals = scale == USEC_PER_SEC ? 6 : 3;
	size_t len;

	if (t == 0) {
		(void)snprintf(buf, size, "0s");
	} else if (t >= USEC_INFINITY) {
		(void)snprintf(buf, size, "infinity");
	} else if (t >= 2 * DAY && t % DAY == 0) {
		(void)snprintf(buf, size, "%" PRIu64 "d", t / DAY);
	} else if (t % (3600 * USEC_PER_SEC) == 0) {
		(void)snprintf(buf, size, "%" PRIu64 "h", t / (3600 * USEC_PER_SEC));
	} else if (t % (60 * USEC_PER_SEC) == 0) {
		(void)snprintf(buf, size, "%" PRIu64 "m", t / (60 * USEC_PER_SEC));
	} else if (t % scale == 0) {
		(void)snprintf(buf, size, "%" PRIu64 "%s", t / scale, unit);
	} else {
		(void)snprintf(digits, sizeof(digits), "%0*" PRIu64, decimals, t % scale);
		for (len = strlen(digits); digits[len - 1] == '0'; len--)
			digits[len - 1] = '\0';
		(void)snprintf(buf, size, "%" PRIu64 ".%s%s", t / scale, digits, unit);
	}
	return buf;
}

void
sleep_usec(usec_t t)
{
	usec_t end = clock_boottime() + t;
	struct timespec until = {
		.tv_sec = (time_t)(end / USEC_PER_SEC),
		.tv_nsec = (long)(end % USEC_PER_SEC * NSEC_PER_USEC),
	};

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

int
clock_boot_id(char ret_id[static BOOT_ID_LEN], struct err *e)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	char text[64];
	ssize_t len = read_file_at(AT_FDCWD, path, text, sizeof(text));

	if (len < 0) {
		errno = (int)-len;
		return err_errno(e, "read %s", path);
	}
	text[strcspn(text, "\n")] = '\0';
	if (parse_uuid(text, e) < 0)
		return err_wrap(e, "%s", path);
	memcpy(ret_id, text, BOOT_ID_LEN);
	return 0;
}
