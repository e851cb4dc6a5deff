/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libjq has `$ENV`, modules that are read from files, and 40,000 lines of C that parse what
 * a server sent.  Left to it are memory, up to a limit, CPU, and the socket it has: no
 * environment, no user of its own, no file, socket, process or signal.
 *
 * What is not allowed fails instead of killing: libjq tries to open modules, and then says
 * in its own words that it could not.  The CPU is bounded for each question, since a limit
 * on the process counts what a whole drill has asked.
 */
#include "jail.h"
#include "err.h"
#include "jq_wire.h"
#include "process.h"
#include "sanitized.h"
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534

static char *no_environment[] = { NULL };

/* A root that may not change users keeps its own: what it could do with it is forbidden
 * below in any case. */
static int
become_nobody(struct err *e)
{
	if (geteuid() != 0)
		return 0;
	(void)setgroups(0, NULL);
	(void)!setresgid(NOBODY, NOBODY, NOBODY);
	(void)!setresuid(NOBODY, NOBODY, NOBODY);
	/* The change of user cleared it.  If stormctl is gone already, the socket says so. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_errno(e, "ask for stormctl's death signal");
	return 0;
}

static int
set_limits(struct err *e)
{
	static const rlim_t memory =
	    IS_SANITIZED ? RLIM_INFINITY : (rlim_t)JQ_MEMORY_MIB << 20;
	const struct {
		__rlimit_resource_t what;
		rlim_t limit;
	} limits[] = {
		{ RLIMIT_AS, memory },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_NOFILE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit r = { limits[i].limit, limits[i].limit };

		if (limits[i].limit != RLIM_INFINITY && setrlimit(limits[i].what, &r) < 0)
			return err_errno(e, "set resource limits");
	}
	return process_no_core(e);
}

static const int allowed[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(madvise),
	SCMP_SYS(mmap),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(recvfrom),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction), /* abort() */
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sendto),
	SCMP_SYS(setitimer),
};

static int
allow(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory may be mapped, never made executable. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, 4 /* PROT_EXEC */, 0));
	/* abort(): a signal to ourselves. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return rc;
}

static int
filter_system_calls(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter != NULL ? allow(filter) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0 ? 0 : err_set(e, rc, "load the system call filter: error %d", -rc);
}

int
jail_enter(struct err *e)
{
	int rc;

	tzset(); /* filters know times, too: /etc/localtime */
	environ = no_environment;
	/* `stderr` in a filter writes there: to /dev/null, as our output is. */
	if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		return err_errno(e, "silence what filters write");
	rc = become_nobody(e);
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

void
jail_bound_cpu(void)
{
	static const struct itimerval bound = { .it_value = { .tv_sec = JQ_CPU_SEC } };

	(void)setitimer(ITIMER_PROF, &bound, NULL); /* stormctl has a deadline, too */
}
