/* SPDX-License-Identifier: Apache-2.0 */
/* stormctl: find the command and run it.  Everything else can be linked by a test. */
#include "cmd.h"
#include "verdict.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

/* A result nobody can read is no success; a reader who left early is no failure. */
static int
end_output(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno == EPIPE || code != 0)
		return code;
	(void)fprintf(stderr, "stormctl: cannot write the output: %s\n", strerror(errno));
	return VERDICT_INTERNAL;
}

int
main(int argc, char **argv)
{
	struct invocation v = { 0 };
	const struct cmd *cmd;
	int code;

	/* a closed pipe must never end a drill before its undo */
	(void)signal(SIGPIPE, SIG_IGN);
	code = invocation_parse(argc, argv, &cmd, &v);
	return end_output(code >= 0 ? code : cmd->run(&v));
}
