/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of disk.readonly.  The whole file system is the default: so it is when a disk
 * fails and the kernel turns it read-only.
 */
#include "kind.h"
#include "process.h"
#include <linux/capability.h>

static const char *const scopes[] = { "filesystem", "mount", NULL };

static const struct param params[] = {
	{
	    .name = "path",
	    .type = PARAM_PATH,
	    .required = true,
	    .help = "a directory on the file system",
	},
	{
	    .name = "scope",
	    .type = PARAM_ENUM,
	    .def = "filesystem",
	    .choices = scopes,
	    .help =
		"the whole file system, wherever it is mounted, or only the mount that "
		"the directory is on",
	},
	{ 0 },
};

const struct kind kind_disk_readonly = {
	.name = "disk.readonly",
	.summary = "make a file system read-only",
	.params = params,
	.holds = HOLDS_DISK_ALONE,
	.caps = CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_SYS_PTRACE) |
		CAP_BIT(CAP_DAC_READ_SEARCH),
	.check = kind_check_nothing,
	.undone_by =
	    "A mount stays as it is when its changer dies.  When the fault's holder dies the "
	    "agent, and when the agent dies its guardian, makes the file system writable "
	    "again and changes no other option of it.  After a reboot it is mounted as the "
	    "host mounts it.",
	.by_hand = "mount -o remount,rw MOUNTPOINT, with scope=mount mount -o "
		   "remount,bind,rw MOUNTPOINT; the fault's record has the command.",
	.teaches = "graceful degradation, serving without writing, failover",
};
