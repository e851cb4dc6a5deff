/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's diagnostics as they come, on stderr; its own errors with our name. */
#include "open_experiment.h"
#include "cmd.h"
#include "err.h"
#include "load_file.h"
#include "verdict.h"
#include <errno.h>

static void
say(void *ctx, const char *text)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", text);
}

int
open_experiment(const struct invocation *v, const char *path, struct experiment **ret)
{
	const char *vars[CMD_VALUES_MAX + 1];
	const struct load_options o = { .vars = vars, .say = say };
	struct err e = { 0 };
	int r;

	(void)option_all(v, "var", vars, CMD_VALUES_MAX + 1);
	r = load_experiment(path, &o, ret, &e);
	if (r == 0)
		return 0;
	if (r != -EINVAL)
		(void)fprintf(stderr, "stormctl: %s\n", e.msg);
	return VERDICT_INVALID;
}
