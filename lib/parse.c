/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units.  Everything is decimal digits read by hand: strtol would take
 * blanks, signs and octal.  Fractions are exact: "0.3s" is 300000 µs, never a float.
 */
#include "parse.h"
#include "cleanup.h"
#include "err.h"
#include "quote.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One decimal number at *s: value × scale.  -EINVAL when there is none, -ERANGE when it
 * does not fit. */
struct decimal {
	uint64_t value;
	bool is_exact;    /* the fraction was a whole number of 1/scale */
	bool is_fraction; /* it had a '.' */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
scan_digits(const char **s, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0;

	/* "080": octal or decimal?  Neither. */
	if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	}
	*s = p;
	*ret = v;
	return 0;
}

static int
scan_decimal(const char **s, struct decimal *ret, uint64_t scale)
{
	const char *p = *s;
	unsigned __int128 part = 0, unit = 1;
	int rc = scan_digits(&p, &ret->value);

	if (rc < 0)
		return rc;
	if (__builtin_mul_overflow(ret->value, scale, &ret->value))
		return -ERANGE;
	ret->is_exact = true;
	ret->is_fraction = *p == '.';
	if (ret->is_fraction) {
		p++;
		if (!is_digit(*p))
			return -EINVAL;
		for (int n = 0; is_digit(*p); p++, n++) {
			if (n == 18)
				return -ERANGE;
			part = part * 10 + (unsigned)(*p - '0');
			unit *= 10;
		}
		part *= scale;
		ret->is_exact = part % unit == 0;
		if (__builtin_add_overflow(
			ret->value, (uint64_t)(part / unit), &ret->value))
			return -ERANGE;
	}
	*s = p;
	return 0;
}

int
parse_u64(const char *s, uint64_t *ret, struct err *e)
{
	const char *p = s;
	uint64_t v;
	int rc = scan_digits(&p, &v);

	if (rc == -ERANGE)
		return err_invalid(e, "'%s' is too large a number", quote(s).text);
	if (rc < 0 || *p != '\0')
		return err_invalid(e, "'%s' is not a whole number", quote(s).text);
	*ret = v;
	return 0;
}

int
parse_i64(const char *s, int64_t *ret, struct err *e)
{
	bool is_negative = *s == '-';
	uint64_t v, limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
	const char *p = s + is_negative;
	int rc = scan_digits(&p, &v);

	if (rc == -ERANGE || (rc == 0 && *p == '\0' && v > limit))
		return err_invalid(e, "'%s' is too large a number", quote(s).text);
	if (rc < 0 || *p != '\0')
		return err_invalid(e, "'%s' is not a whole number", quote(s).text);
	*ret = is_negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

static const struct unit {
	const char *name;
	uint64_t scale;
} time_units[] = {
	{ "d", 24 * 3600 * USEC_PER_SEC },
	{ "h", 3600 * USEC_PER_SEC },
	{ "m", 60 * USEC_PER_SEC },
	{ "s", USEC_PER_SEC },
	{ "ms", USEC_PER_MSEC },
	{ "us", 1 },
	{ NULL, 0 },
}, size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TiB", UINT64_C(1) << 40 },
	{ "kB", UINT64_C(1000) },
	{ "MB", UINT64_C(1000000) },
	{ "GB", UINT64_C(1000000000) },
	{ "TB", UINT64_C(1000000000000) },
	{ NULL, 0 },
}, rate_units[] = {
	{ "/s", 1 },
	{ "/m", 60 },
	{ "/h", 3600 },
	{ NULL, 0 },
}, bit_units[] = {
	{ "tbit", UINT64_C(1000000000000) },
	{ "gbit", UINT64_C(1000000000) },
	{ "mbit", UINT64_C(1000000) },
	{ "kbit", UINT64_C(1000) },
	{ "bit", 1 },
	{ NULL, 0 },
};

/* The unit whose name is what stands between the number at s and the next digit. */
static const struct unit *
unit_after(const char *s, const struct unit *units, size_t *ret_len)
{
	s += strspn(s, "0123456789.");
	*ret_len = strcspn(s, "0123456789");
	for (const struct unit *u = units; u->name != NULL; u++) {
		if (strlen(u->name) == *ret_len && strncmp(s, u->name, *ret_len) == 0)
			return u;
	}
	return NULL;
}

/* "1m30s": units descend, only the last part may have a fraction. */
static int
scan_usec(const char *s, usec_t *ret)
{
	const struct unit *last = NULL, *u;
	struct decimal d = { 0 };
	usec_t sum = 0;
	size_t len;
	int rc;

	do {
		u = unit_after(s, time_units, &len);
		if (u == NULL || (last != NULL && (u <= last || d.is_fraction)))
			return -EINVAL;
		rc = scan_decimal(&s, &d, u->scale);
		if (rc < 0)
			return rc;
		if (!d.is_exact)
			return -EDOM;
		if (__builtin_add_overflow(sum, d.value, &sum) || sum >= USEC_INFINITY)
			return -ERANGE;
		s += len;
		last = u;
	} while (*s != '\0');
	*ret = sum;
	return 0;
}

int
parse_usec(const char *s, usec_t *ret, struct err *e)
{
	usec_t v = 0;
	int rc = strcmp(s, "0") == 0 ? 0 : scan_usec(s, &v);

	if (rc == -ERANGE)
		return err_invalid(e, "'%s' is too long a time", quote(s).text);
	if (rc == -EDOM)
		return err_invalid(e, "'%s' is finer than a microsecond", quote(s).text);
	if (rc < 0)
		return err_invalid(
		    e, "'%s' is not a duration: write 5s, 200ms, 1m30s", quote(s).text);
	*ret = v;
	return 0;
}

int
parse_offset(const char *s, int64_t *ret_usec, struct err *e)
{
	const bool is_negative = *s == '-';
	usec_t v = 0;
	int rc;

	s += is_negative || *s == '+';
	rc = parse_usec(s, &v, e);
	if (rc < 0)
		return err_wrap(e, "a time with its direction, such as +1h or -90s");
	*ret_usec = is_negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

const char *
format_offset(int64_t usec, char *buf, size_t size)
{
	usec_t v = usec < 0 ? 0 - (usec_t)usec : (usec_t)usec;
	char time[64];

	(void)snprintf(
	    buf, size, "%s%s", usec < 0 ? "-" : "+", format_usec(v, time, sizeof(time)));
	return buf;
}

int
parse_ppm(const char *s, int64_t *ret, struct err *e)
{
	const bool is_negative = *s == '-';
	const char *p = s + (is_negative || *s == '+');
	struct decimal d;
	int rc = scan_decimal(&p, &d, 1000);

	if (rc == -EINVAL || (rc == 0 && strcmp(p, "ppm") != 0))
		return err_invalid(e,
		    "'%s' is not a rate of drift: write 500ppm, -20ppm or 0.5ppm",
		    quote(s).text);
	if (rc < 0 || d.value > 1000000 * 1000)
		return err_invalid(e, "'%s' is more than a million", quote(s).text);
	if (!d.is_exact)
		return err_invalid(
		    e, "'%s' is finer than a thousandth of a ppm", quote(s).text);
	*ret = is_negative ? -(int64_t)d.value : (int64_t)d.value;
	return 0;
}

const char *
format_ppm(int64_t thousandths, char *buf, size_t size)
{
	uint64_t v = thousandths < 0 ? 0 - (uint64_t)thousandths : (uint64_t)thousandths;
	char fraction[8] = "";
	size_t len;

	if (v % 1000 != 0) {
		(void)snprintf(fraction, sizeof(fraction), ".%03u", (unsigned)(v % 1000));
		for (len = strlen(fraction); fraction[len - 1] == '0'; len--)
			fraction[len - 1] = '\0';
	}
	(void)snprintf(buf, size, "%s%" PRIu64 "%sppm", thousandths < 0 ? "-" : "+",
	    v / 1000, fraction);
	return buf;
}

int
parse_percent(const char *s, int64_t *ret, struct err *e)
{
	const char *p = s;
	struct decimal d;
	int rc = scan_decimal(&p, &d, 1000);

	if (rc == 0 && *p == '%')
		p++;
	if (rc == -EINVAL || (rc == 0 && *p != '\0'))
		return err_invalid(
		    e, "'%s' is not a percentage: write 50%% or 99.9%%", quote(s).text);
	if (rc < 0 || d.value > 100 * 1000)
		return err_invalid(e, "'%s' is more than 100 %%", quote(s).text);
	if (!d.is_exact)
		return err_invalid(
		    e, "'%s' is finer than a thousandth of a percent", quote(s).text);
	*ret = (int64_t)d.value;
	return 0;
}

int
parse_size(const char *s, uint64_t *ret, struct err *e)
{
	const char *p = s;
	size_t len;
	const struct unit *u = unit_after(s, size_units, &len);
	struct decimal d;
	int rc = u != NULL ? scan_decimal(&p, &d, u->scale) : -EINVAL;

	if (rc == -EINVAL || (rc == 0 && p[len] != '\0'))
		return err_invalid(e,
		    "'%s' is not a size: write 4096, 512MiB (of 1024) or 10GB (of 1000)",
		    quote(s).text);
	if (rc < 0 || d.value > INT64_MAX)
		return err_invalid(e, "'%s' is too large a size", quote(s).text);
	if (!d.is_exact && u->scale == 1)
		return err_invalid(e, "'%s' is finer than a byte", quote(s).text);
	*ret = d.value;
	return 0;
}

int
parse_rate(const char *s, uint64_t *ret, struct err *e)
{
	const char *p = s;
	size_t len;
	const struct unit *u = unit_after(s, rate_units, &len);
	struct decimal d;
	int rc = u != NULL ? scan_decimal(&p, &d, 1000) : -EINVAL;
	uint64_t mhz;

	if (rc == -EINVAL || (rc == 0 && p[len] != '\0'))
		return err_invalid(
		    e, "'%s' is not a rate: write 50/s, 0.5/s or 600/m", quote(s).text);
	if (rc < 0 || d.value > INT64_MAX)
		return err_invalid(e, "'%s' is too high a rate", quote(s).text);
	mhz = (d.value + u->scale / 2) / u->scale;
	if (mhz == 0)
		return err_invalid(
		    e, "'%s' is less than one in a thousand seconds", quote(s).text);
	*ret = mhz;
	return 0;
}

/* "10Mbps", "1MB/s": for tc(8) bps is bytes, for most people bits. */
static bool
is_bits_or_bytes(const char *unit)
{
	size_t len = strlen(unit);

	return len >= 3 && (strcasecmp(unit + len - 3, "bps") == 0 ||
			       strcasecmp(unit + len - 3, "b/s") == 0);
}

int
parse_bits(const char *s, uint64_t *ret, struct err *e)
{
	const char *p = s, *unit = s + strspn(s, "0123456789.");
	const struct unit *u = bit_units;
	struct decimal d;
	int rc;

	/* Mbit as well as mbit: there is no millibit that it could be taken for. */
	while (u->name != NULL && strcasecmp(u->name, unit) != 0)
		u++;
	if (u->name == NULL && unit > s && is_bits_or_bytes(unit))
		return err_invalid(e,
		    "'%s' could mean bits or bytes: write it in bits, such as 10mbit",
		    quote(s).text);
	rc = u->name != NULL ? scan_decimal(&p, &d, u->scale) : -EINVAL;
	if (rc == -EINVAL || (rc == 0 && p != unit))
		return err_invalid(e,
		    "'%s' is not a rate: write 10mbit, 1.5gbit or 300kbit (per second)",
		    quote(s).text);
	if (rc < 0 || d.value > INT64_MAX)
		return err_invalid(e, "'%s' is too high a rate", quote(s).text);
	if (!d.is_exact)
		return err_invalid(
		    e, "'%s' is finer than a bit per second", quote(s).text);
	*ret = d.value;
	return 0;
}

const char *
format_bits(uint64_t bits, char *buf, size_t size)
{
	const struct unit *u = bit_units;

	while (u->scale > 1 && (bits == 0 || bits % u->scale != 0))
		u++;
	(void)snprintf(buf, size, "%" PRIu64 "%s", bits / u->scale, u->name);
	return buf;
}

int
parse_cycle(const char *s, usec_t *ret_on, usec_t *ret_off, struct err *e)
{
	const usec_t least = 100 * USEC_PER_MSEC;
	size_t len = strcspn(s, "/");
	usec_t on, off;
	char first[64];

	if (s[len] == '\0' || len >= sizeof(first) || strchr(s + len + 1, '/') != NULL)
		return err_invalid(e,
		    "'%s' is not a cycle: write 5s/2s, time on and time off",
		    quote(s).text);
	memcpy(first, s, len);
	first[len] = '\0';
	if (parse_usec(first, &on, e) < 0 || parse_usec(s + len + 1, &off, e) < 0)
		return err_wrap(e, "'%s', time on and time off", quote(s).text);
	if (on < least || off < least)
		return err_invalid(
		    e, "'%s' is too quick a cycle: at least 100ms each", quote(s).text);
	*ret_on = on;
	*ret_off = off;
	return 0;
}

int
parse_bool(const char *s, bool *ret, struct err *e)
{
	static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false",
		"no", "off" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*ret = strcmp(s, yes[i]) == 0;
			return 0;
		}
	}
	return err_invalid(e, "'%s' is neither true nor false", quote(s).text);
}

int
parse_cpus(const char *s, struct err *e)
{
	const char *p = s;
	uint64_t low = 0, high;
	int rc;

	do {
		p += p != s; /* the comma */
		rc = scan_digits(&p, &low);
		high = low;
		if (rc == 0 && *p == '-') {
			p++;
			rc = scan_digits(&p, &high);
		}
		if (rc == -EINVAL ||
		    (rc == 0 && (high < low || (*p != ',' && *p != '\0'))))
			return err_invalid(e,
			    "'%s' is not a list of CPUs: write 0, 0-3 or 0,2-3",
			    quote(s).text);
		if (rc < 0 || high >= 4096)
			return err_invalid(
			    e, "'%s' names a CPU above 4095", quote(s).text);
	} while (*p == ',');
	return 0;
}
