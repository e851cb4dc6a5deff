/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of process.kill: once, every so often, or held down.  Held down, each match is
 * signalled once, so that there is nothing to choose among: it is all of them.
 */
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "process_params.h"
#include "spec.h"
#include <signal.h>

/* Signals that leave a process stopped, with nothing that would continue it. */
static const int stopping[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };

static const struct param params[] = {
	PROCESS_PARAMS_WHICH,
	{
	    .name = "signal",
	    .type = PARAM_SIGNAL,
	    .def = "KILL",
	    .help = "the signal to send, by name or number",
	},
	{
	    .name = "every",
	    .type = PARAM_USEC,
	    .min = (int64_t)(100 * USEC_PER_MSEC),
	    .max = (int64_t)(24 * 3600 * USEC_PER_SEC),
	    .help = "choose anew and signal again, this often, until 'for' has passed",
	},
	{ 0 },
};

static int
check_signal(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(stopping); i++) {
		if (spec_num(s, "signal") == stopping[i])
			return err_invalid(e,
			    "this signal would leave the process stopped for good: "
			    "process.pause stops processes and continues them");
	}
	return 0;
}

static int
check_every(const struct spec *s, struct err *e)
{
	if (!spec_has(s, "every"))
		return 0;
	if (s->duration == 0)
		return err_invalid(e, "every needs a 'for': until when");
	if ((usec_t)spec_num(s, "every") >= s->duration)
		return err_invalid(
		    e, "every is not less than 'for': it would happen only once");
	return 0;
}

static int
process_kill_check(const struct spec *s, struct err *e)
{
	bool is_held = s->duration > 0 && !spec_has(s, "every");

	if (process_check_which(s, e) < 0 || check_signal(s, e) < 0 ||
	    check_every(s, e) < 0)
		return e->code;
	if (is_held && (spec_num(s, "count") != 0 || spec_has(s, "percent")))
		return err_invalid(e,
		    "held down by 'for', every match is signalled as it comes: count and "
		    "percent need every");
	return 0;
}

const struct kind kind_process_kill = {
	.name = "process.kill",
	.summary =
	    "send a signal to chosen processes, once or as often as they come back",
	.params = params,
	.flags = KIND_ONESHOT | KIND_REPEATS | KIND_IRREVERSIBLE | KIND_COUNTS,
	/* NET_ADMIN only to be told of new processes by the kernel, when held down */
	.caps = PROCESS_CAPS | CAP_BIT(CAP_NET_ADMIN),
	.check = process_kill_check,
	.undone_by =
	    "Nothing: a process that was killed stays dead until something starts it "
	    "again.  Whether something does is what the drill finds out.  Held down by "
	    "a 'for', it is the holder that looks for processes to kill; when it is "
	    "told to stop, or dies, no more are.",
	.by_hand =
	    "Start the service again (systemctl start, or whatever supervises it).  A "
	    "systemd unit that was killed too often has to be told with systemctl "
	    "reset-failed that it may start.",
	.teaches = "failover, redundancy, supervision, retry",
};
