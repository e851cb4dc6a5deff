/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of disk.inodes.  As with disk.fill one way of saying how many is chosen.
 */
#include "err.h"
#include "kind.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>

static const struct param params[] = {
	{
	    .name = "path",
	    .type = PARAM_PATH,
	    .required = true,
	    .help = "a directory on the file system",
	},
	{
	    .name = "count",
	    .is_amount = true,
	    .type = PARAM_INT,
	    .min = 1,
	    .max = INT64_MAX,
	    .help = "take so many",
	},
	{
	    .name = "percent",
	    .is_amount = true,
	    .type = PARAM_PERCENT,
	    .min = 1000,
	    .max = 100000,
	    .help = "until this share of the file system's inodes is used",
	},
	{
	    .name = "leave",
	    .is_amount = true,
	    .is_worse_below = true,
	    .type = PARAM_INT,
	    .min = 0,
	    .max = INT64_MAX,
	    .help = "until only so many are free",
	},
	{ 0 },
};

static int
disk_inodes_check(const struct spec *s, struct err *e)
{
	int ways = spec_has(s, "count") + spec_has(s, "percent") + spec_has(s, "leave");

	if (ways == 1)
		return 0;
	return err_invalid(e,
	    "disk.inodes needs exactly one of count, percent and leave%s",
	    ways == 0 ? "" : ": more than one is given");
}

const struct kind kind_disk_inodes = {
	.name = "disk.inodes",
	.summary = "use up the inodes of a file system",
	.params = params,
	.holds = HOLDS_DISK,
	/* Directories that only their service may enter are as good as any. */
	.caps = CAP_BIT(CAP_DAC_OVERRIDE),
	.check = disk_inodes_check,
	.undone_by =
	    "The inodes are those of empty files without a name (O_TMPFILE) that only "
	    "children of the fault's holder have open: the kernel kills them when the "
	    "holder ends, however that dies, and frees the inodes; a reboot frees them "
	    "too.  No name is ever made.",
	.by_hand =
	    "End the processes stormd-inodes whose command line ends in the fault's "
	    "id: their inodes are free at once.",
	.teaches =
	    "telling ENOSPC from a full disk, cleaning up temporary files, alerting "
	    "on inodes as well as on space",
};
