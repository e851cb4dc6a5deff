/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting until nobody is left who could still change the kernel.  Every holder, and every
 * program one has started, keeps the write end of a pipe; the guardian has the read end.
 * End of file there means all of them are gone; an orphaned iptables-restore that waits for
 * its lock would otherwise apply its rules after we have removed them.
 */
#include "recover.h"

#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "fdio.h"
#include "parse.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SCAN_PAUSE 10 /* ms to let the killed go */

/* Has this process the pipe open for writing?  /proc/PID/fd/N shows the mode of the open
 * file in its own permission bits. */
static bool
keeps_open(int fds, const struct stat *pipe)
{
	_cleanup_close_ int fd = dup(fds);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	bool found = false;

	if (dir == NULL)
		return false;
	(void)steal_fd(&fd);
	while (!found && (d = readdir(dir)) != NULL) {
		struct stat target, link;

		found = fstatat(dirfd(dir), d->d_name, &target, 0) == 0 &&
			S_ISFIFO(target.st_mode) && target.st_ino == pipe->st_ino &&
			target.st_dev == pipe->st_dev &&
			fstatat(dirfd(dir), d->d_name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
			(link.st_mode & S_IWUSR) != 0;
	}
	(void)closedir(dir); /* read only */
	return found;
}

/* The pidfd comes first: if the pid changes hands afterwards, the signal meets nobody. */
static bool
kill_if_keeper(pid_t pid, const struct stat *pipe)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_close_ int fds = -1;
	char path[32];

	if (pidfd < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fds < 0 || !keeps_open(fds, pipe))
		return false;
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0;
}

static int
kill_keepers(const struct stat *pipe)
{
	DIR *dir = opendir("/proc");
	const struct dirent *d;
	int killed = 0;

	if (dir == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL) {
		uint64_t pid;

		if (parse_u64(d->d_name, &pid, NULL) < 0 || (pid_t)pid == getpid())
			continue;
		killed += kill_if_keeper((pid_t)pid, pipe);
	}
	(void)closedir(dir); /* read only */
	return killed;
}

/* End of file, within SCAN_PAUSE?  Nobody writes into this pipe; if somebody did, what is
 * in it is taken out and means nothing. */
static bool
is_at_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char nothing[256];

	if (poll(&p, 1, SCAN_PAUSE) <= 0)
		return false;
	if ((p.revents & POLLIN) != 0)
		return read(fd, nothing, sizeof(nothing)) == 0;
	return (p.revents & POLLHUP) != 0;
}

int
barrier_clear(int read_fd, int wait_ms, struct err *e)
{
	usec_t until = clock_boottime() + (usec_t)wait_ms * USEC_PER_MSEC;
	struct stat pipe;
	int killed;

	if (fstat(read_fd, &pipe) < 0)
		return err_errno(e, "look at the barrier");
	do {
		if (is_at_end(read_fd))
			return 0;
		killed = kill_keepers(&pipe);
	} while (clock_boottime() < until);
	return err_set(e, -ETIMEDOUT,
	    "%d processes of a fault were killed and are not gone after %d ms", killed,
	    wait_ms);
}
