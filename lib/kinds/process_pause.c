/* SPDX-License-Identifier: Apache-2.0 */
/* The row of process.pause: a gray failure.  What is paused is there, and does not answer. */
#include "err.h"
#include "process_params.h"
#include "spec.h"

static const char *const ways[] = { "auto", "freezer", "ptrace", "stop", NULL };

enum { HOW_FREEZER = 1 };

static const struct param params[] = {
	PROCESS_PARAMS_WHICH,
	{
	    .name = "how",
	    .type = PARAM_ENUM,
	    .def = "auto",
	    .choices = ways,
	    .help =
		"freezer: the whole cgroup; ptrace: by holding every thread; stop: by "
		"SIGSTOP; auto: the first of these that can be had",
	},
	{ 0 },
};

static int
check_freezer(const struct spec *s, struct err *e)
{
	static const char *const narrower[] = { "name", "cmdline", "cmdline_regex", "exe",
		"pid", "port", "user", "percent", "exclude" };
	const int groups =
	    spec_has(s, "unit") + spec_has(s, "cgroup") + spec_has(s, "container");

	if (spec_num(s, "how") != HOW_FREEZER)
		return 0;
	for (size_t i = 0; i < sizeof(narrower) / sizeof(narrower[0]); i++) {
		if (spec_has(s, narrower[i]))
			return err_invalid(e,
			    "how=freezer stops a whole cgroup: it takes unit, cgroup or "
			    "container, and no %s",
			    narrower[i]);
	}
	if (groups != 1 || spec_num(s, "count") != 0)
		return err_invalid(e,
		    "how=freezer stops a whole cgroup: it takes one of unit, cgroup and "
		    "container, and all of it");
	return 0;
}

static int
process_pause_check(const struct spec *s, struct err *e)
{
	return process_check_which(s, e) < 0 ? e->code : check_freezer(s, e);
}

const struct kind kind_process_pause = {
	.name = "process.pause",
	.summary = "stop chosen processes without ending them, and continue them",
	.params = params,
	/* the root of the cgroup tree is writable by nobody's mode bits */
	.caps = PROCESS_CAPS | CAP_BIT(CAP_DAC_OVERRIDE),
	.check = process_pause_check,
	.undone_by =
	    "By ptrace: the kernel, which lets go of what a tracer held when that ends, "
	    "and ours ends with its holder.  By a cgroup's freezer or by SIGSTOP: "
	    "stormd, else the guardian, by the record.  Only what was stopped by the "
	    "fault is continued.",
	.by_hand =
	    "kill -CONT PID; for a cgroup write 0 to its cgroup.freeze, or THAWED to "
	    "its freezer.state in the freezer's own v1 tree.",
	.teaches = "timeouts, failure detection, leader election, split brain, fencing",
};
