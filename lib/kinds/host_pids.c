/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of host.pids.  Threads count as processes do, for the kernel's limits and so for
 * `leave`.  On the whole host it hits everybody, root and those who come to help included.
 */
#include "err.h"
#include "kind.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>

static const struct param params[] = {
	{
	    .name = "leave",
	    .is_worse_below = true,
	    .type = PARAM_INT,
	    .required = true,
	    .min = 0,
	    .max = 4194304,
	    .help = "so many more processes and threads can be started",
	},
	{
	    .name = "cgroup",
	    .type = PARAM_STRING,
	    .help = "only in this cgroup and below it, as /proc/PID/cgroup shows it",
	},
	{
	    .name = "container",
	    .type = PARAM_STRING,
	    .help = "only in this container, by the beginning of its id or by its name",
	},
	{ 0 },
};

static int
host_pids_check(const struct spec *s, struct err *e)
{
	if (spec_has(s, "cgroup") && spec_has(s, "container"))
		return err_invalid(
		    e, "cgroup and container are two ways to name the target");
	return 0;
}

const struct kind kind_host_pids = {
	.name = "host.pids",
	.summary = "leave a host or a cgroup few processes to start",
	.params = params,
	.holds = HOLDS_TARGET,
	.caps = CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SYS_PTRACE),
	.check = host_pids_check,
	.undone_by =
	    "The limit (pids.max of the cgroup, or kernel.threads-max) stays when the fault's "
	    "holder dies.  The agent puts it back by the record, and when it can start no "
	    "process for that its guardian does, which is there already.  A reboot puts "
	    "kernel.threads-max back.",
	.by_hand =
	    "Write the value that the fault's record has as was= to pids.max of the "
	    "cgroup, or to /proc/sys/kernel/threads-max.  A shell's own echo needs no "
	    "process.",
	.teaches = "worker pools of fixed size, supervision, alerting before the limit",
};
