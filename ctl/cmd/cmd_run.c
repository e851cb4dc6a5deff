/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl run`: an experiment file, run to its verdict. */
#include "cmd.h"
#include "experiment.h"
#include "open_experiment.h"
#include "run.h"
#include "verdict.h"

static int
run(const struct invocation *v)
{
	struct run_options ro = {
		.out_dir = option_get(v, "out"),
		.reason = option_get(v, "reason"),
		.rehearse = option_has(v, "rehearse"),
		.quiet = option_has(v, "quiet"),
		.json = option_has(v, "json"),
	};
	struct experiment *x = NULL;

	agent_options_of(v, &ro.agent);
	int code = open_experiment(v, v->argv[0], &x);
	if (code != 0)
		return code;
	enum verdict verdict = run_drill(x, &ro);
	experiment_free(x);
	return verdict;
}

static const struct option_def options[] = {
	OPTION_VAR,
	{ "out", "DIR", false, "where results go (default: results/<date>-<name>)" },
	{ "reason", "TEXT", false, "why: shown by status and kept in the results" },
	{ "rehearse", NULL, false, "everything but the faults" },
	{ "quiet", NULL, false, "say only the verdict" },
	{ "json", NULL, false, "print the events as JSON, one per line" },
	OPTIONS_AGENT,
	{ 0 },
};

const struct cmd cmd_run = {
	.name = "run",
	.args = "FILE",
	.summary = "run an experiment: steady state, faults, undo, verdict",
	.args_min = 1,
	.args_max = 1,
	.options = options,
	.run = run,
	.help =
	    "Checks the steady state, injects the faults of FILE, watches the probes, and\n"
	    "undoes everything at the end, when a budget or guard is breached, or on Ctrl-C.\n"
	    "The exit status is the verdict: 0 held, 1 refuted, 3 file invalid, 4 not steady\n"
	    "before, 5 breached and undone, 6 inconclusive, 7 not recovered, 8 stopped by a\n"
	    "person, 9 refused, 20 undo failed or not verified, 30 agent lost.",
};
