/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl run`: an experiment file, run to its verdict. */
#include "cmd.h"
#include "err.h"
#include "experiment.h"
#include "hosts.h"
#include "open_experiment.h"
#include "run.h"
#include "verdict.h"

static int
run_on_hosts(
    const struct experiment *x, const struct host_options *h, const struct run_options *o)
{
	struct run_options there = *o;
	struct inventory *inventory;
	struct roster roster;
	int code = hosts_choose("stormctl run", x, h, &inventory, &roster);

	if (code != 0)
		return code;
	there.roster = &roster;
	there.inventory = h->inventory;
	there.pki_dir = h->pki_dir;
	there.include_self = h->include_self;
	code = (int)run_drill(x, &there);
	roster_release(&roster);
	inventory_free(inventory);
	return code;
}

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
	struct host_options ho;
	struct err e = { 0 };

	agent_options_of(v, &ro.agent);
	if (host_options_of(v, &ho, &e) < 0) {
		(void)fprintf(stderr, "stormctl run: %s\n", e.msg);
		return VERDICT_USAGE;
	}
	int code = open_experiment(v, v->argv[0], &x);
	if (code == 0)
		code = run_on_hosts(x, &ho, &ro);
	experiment_free(x);
	return code;
}

static const struct option_def options[] = {
	OPTION_VAR,
	OPTIONS_HOSTS,
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
