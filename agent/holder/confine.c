/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a holder may still do: its kind's capabilities, and the system calls of the holder,
 * of libc, of netlink and of the fault.  A call outside them ends the holder with its
 * number on stderr; stormd then undoes by record.
 *
 * A filter is inherited across exec.  For a fault that runs a tool the list is wider and a
 * call outside it fails with ENOSYS instead, as on an old kernel: iptables-restore of
 * another distribution, asking for something harmless, must not be killed in the middle of
 * a rule set.
 */
#include "err.h"
#include "holder.h"
#include "process.h"
#include "sanitized.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Memory, time, signals, our own descriptors: what libc and the loop need. */
static const char base_calls[] =
    "read readv pread64 write writev pwrite64 close lseek fcntl dup dup2 "
    "dup3 pipe2 poll ppoll select pselect6 epoll_create1 epoll_ctl "
    "epoll_wait epoll_pwait eventfd2 timerfd_create timerfd_settime "
    "timerfd_gettime recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg "
    "socket bind connect getsockname getsockopt setsockopt shutdown mmap "
    "munmap mremap mprotect madvise brk futex rt_sigaction rt_sigprocmask "
    "rt_sigreturn rt_sigpending sigaltstack restart_syscall clock_gettime "
    "clock_getres clock_nanosleep nanosleep gettimeofday time getpid getppid "
    "gettid tgkill getuid geteuid getgid getegid getrandom getrusage sysinfo "
    "uname sched_yield sched_getaffinity rseq set_robust_list exit "
    "exit_group";

/* Files: the record and its directories, /proc and /sys. */
static const char file_calls[] =
    "open openat openat2 stat fstat lstat newfstatat statx statfs fstatfs "
    "access faccessat faccessat2 readlink readlinkat getdents64 getcwd "
    "rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir flock "
    "fsync fdatasync ftruncate fchmod umask pidfd_open pidfd_send_signal "
    "waitid wait4";

/* What the forked child does before its exec, and what the tool's own start needs. */
static const char tool_calls[] =
    "memfd_create clone clone3 vfork fork execve arch_prctl set_tid_address prlimit64 "
    "getrlimit setrlimit prctl close_range setsid setpgid setpriority "
    "getpriority sched_setscheduler sched_getscheduler sched_setparam "
    "sched_getparam sched_setattr sched_setaffinity munlockall kill pipe "
    "chdir getresuid getresgid getgroups capget ioctl alarm setitimer "
    "fadvise64 getpgrp getpgid membarrier sysfs memfd_create";

/* Only write and _exit: we are in the middle of anything. */
static void
on_forbidden(int signal, siginfo_t *info, void *context)
{
	char line[] = "<3>stormd-fault: system call 0000 is not in its filter\n";
	char *digit = strstr(line, "0000") + 3;

	(void)signal;
	(void)context;
	for (int n = info->si_syscall; n > 0 && *digit == '0'; n /= 10)
		*digit-- = (char)('0' + n % 10);
	/* there is nothing to do about a stderr that does not take it */
	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	_exit(128 + SIGSYS);
}

static int
allow(scmp_filter_ctx filter, int call, struct err *e)
{
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);

	return rc == 0 || rc == -EEXIST ? 0 :
					  err_set(e, rc, "allow system call %d", call);
}

/* By name: one that this libseccomp does not know is one that libc here does not make. */
static int
allow_names(scmp_filter_ctx filter, const char *names, struct err *e)
{
	while (*names != '\0') {
		char name[32] = "";
		size_t len = strcspn(names, " ");
		int call;

		memcpy(name, names, len < sizeof(name) ? len : sizeof(name) - 1);
		call = seccomp_syscall_resolve_name(name);
		if (call != __NR_SCMP_ERROR && allow(filter, call, e) != 0)
			return e->code;
		names += len + (names[len] == ' ');
	}
	return 0;
}

static int
fill(scmp_filter_ctx filter, const struct fault *f, struct err *e)
{
	int rc;

	if (allow_names(filter, base_calls, e) != 0 ||
	    allow_names(filter, file_calls, e) != 0)
		return e->code;
	if (f->runs_tools && allow_names(filter, tool_calls, e) != 0)
		return e->code;
	for (const int *call = f->syscalls; call != NULL && *call != -1; call++) {
		if (allow(filter, *call, e) != 0)
			return e->code;
	}
	/* a tree: the hot calls of a queue's holder do not walk 150 comparisons */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	rc = seccomp_load(filter);
	return rc == 0 ? 0 : err_set(e, rc, "load the system-call filter");
}

int
holder_confine(const struct fault *f, struct err *e)
{
	struct sigaction forbidden = { .sa_sigaction = on_forbidden,
		.sa_flags = SA_SIGINFO };
	scmp_filter_ctx filter;
	int rc;

	if (caps_limit(f->kind->caps, e) != 0 || no_new_privs(e) != 0)
		return e->code;
	if (IS_SANITIZED)
		return 0;
	(void)sigaction(SIGSYS, &forbidden, NULL);
	filter = seccomp_init(f->runs_tools ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_TRAP);
	if (filter == NULL)
		return err_set(e, -ENOMEM, "make the system-call filter");
	rc = fill(filter, f, e);
	seccomp_release(filter);
	return rc;
}
