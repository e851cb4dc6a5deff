/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of disk.fill.  How much to take can be said in three ways, and exactly one must
 * be chosen: two that disagree would make the drill a surprise.
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
	    .help = "a directory on the file system to fill",
	},
	{
	    .name = "size",
	    .type = PARAM_SIZE,
	    .min = 1,
	    .max = INT64_MAX,
	    .help = "take this much",
	},
	{
	    .name = "percent",
	    .type = PARAM_PERCENT,
	    .min = 1000,
	    .max = 100000,
	    .help = "fill until this share of the file system is used",
	},
	{
	    .name = "leave",
	    .is_worse_below = true,
	    .type = PARAM_SIZE,
	    .help = "fill until only this much is free",
	},
	{ 0 },
};

static int
disk_fill_check(const struct spec *s, struct err *e)
{
	int ways = spec_has(s, "size") + spec_has(s, "percent") + spec_has(s, "leave");

	if (ways == 1)
		return 0;
	return err_invalid(e, "disk.fill needs exactly one of size, percent and leave%s",
	    ways == 0 ? "" : ": more than one is given");
}

const struct kind kind_disk_fill = {
	.name = "disk.fill",
	.summary = "use up the space of a file system",
	.params = params,
	.holds = HOLDS_DISK,
	/* Directories that only their service may enter are the ones worth filling. */
	.caps = CAP_BIT(CAP_DAC_OVERRIDE),
	.check = disk_fill_check,
	.undone_by =
	    "The space belongs to an unnamed file (O_TMPFILE) that only the fault's "
	    "holder has open: the kernel frees it the moment the holder ends, however "
	    "that dies, and a reboot frees it too.  A file system without O_TMPFILE is "
	    "refused.",
	.by_hand =
	    "End the holder, the process stormd-fault with the fault's id in its title: "
	    "the space is free at once.",
	.teaches = "fallback, graceful degradation, alerting before the disk is full",
};
