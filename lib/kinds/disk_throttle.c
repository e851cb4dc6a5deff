/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of disk.throttle.  Whom it is for must be said: a limit on the root of the tree
 * would be the whole host's, the agent's own records included.
 */
#include "err.h"
#include "kind.h"
#include "owner_check.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>

static const struct param params[] = {
	{
	    .name = "path",
	    .type = PARAM_PATH,
	    .required = true,
	    .help = "a directory on the disk that becomes slow",
	},
	{
	    .name = "cgroup",
	    .type = PARAM_STRING,
	    .help = "for the processes of this cgroup and those below it",
	},
	{
	    .name = "container",
	    .type = PARAM_STRING,
	    .help = "for the processes of this container, by its id",
	},
	{
	    .name = "read_rate",
	    .type = PARAM_SIZE,
	    .is_worse_below = true,
	    .min = 1024,
	    .max = INT64_MAX,
	    .help = "read at most this much per second",
	},
	{
	    .name = "write_rate",
	    .type = PARAM_SIZE,
	    .is_worse_below = true,
	    .min = 1024,
	    .max = INT64_MAX,
	    .help = "write at most this much per second",
	},
	{
	    .name = "read_iops",
	    .type = PARAM_INT,
	    .is_worse_below = true,
	    .min = 1,
	    .max = UINT32_MAX - 1, /* the kernel's own "none" */
	    .help = "at most this many reads per second",
	},
	{
	    .name = "write_iops",
	    .type = PARAM_INT,
	    .is_worse_below = true,
	    .min = 1,
	    .max = UINT32_MAX - 1,
	    .help = "at most this many writes per second",
	},
	{ 0 },
};

static int
disk_throttle_check(const struct spec *s, struct err *e)
{
	if (spec_has(s, "cgroup") == spec_has(s, "container"))
		return err_invalid(e, "disk.throttle needs a cgroup or a container%s",
		    spec_has(s, "cgroup") ? ", not both" : "");
	if (spec_has(s, "cgroup") ? owner_check_cgroup(spec_text(s, "cgroup"), e) :
				    owner_check_container(spec_text(s, "container"), e))
		return e->code;
	if (spec_has(s, "read_rate") || spec_has(s, "write_rate") ||
	    spec_has(s, "read_iops") || spec_has(s, "write_iops"))
		return 0;
	return err_invalid(e,
	    "disk.throttle needs at least one of read_rate, write_rate, read_iops and "
	    "write_iops");
}

const struct kind kind_disk_throttle = {
	.name = "disk.throttle",
	.summary = "slow down a disk for a cgroup or a container",
	.params = params,
	/* other users' groups, and what a process of theirs is in */
	.caps = CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_SYS_PTRACE),
	.check = disk_throttle_check,
	.undone_by =
	    "A limit in a cgroup stays when its maker dies.  The agent, or its guardian, "
	    "puts back what the record says was there, of this disk only, and only "
	    "where our value still stands.  A cgroup that is removed takes its limits "
	    "along, and so does a reboot.",
	.by_hand =
	    "Write back what the fault's record shows: of cgroup v2 a line such as "
	    "'8:0 rbps=max' to the group's io.max, of v1 '8:0 0' to its "
	    "blkio.throttle.read_bps_device and the like.",
	.teaches = "timeout on storage, bulkhead, queueing, slow-disk alerting",
};
