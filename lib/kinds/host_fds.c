/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of host.fds.  "Too many open files" has two forms: of one process (EMFILE), which
 * is what services meet, and of the host (ENFILE).  With a selector it is the first.
 */
#include "kind.h"
#include "process_params.h"
#include "spec.h"

static const struct param params[] = {
	{
	    .name = "leave",
	    .is_worse_below = true,
	    .type = PARAM_INT,
	    .required = true,
	    .min = 0,
	    .max = 1000000000,
	    .help =
		"so many more files can be opened: by each of the processes chosen, or "
		"by the whole host",
	},
	PROCESS_PARAMS_WHICH,
	{ 0 },
};

/* Without any word about processes it is the host. */
static int
host_fds_check(const struct spec *s, struct err *e)
{
	static const char *const which[] = { "name", "cmdline", "cmdline_regex", "exe",
		"pid", "port", "user", "unit", "cgroup", "container", "children",
		"percent", "seed", "exclude" };

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		const struct param *p = kind_param(&kind_host_fds, which[i]);

		if (p->def == NULL ? spec_has(s, which[i]) : spec_num(s, which[i]) != 0)
			return process_check_which(s, e);
	}
	return 0;
}

const struct kind kind_host_fds = {
	.name = "host.fds",
	.summary = "leave a host or chosen processes few files to open",
	.params = params,
	.holds = HOLDS_HOST,
	.caps = PROCESS_CAPS | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_SYS_ADMIN) |
		CAP_BIT(CAP_SYS_RESOURCE),
	.check = host_fds_check,
	.undone_by =
	    "The limit (fs.file-max, or that of each process) stays when the fault's holder "
	    "dies.  The agent, and when the agent dies its guardian, puts it back by the "
	    "record: of a process, also for those it has started since.  A reboot puts "
	    "fs.file-max back.",
	.by_hand =
	    "Write the value that the fault's record has as was= to /proc/sys/fs/file-max; "
	    "of a process: prlimit --pid PID --nofile=WAS: .",
	.teaches = "connection limits and pools, load shedding, recovery after EMFILE",
};
