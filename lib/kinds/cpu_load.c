/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of cpu.load.  The percentage is of each listed CPU, not of the machine: a drill
 * that says 80 % means the same on a laptop and on a 64-core host.
 */
#include "err.h"
#include "kind.h"
#include "net_check.h"
#include "owner_check.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>

static const char *const modes[] = { "total", "add", NULL };
static const char *const schedulers[] = { "other", "batch", "idle", "fifo", "rr", NULL };

enum { SCHEDULER_OTHER, SCHEDULER_BATCH, SCHEDULER_IDLE, SCHEDULER_FIFO, SCHEDULER_RR };

#define REAL_TIME_MOST 95000 /* as much as the kernel gives such tasks by default */

static const struct param params[] = {
	{
	    .name = "percent",
	    .type = PARAM_PERCENT,
	    .required = true,
	    .min = 1000,
	    .max = 100000,
	    .help = "how busy to keep each CPU; with a target that has a quota "
		    "(cpu.max), how much of that to use up",
	},
	{
	    .name = "mode",
	    .type = PARAM_ENUM,
	    .choices = modes,
	    .def = "total",
	    .help = "total counts what others already use, and adds what is missing; add "
		    "uses so much whatever others do",
	},
	{
	    .name = "cpus",
	    .type = PARAM_CPUS,
	    .help =
		"which CPUs, as a kernel CPU list such as 0,2-3 (default: all online)",
	},
	{
	    .name = "cgroup",
	    .type = PARAM_STRING,
	    .group = "inside of",
	    .help = "burn inside this cgroup, at its expense and within its limits: its "
		    "path from the root of the cgroups, such as "
		    "/system.slice/nginx.service",
	},
	{
	    .name = "container",
	    .type = PARAM_STRING,
	    .group = "inside of",
	    .help =
		"the same with this container: its id, or the first 12 or more digits "
		"of it",
	},
	{
	    .name = "from",
	    .type = PARAM_PERCENT,
	    .min = 0,
	    .max = 100000,
	    .group = "over time",
	    .help = "percent at first: it goes from this to its own value",
	},
	{
	    .name = "ramp",
	    .type = PARAM_USEC,
	    .min = 100 * USEC_PER_MSEC,
	    .max = 24 * 3600 * USEC_PER_SEC,
	    .group = "over time",
	    .help = "how long that takes, in a straight line",
	},
	{
	    .name = "nice",
	    .type = PARAM_INT,
	    .min = -20,
	    .max = 19,
	    .is_worse_below = true,
	    .group = "how",
	    .help = "how politely it burns beside others who want the same CPU (default: "
		    "0)",
	},
	{
	    .name = "scheduler",
	    .type = PARAM_ENUM,
	    .choices = schedulers,
	    .def = "other",
	    .group = "how",
	    .help = "the scheduling class of the burners; idle only takes what nobody "
		    "wants, fifo and rr (at most 95%) go before everything but the agent",
	},
	{ 0 },
};

static int
check_scheduler(const struct spec *s, struct err *e)
{
	const int64_t scheduler = spec_num(s, "scheduler");
	char name[16];

	(void)spec_format(s, "scheduler", name, sizeof(name));
	if (spec_has(s, "nice") && scheduler != SCHEDULER_OTHER &&
	    scheduler != SCHEDULER_BATCH)
		return err_invalid(e, "nice has no meaning with scheduler=%s", name);
	if (scheduler != SCHEDULER_FIFO && scheduler != SCHEDULER_RR)
		return 0;
	if (spec_num(s, "percent") > REAL_TIME_MOST ||
	    spec_num(s, "from") > REAL_TIME_MOST)
		return err_invalid(e,
		    "scheduler=%s takes 95%% at most: nobody else would get a turn, not "
		    "even to stop the drill",
		    name);
	return 0;
}

static int
cpu_load_check(const struct spec *s, struct err *e)
{
	int rc;

	if (spec_has(s, "cgroup") && spec_has(s, "container"))
		return err_invalid(e,
		    "cgroup and container both say whose CPU time is meant: one of them");
	rc = owner_check_cgroup(spec_text(s, "cgroup"), e);
	if (rc == 0)
		rc = owner_check_container(spec_text(s, "container"), e);
	if (rc == 0)
		rc = net_check_course(s, "percent", e);
	return rc == 0 ? check_scheduler(s, e) : rc;
}

const struct kind kind_cpu_load = {
	.name = "cpu.load",
	.summary = "keep CPUs, or a cgroup's share of them, busy at a percentage",
	.params = params,
	.flags = KIND_COUNTS,
	.holds = HOLDS_CPUS,
	/* the root of the cgroup tree is writable by nobody's mode bits; burners take their
	 * scheduling class before they drop this, too */
	.caps = CAP_BIT(CAP_KILL) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_SYS_NICE),
	.check = cpu_load_check,
	.undone_by =
	    "The burners are children of the fault's holder and die with it "
	    "(PDEATHSIG), so the load ends with the holder, however that dies.  The "
	    "agent, or its guardian, then kills whatever is still in the cgroup "
	    "named after the fault and removes that cgroup.",
	.by_hand =
	    "Find the cgroup in the fault's record (stormdrill-<id>; below the target where "
	    "there is one).  End every process listed in its cgroup.procs (since Linux 5.14 "
	    "writing 1 to its cgroup.kill does that); then rmdir the directory.",
	.teaches = "bulkhead, load shedding, timeout, autoscaling",
};
