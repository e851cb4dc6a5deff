/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl check`: are these files right?  Says nothing when they are.  What only a host
 * can know (is there such a process, does the kernel have netem) is `plan`'s to say.
 */
#include "cmd.h"
#include "experiment.h"
#include "open_experiment.h"
#include <stddef.h>

static int
run(const struct invocation *v)
{
	int worst = 0;

	for (size_t i = 0; i < v->argc; i++) {
		struct experiment *x = NULL;
		int code = open_experiment(v, v->argv[i], &x);

		experiment_free(x);
		worst = code != 0 ? code : worst;
	}
	return worst;
}

static const struct option_def options[] = { OPTION_VAR, { 0 } };

const struct cmd cmd_check = {
	.name = "check",
	.args = "FILE…",
	.summary = "check experiment files, without a host",
	.args_min = 1,
	.args_max = CMD_VALUES_MAX,
	.options = options,
	.run = run,
	.help =
	    "Reads each file and says everything that is wrong with it, with the place.\n"
	    "Quiet when there is nothing to say.  Needs no agent and no root; host names in\n"
	    "address lists are resolved.  Exits 3 when a file is wrong.",
};
