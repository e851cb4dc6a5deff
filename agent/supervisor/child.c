/* SPDX-License-Identifier: Apache-2.0 */
/* Children by pidfd: a number that was reused can never be hit. */
#include "child.h"
#include "chan.h"
#include "cleanup.h"
#include "err.h"
#include "spawn.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
# define P_PIDFD 3 /* glibc before 2.36 lacks the name */
#endif

int
child_start(const struct child_start *s, struct child *ret, struct err *e)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	struct spawn sp = { .path = s->path, .argv = s->argv, .role = SPAWN_AGENT };
	int pair[2], fds[3];

	if (chan_pair(pair, e) != 0)
		return e->code;
	ours = pair[0];
	theirs = pair[1];
	fds[0] = theirs;
	fds[1] = s->second_fd;
	fds[2] = s->third_fd;
	sp.fds = fds;
	sp.fds_count = s->third_fd > 0 ? 3 : 2;
	if (spawn(&sp, &ret->pid, &ret->pidfd, e) != 0)
		return e->code;
	ret->channel = steal_fd(&ours);
	return 0;
}

void
child_kill(int pidfd)
{
	/* ESRCH: it has ended already */
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

bool
child_reap(int pidfd, char *ret_how, size_t size)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0 ||
	    info.si_pid == 0)
		return false;
	if (info.si_code == CLD_EXITED)
		snprintf(ret_how, size, "exited with %d", info.si_status);
	else
		snprintf(ret_how, size, "was killed by signal %d (%s)", info.si_status,
		    sigabbrev_np(info.si_status));
	return true;
}
