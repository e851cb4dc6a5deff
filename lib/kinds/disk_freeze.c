/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of disk.freeze.  There is nothing to choose but the file system: it stands still,
 * whole, or it does not.
 */
#include "kind.h"
#include "process.h"
#include <linux/capability.h>

static const struct param params[] = {
	{
	    .name = "path",
	    .type = PARAM_PATH,
	    .required = true,
	    .help = "a directory on the file system to freeze",
	},
	{ 0 },
};

const struct kind kind_disk_freeze = {
	.name = "disk.freeze",
	.summary = "let every write to a file system hang until the end",
	.params = params,
	.holds = HOLDS_DISK_ALONE,
	.caps = CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_SYS_PTRACE) |
		CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH),
	.check = kind_check_nothing,
	.undone_by =
	    "A freeze outlives whoever made it.  When the fault's holder dies the agent, and "
	    "when the agent dies its guardian, thaws the file system; neither needs to write "
	    "to it.  A reboot ends the freeze, but may have to be forced: what is still "
	    "frozen cannot be synced.",
	.by_hand = "fsfreeze -u MOUNTPOINT; the fault's record has the command.",
	.teaches = "timeout, failover from a hung disk, health checks that write",
};
