/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process does to itself.  Fortifying is best effort by design: a container without
 * CAP_SYS_RESOURCE must still be able to drill.  Dropping power is not.
 */
#include "process.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "sanitized.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_READY (256 * 1024)

static int
set_oom_score(const char *score)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : write_all(fd, score, strlen(score));
}

/* Pages the stack will need must be there before memory runs out; and once locked memory
 * counts against a limit, growing the stack could fail. */
__attribute__((noinline)) static void
touch_stack(void)
{
	volatile char room[STACK_READY];

	for (size_t i = 0; i < sizeof(room); i += 4096)
		room[i] = 0;
}

/* MCL_FUTURE only where the limit is out of the way: without CAP_IPC_LOCK, which a holder
 * drops later, every mapping beyond RLIMIT_MEMLOCK would fail. */
static int
lock_memory(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	int flags = MCL_CURRENT;

	if (IS_SANITIZED)
		return 0;
	touch_stack();
	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		flags |= MCL_FUTURE;
	return mlockall(flags) < 0 ? -errno : 0;
}

static void
note(char *list, size_t size, const char *what, int rc)
{
	size_t used = strlen(list);

	if (rc < 0)
		(void)snprintf(list + used, size - used, "%s%s (%s)",
		    used > 0 ? ", " : "", what, strerrordesc_np(-rc));
}

const char *
process_fortify(void)
{
	static char refused[200];
	struct sched_param priority = { .sched_priority = 10 };

	refused[0] = '\0';
	note(refused, sizeof(refused), "locking memory", lock_memory());
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) < 0)
		note(refused, sizeof(refused), "real-time scheduling", -errno);
	note(refused, sizeof(refused), "OOM protection", set_oom_score("-1000"));
	return refused[0] != '\0' ? refused : NULL;
}

void
process_soften(void)
{
	struct sched_param none = { 0 };

	(void)munlockall();
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)set_oom_score("0");
}

static int
caps_get(struct __user_cap_data_struct data[static 2])
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return (int)syscall(SYS_capget, &head, data);
}

uint64_t
caps_permitted(void)
{
	struct __user_cap_data_struct d[2] = { 0 };

	return caps_get(d) < 0 ? 0 : (uint64_t)d[1].permitted << 32 | d[0].permitted;
}

int
caps_bound(uint64_t keep, struct err *e)
{
	bool may = (caps_permitted() & CAP_BIT(CAP_SETPCAP)) != 0;

	for (unsigned c = 0; c < 64 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
		if ((keep & CAP_BIT(c)) != 0 || prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 0)
			continue;
		/* Without SETPCAP the bounding set is out of reach; what we hold is not, and
		 * no_new_privs keeps an exec from drawing on the rest. */
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && may)
			return err_errno(
			    e, "drop capability %u from the bounding set", c);
	}
	return 0;
}

int
caps_limit(uint64_t keep, struct err *e)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { 0 };
	int rc = caps_bound(keep, e);

	if (rc < 0)
		return rc;
	for (unsigned c = 0; c < 64; c++) {
		if ((keep & CAP_BIT(c)) == 0)
			(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, c, 0, 0);
	}
	if (caps_get(d) < 0)
		return err_errno(e, "read capabilities");
	for (unsigned i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		d[i].effective &= mask;
		d[i].permitted &= mask;
		d[i].inheritable &= mask;
	}
	if (syscall(SYS_capset, &head, d) < 0)
		return err_errno(e, "drop capabilities");
	return 0;
}

int
no_new_privs(struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, "set no_new_privs");
	return 0;
}

int
process_no_core(struct err *e)
{
	static const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return err_errno(e, "set the limit of core dumps");
	if (IS_SANITIZED) /* the leak checker attaches to us */
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(e, "forbid core dumps");
	return 0;
}

void
process_comm(const char *comm)
{
	(void)prctl(PR_SET_NAME, comm, 0, 0, 0); /* a name is not worth an error */
}
