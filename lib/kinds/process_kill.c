/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of process.kill.  Selectors are joined by "and".  There is no default selector:
 * a kill that forgot to say whom must be an error, never "everybody".
 */
#include "err.h"
#include "kind.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>
#include <signal.h>

static const char *const picks[] = { "oldest", "newest", "random", NULL };

enum { PICK_RANDOM = 2 };

/* Signals that leave a process stopped, with nothing that would continue it. */
static const int stopping[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };

static const struct param params[] = {
	{
	    .name = "name",
	    .type = PARAM_STRING,
	    .help = "the command name, or the file name of the executable",
	},
	{
	    .name = "cmdline",
	    .type = PARAM_STRING,
	    .help = "a glob over the whole command line, arguments joined by blanks",
	},
	{
	    .name = "exe",
	    .type = PARAM_PATH,
	    .help = "the path of the executable",
	},
	{
	    .name = "pid",
	    .type = PARAM_INT,
	    .min = 1, /* that 1 is never matched is the agent's to say */
	    .max = 4194304,
	    .help = "this process",
	},
	{
	    .name = "port",
	    .type = PARAM_PORT,
	    .min = 1,
	    .max = 65535,
	    .help = "the process that listens on this TCP or UDP port",
	},
	{
	    .name = "signal",
	    .type = PARAM_SIGNAL,
	    .def = "KILL",
	    .help = "the signal to send, by name or number",
	},
	{
	    .name = "count",
	    .type = PARAM_COUNT,
	    .def = "all",
	    .help = "how many of those that match: a number, or all",
	},
	{
	    .name = "pick",
	    .type = PARAM_ENUM,
	    .def = "oldest",
	    .choices = picks,
	    .help = "which of them when count is less than all",
	},
	{
	    .name = "seed",
	    .type = PARAM_INT,
	    .min = 0,
	    .max = INT64_MAX,
	    .help = "makes pick=random choose the same ones again",
	},
	{
	    .name = "exclude",
	    .type = PARAM_STRINGS,
	    .help = "names never to match",
	},
	{ 0 },
};

static int
process_kill_check(const struct spec *s, struct err *e)
{
	static const char *const selectors[] = { "name", "cmdline", "exe", "pid",
		"port" };
	bool selects = false;

	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		selects |= spec_has(s, selectors[i]);
	if (!selects)
		return err_invalid(e,
		    "process.kill needs at least one of name, cmdline, exe, pid and port");
	for (size_t i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++) {
		if (spec_num(s, "signal") == stopping[i])
			return err_invalid(e,
			    "this signal would leave the process stopped for good: "
			    "process.kill only sends what nothing has to undo");
	}
	if (spec_has(s, "seed") && spec_num(s, "pick") != PICK_RANDOM)
		return err_invalid(e, "seed has a meaning only with pick=random");
	return 0;
}

const struct kind kind_process_kill = {
	.name = "process.kill",
	.summary = "send a signal to chosen processes",
	.params = params,
	.flags = KIND_ONESHOT | KIND_IRREVERSIBLE | KIND_COUNTS,
	.caps =
	    CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH),
	.check = process_kill_check,
	.undone_by =
	    "Nothing: a process that was killed stays dead until something starts it "
	    "again.  Whether something does is what the drill finds out.",
	.by_hand =
	    "Start the service again (systemctl start, or whatever supervises it).",
	.teaches = "failover, redundancy, supervision, retry",
};
