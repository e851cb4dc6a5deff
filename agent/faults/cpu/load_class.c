/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A nice value counts among the processes of one group only: between cgroups their weights
 * decide, and outside of any, between sessions, their autogroups (sched(7)).  Burners are in
 * a cgroup of their own and would be equals of a whole system.slice however polite they are;
 * so their group is made as polite.  Each group is ours and goes with us.
 */
#include "load_class.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICE_LAST       19
#define SHARES          1024 /* of a v1 group, as it is made */
#define SHARES_MIN      2
/* Each step of nice is a quarter more or less, as in the kernel. */
#define STEP            1.25
#define AUTOGROUP_TRIES 20
#define AUTOGROUP_WAIT  (50 * USEC_PER_MSEC)

static int
put(int dir, const char *file, long value)
{
	_cleanup_close_ int fd =
	    dir < 0 && file[0] != '/' ? -1 : openat(dir, file, O_WRONLY | O_CLOEXEC);
	char text[24];
	int len = snprintf(text, sizeof(text), "%ld", value);

	return fd < 0 ? -errno : write_all(fd, text, (size_t)len);
}

/* Linux 5.15 has cpu.idle, for groups what SCHED_IDLE is for tasks. */
static void
weigh(int dir, bool is_v1, const struct load_how *how)
{
	const bool is_idle = how->policy == SCHED_IDLE;
	const double shares = SHARES * pow(STEP, -how->nice);

	if (is_idle && put(dir, "cpu.idle", 1) == 0)
		return;
	if (is_v1)
		(void)put(dir, "cpu.shares", is_idle ? SHARES_MIN : lround(shares));
	else if (is_idle)
		(void)put(dir, "cpu.weight", 1);
	else
		(void)put(dir, "cpu.weight.nice", how->nice);
}

static bool
is_special(const struct load_how *how)
{
	return how->nice != 0 || how->policy == SCHED_IDLE;
}

void
load_class_of_group(const struct load_how *how, int v2_dir, int v1_dir)
{
	if (!is_special(how))
		return;
	if (v2_dir >= 0)
		weigh(v2_dir, false, how);
	if (v1_dir >= 0)
		weigh(v1_dir, true, how);
}

/* The session is ours alone (spawn.c).  The kernel takes one such value in 100 ms from all
 * the host, but from who may administer it. */
static void
weigh_session(int nice)
{
	for (int i = 0; i < AUTOGROUP_TRIES; i++) {
		if (put(AT_FDCWD, "/proc/self/autogroup", nice) != -EAGAIN)
			return;
		sleep_usec(AUTOGROUP_WAIT);
	}
}

int
load_class_join(const struct load_how *how, struct err *e)
{
	const struct sched_param p = { .sched_priority =
					   sched_get_priority_min(how->policy) };

	if (is_special(how))
		weigh_session(how->policy == SCHED_IDLE ? NICE_LAST : how->nice);
	if (how->nice != 0 && setpriority(PRIO_PROCESS, 0, how->nice) < 0)
		return err_errno(e, "set the nice value %d", how->nice);
	if (how->policy == SCHED_OTHER || sched_setscheduler(0, how->policy, &p) == 0)
		return 0;
	if (errno == EPERM)
		return err_set(e, -EPERM,
		    "change the scheduling class: not permitted to the agent, or not in "
		    "this cgroup (cgroup v1: its cpu.rt_runtime_us is 0)");
	return err_errno(e, "change the scheduling class");
}
