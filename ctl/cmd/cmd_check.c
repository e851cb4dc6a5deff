/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl check`: are these files right?  Says nothing when they are.  What only a host
 * can know (is there such a process, does the kernel have netem) is `plan`'s to say.
 */
#include "cmd.h"
#include "err.h"
#include "experiment.h"
#include "hosts.h"
#include "open_experiment.h"
#include "verdict.h"

/* Where the check runs says nothing of where the drill will: no host is our own. */
static int
check_hosts(const char *path, const struct experiment *x, const struct host_options *o)
{
	struct host_options any = *o;
	struct inventory *inventory;
	struct roster roster;
	int code;

	if (o->inventory == NULL)
		return 0;
	any.include_self = true;
	code = hosts_choose(path, x, &any, &inventory, &roster);
	if (code != 0)
		return code;
	roster_release(&roster);
	inventory_free(inventory);
	return 0;
}

static int
check(const struct invocation *v, const char *path, const struct host_options *o)
{
	struct experiment *x = NULL;
	int code = open_experiment(v, path, &x);

	if (code == 0)
		code = check_hosts(path, x, o);
	experiment_free(x);
	return code;
}

static int
run(const struct invocation *v)
{
	struct host_options o;
	struct err e = { 0 };
	int worst = 0;

	if (host_options_of(v, &o, &e) < 0) {
		(void)fprintf(stderr, "stormctl check: %s\n", e.msg);
		return VERDICT_USAGE;
	}
	for (size_t i = 0; i < v->argc; i++) {
		int code = check(v, v->argv[i], &o);

		if (worst != VERDICT_INVALID)
			worst = code != 0 ? code : worst;
	}
	return worst;
}

static const struct option_def options[] = {
	OPTION_VAR,
	{ "inventory", "SOURCE", false, "the hosts: FILE, exec:PROGRAM or srv:NAME" },
	{ 0 },
};

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
	    "address lists are resolved.  With an inventory also whether its hosts can be had\n"
	    "as each file asks.  Exits 3 when a file is wrong, 9 when it does not go with the\n"
	    "inventory.",
};
