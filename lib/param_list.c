/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of values: how many there may be, and what may stand next to what.  Both the way
 * in and the check at a boundary go through here.  No list but a list of text is long, so
 * that comparing all with all is nothing a hostile peer could use.
 */
#include "bounds.h"
#include "err.h"
#include "param.h"
#include "parse.h"
#include <inttypes.h>
#include <string.h>

bool
param_is_list(const struct param *p)
{
	switch (p->type) {
	case PARAM_STRINGS:
	case PARAM_IFNAMES:
	case PARAM_ADDRS:
	case PARAM_PORTS:
	case PARAM_PERCENTS:
		return true;
	default:
		return false;
	}
}

static size_t
most(const struct param *p)
{
	switch (p->type) {
	case PARAM_IFNAMES:
		return SPEC_IFNAMES_MAX;
	case PARAM_ADDRS:
		return SPEC_ADDRS_MAX;
	case PARAM_PORTS:
		return PORT_RANGES_MAX;
	case PARAM_PERCENTS:
		return (size_t)p->max;
	default:
		return SPEC_TEXT_MAX;
	}
}

/* Interfaces named twice and ports that overlap would be rules made twice. */
static int
check_pair(const struct param *p, const char *item, const char *other, struct err *e)
{
	struct port_range a, b;

	if (p->type == PARAM_IFNAMES && strcmp(item, other) == 0)
		return err_invalid(e, "'%s' is there twice", item);
	if (p->type != PARAM_PORTS || parse_port_range(item, &a, NULL) < 0 ||
	    parse_port_range(other, &b, NULL) < 0)
		return 0;
	if (a.from > b.to || b.from > a.to)
		return 0;
	if (strcmp(item, other) == 0)
		return err_invalid(e, "'%s' is there twice", item);
	return err_invalid(e, "'%s' and '%s' have ports in common", other, item);
}

int
param_check_next(
    const struct param *p, const char *list, size_t len, const char *item, struct err *e)
{
	const char *end = list + len;
	size_t count = 0;
	int r = param_check_text(p, item, e);

	if (r < 0 || p->type == PARAM_STRINGS)
		return r;
	for (; list < end; list += strlen(list) + 1, count++) {
		r = check_pair(p, item, list, e);
		if (r < 0)
			return r;
	}
	if (count >= most(p))
		return err_invalid(e, "more than %zu in one list", most(p));
	return 0;
}

int
param_check_whole(const struct param *p, const char *list, size_t len, struct err *e)
{
	const char *end = list + len;
	size_t count = 0;

	if (p->type != PARAM_PERCENTS)
		return 0;
	for (; list < end; list += strlen(list) + 1)
		count++;
	if (count < (size_t)p->min)
		return err_invalid(
		    e, "it takes at least %" PRId64 ", not %zu", p->min, count);
	return 0;
}
