/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes with what in choosing processes.  There is no default selector: a fault that
 * forgot to say whom must be an error, never "everybody".
 */
#include "process_check.h"
#include "cleanup.h"
#include "ere.h"
#include "err.h"
#include "owner_check.h"
#include "quote.h"
#include "spec.h"
#include <string.h>

enum { PICK_RANDOM = 2, UNIT_NAME_MAX = 255 };

static int
check_some_selector(const struct spec *s, struct err *e)
{
	static const char *const names[] = { "name", "cmdline", "cmdline_regex", "exe",
		"pid", "port", "user", "unit", "cgroup", "container" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (spec_has(s, names[i]))
			return 0;
	}
	return err_invalid(e,
	    "%s needs at least one of name, cmdline, cmdline_regex, exe, pid, port, user, "
	    "unit, cgroup and container",
	    s->kind);
}

static int
check_regex(const struct spec *s, struct err *e)
{
	regex_t re;

	if (!spec_has(s, "cmdline_regex"))
		return 0;
	if (ere_compile(spec_text(s, "cmdline_regex"), &re, e) < 0)
		return err_wrap(e, "cmdline_regex");
	regfree(&re);
	return 0;
}

/* What systemd allows in a unit's name. */
static int
check_unit(const char *unit, struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789:-_.\\@";

	if (strlen(unit) <= UNIT_NAME_MAX && strspn(unit, allowed) == strlen(unit) &&
	    unit[0] != '.')
		return 0;
	return err_invalid(e,
	    "unit: '%s' cannot be the name of one: letters, digits and ':-_.\\@'",
	    quote(unit).text);
}

static int
check_how_many(const struct spec *s, struct err *e)
{
	if (spec_has(s, "percent") && spec_num(s, "count") != 0)
		return err_invalid(e, "count and percent both say how many: one of them");
	if (spec_has(s, "seed") && spec_num(s, "pick") != PICK_RANDOM)
		return err_invalid(e, "seed has a meaning only with pick=random");
	return 0;
}

int
process_check_which(const struct spec *s, struct err *e)
{
	if (check_some_selector(s, e) < 0 || check_regex(s, e) < 0 ||
	    owner_check_user(spec_text(s, "user"), e) < 0 ||
	    check_unit(spec_text(s, "unit"), e) < 0 ||
	    owner_check_cgroup(spec_text(s, "cgroup"), e) < 0 ||
	    owner_check_container(spec_text(s, "container"), e) < 0)
		return e->code;
	return check_how_many(s, e);
}
