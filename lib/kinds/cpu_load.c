/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of cpu.load.  The percentage is of each listed CPU, not of the machine: a drill
 * that says 80 % means the same on a laptop and on a 64-core host.
 */
#include "kind.h"
#include "process.h"
#include <linux/capability.h>

static const struct param params[] = {
	{
	    .name = "percent",
	    .type = PARAM_PERCENT,
	    .required = true,
	    .min = 1000,
	    .max = 100000,
	    .help = "how busy to keep each CPU, counting what others already use",
	},
	{
	    .name = "cpus",
	    .type = PARAM_CPUS,
	    .help =
		"which CPUs, as a kernel CPU list such as 0,2-3 (default: all online)",
	},
	{ 0 },
};

const struct kind kind_cpu_load = {
	.name = "cpu.load",
	.summary = "keep CPUs busy at a percentage",
	.params = params,
	.holds = HOLDS_CPUS,
	/* the root of the cgroup tree is writable by nobody's mode bits */
	.caps = CAP_BIT(CAP_KILL) | CAP_BIT(CAP_DAC_OVERRIDE),
	.check = kind_check_nothing,
	.undone_by =
	    "The burners are children of the fault's holder and die with it "
	    "(PDEATHSIG), so the load ends with the holder, however that dies.  The "
	    "agent, or its guardian, then kills whatever is still in the cgroup "
	    "named after the fault and removes that cgroup.",
	.by_hand =
	    "Find the cgroup in the fault's record (stormdrill-<id>).  End every "
	    "process listed in its cgroup.procs (since Linux 5.14 writing 1 to its "
	    "cgroup.kill does that); then rmdir the directory.",
	.teaches = "bulkhead, load shedding, timeout, autoscaling",
};
