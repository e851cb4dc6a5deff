/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd needs little itself; what it keeps is for handing on: to the front (change root
 * and user), to holders (what policy's kinds need) and to stormd-undo.  Filters are
 * inherited across exec, so this one only denies what no child ever needs; each child adds
 * an allow-list of its own.
 */
#include "confine.h"
#include "cleanup.h"
#include "err.h"
#include "policy.h"
#include "process.h"
#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <unistd.h>

static const int denied[] = {
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module), /* modules come by the kernel's own helper */
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(pivot_root),
	SCMP_SYS(syslog),
	SCMP_SYS(vhangup),
};

/* Faults that work through a cgroup need to mount the v2 tree where nobody else did. */
static uint64_t
mount_cap(void)
{
	static const char *const seen[] = { "/sys/fs/cgroup/cgroup.procs",
		"/sys/fs/cgroup/unified/cgroup.procs" };

	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		if (access(seen[i], W_OK) == 0)
			return 0;
	}
	return CAP_BIT(CAP_SYS_ADMIN);
}

static int
load_filter(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < ARRAY_LEN(denied) && rc == 0; i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
		if (rc == -EDOM || rc == -EEXIST) /* this machine has no such call */
			rc = 0;
	}
	if (rc == 0)
		(void)seccomp_attr_set(
		    filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* or slower */
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0 ? 0 : err_set(e, rc, "load the system-call filter");
}

int
super_confine(const struct policy *p, struct err *e)
{
	uint64_t keep = CAP_BIT(CAP_KILL) | CAP_BIT(CAP_IPC_LOCK) |
			CAP_BIT(CAP_SYS_NICE) | CAP_BIT(CAP_SETUID) |
			CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SYS_CHROOT) |
			CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_SYS_RESOURCE);

	keep |= policy_caps(p) | mount_cap();
	if (caps_limit(keep, e) != 0 || no_new_privs(e) != 0)
		return e->code;
	return load_filter(e);
}
