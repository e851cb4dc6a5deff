/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of memory.fill.  How much to take can be said in three ways, and exactly one must
 * be chosen.  A percentage is what is to be in use in the end, as with disk.fill, not what
 * is taken on top: "90 %" means the same on a host that is idle and on one that is not.
 */
#include "err.h"
#include "kind.h"
#include "owner_check.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>
#include <string.h>

static const char *const shares_of[] = { "total", "available", "limit", NULL };
static const char *const contents[] = { "anonymous", "cache", NULL };
static const char *const victims[] = { "ours", "anyone", NULL };

static const struct param params[] = {
	{
	    .name = "size",
	    .is_amount = true,
	    .type = PARAM_SIZE,
	    .min = 1 << 20,
	    .max = INT64_MAX,
	    .help = "take this much",
	},
	{
	    .name = "percent",
	    .is_amount = true,
	    .type = PARAM_PERCENT,
	    .min = 1000,
	    .max = 100000,
	    .help = "fill until this share is in use, counting what others use",
	},
	{
	    .name = "of",
	    .type = PARAM_ENUM,
	    .choices = shares_of,
	    .help =
		"what percent is a share of: the host's memory, what is available when "
		"the fault begins, or the target's limit (default: total)",
	},
	{
	    .name = "leave",
	    .is_amount = true,
	    .is_worse_below = true,
	    .type = PARAM_SIZE,
	    .help = "fill until only this much is available",
	},
	{
	    .name = "rate",
	    .type = PARAM_SIZE,
	    .min = 1,
	    .max = INT64_MAX,
	    .group = "over time",
	    .help = "grow by at most this much a second (default: at once)",
	},
	{
	    .name = "ramp",
	    .type = PARAM_USEC,
	    .min = 100 * USEC_PER_MSEC,
	    .max = 24 * 3600 * USEC_PER_SEC,
	    .group = "over time",
	    .help = "take this long to grow to the full amount",
	},
	{
	    .name = "content",
	    .type = PARAM_ENUM,
	    .choices = contents,
	    .def = "anonymous",
	    .group = "how",
	    .help = "what the memory is: a program's own, or pages of a file, which push "
		    "out other files' pages before they go themselves",
	},
	{
	    .name = "path",
	    .type = PARAM_PATH,
	    .group = "how",
	    .help =
		"content cache: a directory on the file system whose pages it is to be "
		"(default: /var/tmp); no space is used there",
	},
	{
	    .name = "lock",
	    .type = PARAM_BOOL,
	    .def = "false",
	    .group = "how",
	    .help = "keep it from being swapped out",
	},
	{
	    .name = "keep_free",
	    .is_worse_below = true,
	    .type = PARAM_SIZE,
	    .min = 16 << 20,
	    .max = INT64_MAX,
	    .group = "how",
	    .help =
		"what always stays available on the host; given back when others need "
		"it (default: 5 % of its memory, at least 64 MiB)",
	},
	{
	    .name = "pressure",
	    .type = PARAM_PERCENT,
	    .min = 1,
	    .max = 100000,
	    .group = "how",
	    .help = "stop growing and give back while processes wait for memory for more "
		    "than this share of their time (PSI, some avg10)",
	},
	{
	    .name = "oom",
	    .type = PARAM_ENUM,
	    .choices = victims,
	    .def = "ours",
	    .group = "how",
	    .help =
		"whom the kernel's OOM killer takes first: the fault, or anyone by the "
		"kernel's own choice",
	},
	{
	    .name = "cgroup",
	    .type = PARAM_STRING,
	    .group = "whose memory",
	    .help =
		"in this cgroup, whose limits then hold, as /proc/PID/cgroup shows it",
	},
	{
	    .name = "container",
	    .type = PARAM_STRING,
	    .group = "inside of",
	    .help =
		"the same with this container: its id, or the first 12 or more digits "
		"of it",
	},
	{ 0 },
};

static bool
is_choice(const struct spec *s, const char *param, const char *choice)
{
	char text[32];

	return spec_has(s, param) &&
	       strcmp(spec_format(s, param, text, sizeof(text)), choice) == 0;
}

/* Cache that nobody uses counts as available: "until so much is available" never comes. */
static int
check_cache(const struct spec *s, struct err *e)
{
	if (!is_choice(s, "content", "cache"))
		return spec_has(s, "path") ?
			   err_invalid(e, "path is for content: cache only") :
			   0;
	if (spec_has(s, "leave") ||
	    (spec_has(s, "percent") && !is_choice(s, "of", "limit")))
		return err_invalid(e,
		    "cache is memory that stays available: say how much of it by size, or "
		    "by percent of: limit");
	if (spec_num(s, "lock") != 0)
		return err_invalid(e, "lock is for content: anonymous only");
	return 0;
}

static int
memory_fill_check(const struct spec *s, struct err *e)
{
	int ways = spec_has(s, "size") + spec_has(s, "percent") + spec_has(s, "leave");
	bool has_target = spec_has(s, "cgroup") || spec_has(s, "container");

	if (ways != 1)
		return err_invalid(e,
		    "memory.fill needs exactly one of size, percent and leave%s",
		    ways == 0 ? "" : ": more than one is given");
	if (spec_has(s, "of") && !spec_has(s, "percent"))
		return err_invalid(
		    e, "'of' says what percent is a share of: give percent");
	if (is_choice(s, "of", "limit") && !has_target)
		return err_invalid(
		    e, "of: limit is a cgroup's: give cgroup or container");
	if (spec_has(s, "cgroup") && spec_has(s, "container"))
		return err_invalid(e,
		    "cgroup and container both say whose memory is meant: one of them");
	if (owner_check_cgroup(spec_text(s, "cgroup"), e) < 0 ||
	    owner_check_container(spec_text(s, "container"), e) < 0)
		return e->code;
	return check_cache(s, e);
}

const struct kind kind_memory_fill = {
	.name = "memory.fill",
	.summary = "use up memory",
	.params = params,
	.holds = HOLDS_TARGET,
	/* cgroups are writable by nobody's mode bits; IPC_LOCK for `lock` */
	.caps = CAP_BIT(CAP_KILL) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_IPC_LOCK),
	.check = memory_fill_check,
	.undone_by =
	    "The memory belongs to fillers, children of the fault's holder that die with "
	    "it (PDEATHSIG, and a pipe that only the holder keeps open), so it is free "
	    "again when the holder ends, however that dies.  The agent, or its guardian, "
	    "then kills whatever is still in the cgroup named after the fault and removes "
	    "that cgroup.",
	.by_hand =
	    "Find the cgroup in the fault's record (stormdrill-<id>).  End every "
	    "process listed in its cgroup.procs (since Linux 5.14 writing 1 to its "
	    "cgroup.kill does that); then rmdir the directory.",
	.teaches = "graceful degradation, load shedding, bounded caches, limits that are "
		   "known before they are met",
};
