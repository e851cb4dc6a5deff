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

static const char *const methods[] = { "auto", "allocate", "write", NULL };

static const struct param params[] = {
	{
	    .name = "path",
	    .type = PARAM_PATH,
	    .required = true,
	    .help = "a directory on the file system to fill",
	},
	{
	    .name = "size",
	    .is_amount = true,
	    .type = PARAM_SIZE,
	    .min = 1,
	    .max = INT64_MAX,
	    .help = "take this much",
	},
	{
	    .name = "percent",
	    .is_amount = true,
	    .type = PARAM_PERCENT,
	    .min = 1000,
	    .max = 100000,
	    .help = "fill until this share of the file system is used",
	},
	{
	    .name = "leave",
	    .is_amount = true,
	    .is_worse_below = true,
	    .type = PARAM_SIZE,
	    .help = "fill until only this much is free",
	},
	{
	    .name = "method",
	    .type = PARAM_ENUM,
	    .choices = methods,
	    .def = "auto",
	    .help = "allocate: reserve it unwritten; write: data that do not compress; "
		    "auto: what is real on this file system",
	},
	{
	    .name = "rate",
	    .type = PARAM_SIZE,
	    .min = 4096,
	    .max = INT64_MAX,
	    .help = "so much a second until it is full; without it at once",
	},
	{
	    .name = "follow",
	    .type = PARAM_BOOL,
	    .help = "give and take as others write and delete, so that leave or percent "
		    "stays true",
	},
	{ 0 },
};

static int
disk_fill_check(const struct spec *s, struct err *e)
{
	int ways = spec_has(s, "size") + spec_has(s, "percent") + spec_has(s, "leave");

	if (ways != 1)
		return err_invalid(e,
		    "disk.fill needs exactly one of size, percent and leave%s",
		    ways == 0 ? "" : ": more than one is given");
	if (spec_has(s, "size") && spec_num(s, "follow") != 0)
		return err_invalid(e,
		    "follow keeps leave or percent true: with size the file stays as "
		    "large as it is");
	return 0;
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
	    "The space belongs to a file without a name (O_TMPFILE) that only a child of "
	    "the fault's holder has open: the kernel kills it when the holder ends, "
	    "however that dies, and frees the space; a reboot frees it too.  Where there "
	    "are no unnamed files the file is unlinked as soon as it is open, and the "
	    "record, kept across reboots, names it for the moment in between.  On "
	    "network file systems and FUSE it keeps its name until it is undone.",
	.by_hand =
	    "End the process stormd-diskfill whose command line ends in the fault's id: "
	    "the space is free at once.  A file .stormdrill-ID that is left in the "
	    "directory may be deleted.",
	.teaches = "fallback, graceful degradation, alerting before the disk is full",
};
