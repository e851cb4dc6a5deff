/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of parameters.  The units are parse.c's; this file knows which of them a type
 * takes, and what is in range.  Texts may not hold control characters: they become lines
 * of records, of logs and of a terminal.
 */
#include "param.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "parse.h"
#include "quote.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool
param_is_number(const struct param *p)
{
	switch (p->type) {
	case PARAM_USEC:
	case PARAM_OFFSET:
	case PARAM_PPM:
	case PARAM_PERCENT:
	case PARAM_SIZE:
	case PARAM_INT:
	case PARAM_COUNT:
	case PARAM_PORT:
	case PARAM_SIGNAL:
	case PARAM_ENUM:
	case PARAM_RATE:
	case PARAM_BOOL:
		return true;
	case PARAM_STRING:
	case PARAM_STRINGS:
	case PARAM_IFNAMES:
	case PARAM_ADDRS:
	case PARAM_PORTS:
	case PARAM_PERCENTS:
	case PARAM_CYCLE:
	case PARAM_PATH:
	case PARAM_CPUS:
	case PARAM_NETS:
		return false;
	}
	return false;
}

/* The range of the type itself, for rows that say nothing narrower. */
static void
type_range(const struct param *p, int64_t *ret_min, int64_t *ret_max)
{
	int64_t min = 0, max = INT64_MAX;

	if (p->type == PARAM_INT || p->type == PARAM_OFFSET || p->type == PARAM_PPM)
		min = INT64_MIN;
	if (p->type == PARAM_PERCENT)
		max = 100000;
	if (p->type == PARAM_PORT) {
		min = 1;
		max = 65535;
	}
	if (p->type == PARAM_SIGNAL) {
		min = 1;
		max = 64;
	}
	if (p->type == PARAM_BOOL)
		max = 1;
	*ret_min = min;
	*ret_max = max;
}

static bool
has_own_range(const struct param *p)
{
	return p->min != 0 || p->max != 0;
}

static bool
is_choice(const struct param *p, int64_t num)
{
	for (int64_t i = 0; p->choices[i] != NULL; i++) {
		if (i == num)
			return true;
	}
	return false;
}

int
param_check_num(const struct param *p, int64_t num, struct err *e)
{
	int64_t min, max;
	char range[80], value[40];
	int signal;

	if (p->type == PARAM_ENUM)
		return is_choice(p, num) ? 0 : err_invalid(e, "there is no such choice");
	type_range(p, &min, &max);
	if (has_own_range(p)) {
		min = p->min;
		max = p->max;
	}
	if (num < min || num > max) {
		(void)param_range(p, range, sizeof(range));
		return err_invalid(e, "%s is out of range%s%s",
		    param_format(p, num, value, sizeof(value)),
		    range[0] != '\0' ? ": it takes " : "", range);
	}
	if (p->type != PARAM_SIGNAL)
		return 0;
	(void)snprintf(value, sizeof(value), "%" PRId64, num);
	return parse_signal(value, &signal, e);
}

static const char *
next_choice(const void *ctx, size_t i)
{
	const struct param *p = ctx;

	return p->choices[i];
}

static int
parse_choice(const struct param *p, const char *text, int64_t *ret, struct err *e)
{
	char all[120] = "";
	size_t used = 0;
	const char *near;

	for (int64_t i = 0; p->choices[i] != NULL; i++) {
		if (strcmp(p->choices[i], text) == 0) {
			*ret = i;
			return 0;
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
			    i > 0 ? ", " : "", p->choices[i]);
	}
	near = nearest(text, next_choice, p);
	if (near != NULL)
		return err_invalid(e, "'%s' is none of %s (did you mean '%s'?)",
		    quote(text).text, all, near);
	return err_invalid(e, "'%s' is none of %s", quote(text).text, all);
}

static int
parse_count(const char *text, int64_t *ret, struct err *e)
{
	struct err ignored;
	uint64_t n;

	if (strcmp(text, "all") == 0) {
		*ret = 0;
		return 0;
	}
	if (parse_u64(text, &n, &ignored) < 0 || n == 0 || n > INT64_MAX)
		return err_invalid(e,
		    "'%s' is not a count: write a number from 1, or all",
		    quote(text).text);
	*ret = (int64_t)n;
	return 0;
}

/* Unsigned results that must fit the one signed field. */
static int
narrow(uint64_t n, const char *text, int64_t *ret, struct err *e)
{
	if (n > INT64_MAX)
		return err_invalid(e, "'%s' is too large", quote(text).text);
	*ret = (int64_t)n;
	return 0;
}

static int
parse_by_type(const struct param *p, const char *text, int64_t *ret, struct err *e)
{
	uint64_t u = 0;
	uint16_t port = 0;
	bool is_true = false;
	int signal = 0, r;

	switch (p->type) {
	case PARAM_USEC:
		r = parse_usec(text, &u, e);
		return r < 0 ? r : narrow(u, text, ret, e);
	case PARAM_OFFSET:
		return parse_offset(text, ret, e);
	case PARAM_PPM:
		return parse_ppm(text, ret, e);
	case PARAM_SIZE:
		r = parse_size(text, &u, e);
		return r < 0 ? r : narrow(u, text, ret, e);
	case PARAM_PERCENT:
		return parse_percent(text, ret, e);
	case PARAM_INT:
		return parse_i64(text, ret, e);
	case PARAM_COUNT:
		return parse_count(text, ret, e);
	case PARAM_PORT:
		r = parse_port(text, &port, e);
		*ret = port;
		return r;
	case PARAM_SIGNAL:
		r = parse_signal(text, &signal, e);
		*ret = signal;
		return r;
	case PARAM_ENUM:
		return parse_choice(p, text, ret, e);
	case PARAM_RATE:
		r = parse_bits(text, &u, e);
		return r < 0 ? r : narrow(u, text, ret, e);
	case PARAM_BOOL:
		r = parse_bool(text, &is_true, e);
		*ret = is_true;
		return r;
	default:
		return err_set(e, -EINVAL, "%s is not a number", p->name);
	}
}

int
param_parse(const struct param *p, const char *text, int64_t *ret, struct err *e)
{
	int64_t num = 0;
	int r = parse_by_type(p, text, &num, e);

	if (r == 0)
		r = param_check_num(p, num, e);
	if (r == 0)
		*ret = num;
	return r;
}

static int
check_path(const char *path, struct err *e)
{
	const char *part = path;

	if (path[0] != '/')
		return err_invalid(e, "'%s' is not an absolute path", quote(path).text);
	while (*part == '/') {
		size_t len = strcspn(++part, "/");

		if ((len == 1 && part[0] == '.') ||
		    (len == 2 && memcmp(part, "..", 2) == 0))
			return err_invalid(e,
			    "'%s' has a '.' or '..' in it: write where it leads",
			    quote(path).text);
		if (len == 0 && path[1] != '\0' && part[0] != '\0')
			return err_invalid(
			    e, "'%s' has an empty component", quote(path).text);
		part += len;
	}
	return 0;
}

int
param_check_text(const struct param *p, const char *text, struct err *e)
{
	struct port_range range;
	usec_t on, off;
	int64_t share;
	struct net net;
	char ifname[16];

	if (text[0] == '\0')
		return err_invalid(e, "an empty text is no value");
	for (const char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return err_invalid(e, "a text may not hold control characters");
	}
	switch (p->type) {
	case PARAM_IFNAMES:
		return parse_ifname(text, ifname, e);
	case PARAM_ADDRS:
		return parse_net(text, &net, e);
	case PARAM_PORTS:
		return parse_port_range(text, &range, e);
	case PARAM_PERCENTS:
		return parse_percent(text, &share, e);
	case PARAM_CYCLE:
		return parse_cycle(text, &on, &off, e);
	case PARAM_PATH:
		return check_path(text, e);
	case PARAM_CPUS:
		return parse_cpus(text, e);
	default:
		return 0;
	}
}

static const char *
format_bytes(int64_t n, char *buf, size_t size)
{
	static const struct {
		const char *unit;
		int64_t bytes;
	} units[] = {
		{ "TiB", INT64_C(1) << 40 },
		{ "GiB", INT64_C(1) << 30 },
		{ "MiB", INT64_C(1) << 20 },
		{ "KiB", INT64_C(1) << 10 },
	};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (n != 0 && n % units[i].bytes == 0) {
			(void)snprintf(buf, size, "%" PRId64 "%s", n / units[i].bytes,
			    units[i].unit);
			return buf;
		}
	}
	(void)snprintf(buf, size, "%" PRId64, n);
	return buf;
}

static const char *
format_percent(int64_t n, char *buf, size_t size)
{
	int len = snprintf(buf, size, "%" PRId64 ".%03" PRId64, n / 1000, n % 1000);

	if (len < 0 || (size_t)len + 1 >= size)
		return buf;
	while (buf[len - 1] == '0')
		len--;
	if (buf[len - 1] == '.')
		len--;
	(void)snprintf(buf + len, size - (size_t)len, "%%");
	return buf;
}

const char *
param_format(const struct param *p, int64_t num, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (p->type) {
	case PARAM_USEC:
		return format_usec((usec_t)num, buf, size);
	case PARAM_OFFSET:
		return format_offset(num, buf, size);
	case PARAM_PPM:
		return format_ppm(num, buf, size);
	case PARAM_PERCENT:
		return format_percent(num, buf, size);
	case PARAM_SIZE:
		return format_bytes(num, buf, size);
	case PARAM_SIGNAL:
		return format_signal((int)num, buf, size);
	case PARAM_ENUM:
		if (is_choice(p, num))
			(void)snprintf(buf, size, "%s", p->choices[num]);
		return buf;
	case PARAM_COUNT:
		if (num == 0) {
			(void)snprintf(buf, size, "all");
			return buf;
		}
		break;
	case PARAM_RATE:
		return format_bits((uint64_t)num, buf, size);
	case PARAM_BOOL:
		(void)snprintf(buf, size, "%s", num != 0 ? "true" : "false");
		return buf;
	default:
		break;
	}
	(void)snprintf(buf, size, "%" PRId64, num);
	return buf;
}

const char *
param_range(const struct param *p, char *buf, size_t size)
{
	char min[40], max[40];

	buf[0] = '\0';
	if (p->type == PARAM_PERCENTS) {
		(void)snprintf(
		    buf, size, "%" PRId64 " to %" PRId64 " of them", p->min, p->max);
		return buf;
	}
	if (!has_own_range(p) || !param_is_number(p))
		return buf;
	(void)param_format(p, p->min, min, sizeof(min));
	(void)param_format(p, p->max, max, sizeof(max));
	if (p->max == INT64_MAX)
		(void)snprintf(buf, size, "%s or more", min);
	else
		(void)snprintf(buf, size, "%s to %s", min, max);
	return buf;
}
