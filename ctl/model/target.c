/* SPDX-License-Identifier: Apache-2.0 */
/* How many hosts a target takes, as written and as a number. */
#include "err.h"
#include "experiment.h"
#include "inventory.h"
#include "parse.h"
#include <string.h>

bool
target_is_local(const struct target_def *t)
{
	return t->hosts != NULL && strcmp(t->hosts[0], "localhost") == 0;
}

static int
parse_share(const char *text, struct target_def *t, struct err *e)
{
	int64_t thousandths;
	int r = parse_percent(text, &thousandths, e);

	if (r < 0)
		return r;
	if (thousandths == 0 || thousandths % 1000 != 0)
		return err_invalid(
		    e, "'%s' is not a whole percentage from 1%% to 100%%", text);
	t->pick = PICK_PERCENT;
	t->pick_number = (uint32_t)(thousandths / 1000);
	return 0;
}

int
pick_parse(const char *text, struct target_def *t, struct err *e)
{
	struct err ignored;
	uint64_t n;

	if (strcmp(text, "all") == 0 || strcmp(text, "minority") == 0) {
		t->pick = text[0] == 'a' ? PICK_ALL : PICK_MINORITY;
		return 0;
	}
	if (strchr(text, '%') != NULL)
		return parse_share(text, t, e);
	if (parse_u64(text, &n, &ignored) < 0)
		return err_invalid(e,
		    "'%s' is not a number of hosts: write 1, 50%%, minority or all",
		    text);
	if (n == 0)
		return err_invalid(e, "0 hosts are none: a target has at least one");
	if (n > HOSTS_MAX)
		return err_invalid(
		    e, "%s is more than the %d hosts that can be", text, HOSTS_MAX);
	t->pick = PICK_COUNT;
	t->pick_number = (uint32_t)n;
	return 0;
}

int
pick_size(const struct target_def *t, size_t matched, size_t *ret, struct err *e)
{
	size_t n = matched;

	if (t->pick == PICK_COUNT)
		n = t->pick_number;
	else if (t->pick == PICK_PERCENT)
		n = matched * t->pick_number / 100;
	else if (t->pick == PICK_MINORITY)
		n = (matched - 1) / 2;
	if (t->pick == PICK_PERCENT && n == 0)
		n = 1;
	if (n > matched)
		return err_refused(
		    e, "%zu hosts are to be picked, and there are %zu", n, matched);
	if (n == 0)
		return err_refused(e,
		    "%zu host%s no minority that could be picked: it takes three",
		    matched, matched == 1 ? " has" : "s have");
	*ret = n;
	return 0;
}
