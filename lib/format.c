/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for people; what must be read back exactly is not written here. */
#include "parse.h"
#include <inttypes.h>
#include <stdio.h>

const char *
format_size(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB",
		"EiB" };
	unsigned unit = 0;
	uint64_t whole = bytes, tenths;

	while (whole >= 1024 && unit < 6) {
		whole >>= 10;
		unit++;
	}
	/* Rounded to a tenth; 1023.95 MiB and more would read "1024.0". */
	tenths = unit == 0 ? bytes * 10 : ((bytes >> (10 * unit - 10)) * 10 + 512) / 1024;
	if (tenths >= 10240 && unit < 6) {
		unit++;
		tenths = 10;
	}
	if (tenths % 10 == 0)
		(void)snprintf(buf, size, "%" PRIu64 " %s", tenths / 10, units[unit]);
	else
		(void)snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10,
		    tenths % 10, units[unit]);
	return buf;
}
