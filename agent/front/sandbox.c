/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to a front that somebody has taken over: its connections, its channel, and
 * arithmetic.  No file can be opened, no process started or signalled, no socket made.
 *
 * The front keeps real-time priority, since the abort goes through it while a fault eats
 * every CPU; so that a spinning front cannot do the same, the kernel kills one that runs
 * half a second without sleeping.
 */
#include "sandbox.h"
#include "err.h"
#include "process.h"
#include "sanitized.h"
#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534

struct user {
	uid_t uid;
	gid_t gid;
};

static struct user
front_user(void)
{
	const struct passwd *p = getpwnam("stormdrill");

	return p != NULL && p->pw_uid != 0 && p->pw_gid != 0 ?
		   (struct user){ p->pw_uid, p->pw_gid } :
		   (struct user){ NOBODY, NOBODY };
}

static int
enter_empty_dir(const char *dir, struct err *e)
{
	if (chdir(dir) < 0 || chroot(".") < 0)
		return err_errno(e, "chroot to '%s'", dir);
	return 0;
}

static int
become(struct user u, struct err *e)
{
	if (setgroups(0, NULL) < 0 || setresgid(u.gid, u.gid, u.gid) < 0 ||
	    setresuid(u.uid, u.uid, u.uid) < 0)
		return err_errno(e, "become user %u", (unsigned)u.uid);
	/* The change of user cleared it.  If stormd is gone already, the channel says so. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_errno(e, "ask for stormd's death signal");
	return 0;
}

static int
set_limits(struct err *e)
{
	static const struct {
		__rlimit_resource_t what;
		struct rlimit limit;
	} limits[] = {
		{ RLIMIT_RTTIME, { 500000, 500000 } },
		{ RLIMIT_NOFILE, { 256, 256 } },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (setrlimit(limits[i].what, &limits[i].limit) < 0)
			return err_errno(e, "set resource limits");
	}
	return process_no_core(e);
}

/* What libmicrohttpd, jansson and the C library call while serving: connections, the
 * channel, waiting, memory, stderr. */
static const int allowed[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(close),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(madvise),
	SCMP_SYS(mmap),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(newfstatat), /* fstat() of the C library: a path finds an empty root */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(read),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

static int
filter_system_calls(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory may be mapped, never made executable. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, 4 /* PROT_EXEC */, 0));
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0 ? 0 : err_set(e, rc, "load the system call filter: error %d", -rc);
}

/* What the libraries would open files for at their first call. */
static void
warm_libraries(void)
{
	tzset();             /* the Date header: /etc/localtime */
	json_object_seed(0); /* hash seed: /dev/urandom */
}

int
sandbox_enter(const char *empty_dir, struct err *e)
{
	bool is_root = geteuid() == 0;
	struct user user = front_user();
	int rc = 0;

	warm_libraries();
	(void)process_fortify(); /* stormd has said what the kernel refuses */
	if (is_root)
		rc = enter_empty_dir(empty_dir, e);
	if (rc == 0)
		rc = caps_bound(0, e);
	if (rc == 0 && is_root)
		rc = become(user, e);
	if (rc == 0)
		rc = caps_limit(0, e);
	if (rc == 0)
		rc = set_limits(e);
	if (rc == 0)
		rc = no_new_privs(e);
	if (rc == 0 && !IS_SANITIZED)
		rc = filter_system_calls(e);
	return rc;
}
