/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.reboot: the host goes down.  It is done last of all, when the fault has said that it
 * is in force and the answer has had its time to get out: in release, which every one-shot
 * comes to by itself.  Until then an agent that dies takes the reboot with it.
 */
#include "cleanup.h"
#include "clock.h"
#include "fault.h"
#include "fdio.h"
#include "process.h"
#include "spawn.h"
#include "systemctl.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/reboot.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PID_NAMESPACE 4026531836u /* PROC_PID_INIT_INO, fixed since Linux 3.8 */
#define SYSRQ               "/proc/sysrq-trigger"

enum { HOW_REBOOT, HOW_POWEROFF, HOW_HARD, HOW_CRASH };

struct rebooting {
	bool is_due;
};

static int
host_reboot_supported(struct err *e)
{
	struct stat st;

	if ((caps_permitted() & CAP_BIT(CAP_SYS_BOOT)) == 0)
		return err_unsupported(
		    e, "the agent has no CAP_SYS_BOOT here: it may not reboot this host");
	if (stat("/proc/self/ns/pid", &st) < 0)
		return err_errno(e, "look at our own pid namespace");
	if (st.st_ino != FIRST_PID_NAMESPACE)
		return err_unsupported(e,
		    "the agent is in a pid namespace of its own: that is all it could end");
	return 0;
}

static bool
has_systemd(void)
{
	struct err none = { 0 };

	return systemctl_supported(&none) == 0;
}

static const char *
words(int64_t how)
{
	static const char *const through_init[] = {
		[HOW_REBOOT] = "systemctl reboot",
		[HOW_POWEROFF] = "systemctl poweroff",
		[HOW_HARD] = "reboot(2), nothing written",
		[HOW_CRASH] = "write c to /proc/sysrq-trigger",
	};
	static const char *const by_hand[] = { "sync, reboot(2)", "sync, power off" };

	return how <= HOW_POWEROFF && !has_systemd() ? by_hand[how] : through_init[how];
}

/* A kernel that panicked stays so unless it is told otherwise. */
static int
look_at_crash(struct fault_run *r, struct err *e)
{
	char panic[16] = "";

	if (access(SYSRQ, W_OK) < 0)
		return err_unsupported(e, "there is no %s to write to here", SYSRQ);
	if (read_file_at(AT_FDCWD, "/proc/sys/kernel/panic", panic, sizeof(panic)) > 0 &&
	    panic[0] == '0')
		(void)snprintf(r->note, sizeof(r->note),
		    "kernel.panic is 0: it will stay down until somebody resets it");
	return 0;
}

static int
host_reboot_prepare(struct fault_run *r, struct err *e)
{
	const int64_t how = spec_num(r->spec, "how");
	char after[32];

	r->state = xcalloc(1, sizeof(struct rebooting));
	fault_op(r, "apply: after %s: %s",
	    spec_format(r->spec, "after", after, sizeof(after)), words(how));
	r->wake_ms = -1;
	return how == HOW_CRASH ? look_at_crash(r, e) : 0;
}

static int
host_reboot_nothing_yet(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0;
}

static int
host_reboot_apply(struct fault_run *r, struct err *e)
{
	struct rebooting *b = r->state;

	(void)e;
	b->is_due = true;
	r->effect = 1;
	return 0;
}

static int
through_systemd(const struct fault_run *r, const char *verb, struct err *e)
{
	const char *argv[] = { "/usr/bin/systemctl", "--no-wall", "--no-block", verb,
		NULL };
	const struct run_tool t = {
		.argv = argv, .keep_fd = r->barrier_fd, .timeout_ms = 30000
	};

	if (access(argv[0], X_OK) < 0)
		argv[0] = "/bin/systemctl";
	return run_tool(&t, e);
}

static int
crash(struct err *e)
{
	_cleanup_close_ int fd = open(SYSRQ, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "c", 1) != 1)
		return err_errno(e, "write to %s", SYSRQ);
	return 0;
}

static int
go_down(const struct fault_run *r, struct err *e)
{
	const int64_t how = spec_num(r->spec, "how");

	if (how == HOW_CRASH)
		return crash(e);
	if (how <= HOW_POWEROFF && has_systemd())
		return through_systemd(r, how == HOW_REBOOT ? "reboot" : "poweroff", e);
	if (how <= HOW_POWEROFF)
		sync();
	(void)reboot(how == HOW_POWEROFF ? RB_POWER_OFF : RB_AUTOBOOT);
	return err_errno(e, "reboot"); /* it does not return */
}

static int
host_reboot_release(struct fault_run *r, struct err *e)
{
	struct rebooting *b = r->state;

	if (b == NULL || !b->is_due)
		return 0;
	b->is_due = false; /* once, whatever comes of it */
	sleep_usec((usec_t)spec_num(r->spec, "after"));
	return go_down(r, e);
}

static const int syscalls[] = { SCMP_SYS(capget), SCMP_SYS(reboot), SCMP_SYS(sync), -1 };

const struct fault fault_host_reboot = {
	.kind = &kind_host_reboot,
	.effect_unit = "reboots",
	.supported = host_reboot_supported,
	.how = fault_how_plain,
	.prepare = host_reboot_prepare,
	.stage = host_reboot_nothing_yet,
	.apply = host_reboot_apply,
	.verify = host_reboot_nothing_yet,
	.hold = fault_hold_nothing,
	.release = host_reboot_release,
	.syscalls = syscalls,
	.runs_tools = true,
};
