/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of disk.load.  It says how many I/Os are kept in flight, or with iops and rate how
 * many are begun in a second; both at once are a ceiling on the second.
 */
#include "err.h"
#include "kind.h"
#include "owner_check.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>

static const char *const operations[] = { "read", "write", "mixed", NULL };
static const char *const patterns[] = { "random", "sequential", NULL };
static const char *const engines[] = { "auto", "io_uring", "threads", NULL };

enum { MIXED = 2 };
#define SECTOR        512
#define IN_FLIGHT_MAX 1024
#define BUFFERS_MAX   (INT64_C(256) << 20)

static const struct param params[] = {
	{
	    .name = "path",
	    .type = PARAM_PATH,
	    .required = true,
	    .help = "a directory on the disk to load",
	},
	{
	    .name = "operation",
	    .type = PARAM_ENUM,
	    .def = "mixed",
	    .choices = operations,
	    .help = "what to do",
	},
	{
	    .name = "read_share",
	    .type = PARAM_PERCENT,
	    .min = 1,
	    .max = 99999,
	    .help = "with operation=mixed: the share of reads (default: 50%)",
	},
	{
	    .name = "block",
	    .type = PARAM_SIZE,
	    .def = "4KiB",
	    .min = 512,
	    .max = 16 << 20,
	    .help = "how much each I/O moves",
	},
	{
	    .name = "depth",
	    .type = PARAM_INT,
	    .def = "16",
	    .min = 1,
	    .max = 256,
	    .help = "how many I/Os each worker keeps in flight",
	},
	{
	    .name = "workers",
	    .type = PARAM_INT,
	    .def = "1",
	    .min = 1,
	    .max = 64,
	    .help = "how many at once",
	},
	{
	    .name = "pattern",
	    .type = PARAM_ENUM,
	    .def = "random",
	    .choices = patterns,
	    .help = "where in the file",
	},
	{
	    .name = "direct",
	    .type = PARAM_BOOL,
	    .def = "true",
	    .help = "past the page cache, each I/O to the disk itself",
	},
	{
	    .name = "iops",
	    .type = PARAM_INT,
	    .min = 1,
	    .max = 10000000,
	    .help = "begin this many I/Os a second (default: as many as can be had)",
	},
	{
	    .name = "rate",
	    .type = PARAM_SIZE,
	    .min = 512,
	    .max = INT64_MAX,
	    .help = "move this much a second (default: as much as can be had)",
	},
	{
	    .name = "size",
	    .type = PARAM_SIZE,
	    .def = "64MiB",
	    .min = 1 << 20,
	    .max = INT64_C(1) << 44,
	    .help =
		"the file it works in; written once when the fault begins, if it is read",
	},
	{
	    .name = "engine",
	    .type = PARAM_ENUM,
	    .def = "auto",
	    .choices = engines,
	    .help = "how I/Os are kept in flight: io_uring where the host allows it",
	},
	{
	    .name = "cgroup",
	    .type = PARAM_STRING,
	    .help = "in this cgroup, whose limits then hold",
	},
	{
	    .name = "container",
	    .type = PARAM_STRING,
	    .help = "in this container, by its id",
	},
	{ 0 },
};

static int
check_target(const struct spec *s, struct err *e)
{
	if (spec_has(s, "cgroup") && spec_has(s, "container"))
		return err_invalid(
		    e, "disk.load takes a cgroup or a container, not both");
	if (spec_has(s, "cgroup"))
		return owner_check_cgroup(spec_text(s, "cgroup"), e);
	return owner_check_container(spec_text(s, "container"), e);
}

static int
disk_load_check(const struct spec *s, struct err *e)
{
	const int64_t flight = spec_num(s, "workers") * spec_num(s, "depth");

	if (spec_has(s, "read_share") && spec_num(s, "operation") != MIXED)
		return err_invalid(
		    e, "read_share has a meaning only with operation=mixed");
	if (spec_num(s, "direct") != 0 && spec_num(s, "block") % SECTOR != 0)
		return err_invalid(e,
		    "direct I/O is in whole sectors: block must be a multiple of 512, or "
		    "direct=no");
	if (flight > IN_FLIGHT_MAX)
		return err_invalid(e, "workers times depth are at most %d I/Os in flight",
		    IN_FLIGHT_MAX);
	if (flight * spec_num(s, "block") > BUFFERS_MAX)
		return err_invalid(
		    e, "workers times depth times block is more than 256MiB of memory");
	if (spec_num(s, "size") < spec_num(s, "workers") * spec_num(s, "block"))
		return err_invalid(e, "size is less than one block for each worker");
	return check_target(s, e);
}

const struct kind kind_disk_load = {
	.name = "disk.load",
	.summary = "load a disk with reads and writes",
	.params = params,
	.flags = KIND_COUNTS,
	.caps = CAP_BIT(CAP_KILL) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_SYS_PTRACE),
	.check = disk_load_check,
	.undone_by =
	    "The I/Os are those of a child of the fault's holder, which dies with it "
	    "(PDEATHSIG) and is the only one to have its unnamed file (O_TMPFILE) open: "
	    "the load ends and the space is free.  The agent, or its guardian, then "
	    "kills whatever is still in the cgroup named after the fault and removes "
	    "that cgroup.  A process that waits for a disk that hangs ends only when the "
	    "disk answers; until then the fault is reported as stuck.",
	.by_hand = "Find the cgroup in the fault's record (stormdrill-<id>).  End every "
		   "process listed in its cgroup.procs; then rmdir the directory.",
	.teaches = "timeout on storage, load shedding, noisy neighbour, disk alerting",
};
