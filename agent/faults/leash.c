/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leash is the kernel's: a signal that a hung-up pipe sends.  A child need not run, nor
 * even be scheduled, to be killed by it.
 */
#include "leash.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The signal's owner belongs to the open file, and the one that was inherited is every
 * child's: so it is opened anew. */
int
leash_wear(int fd)
{
	char path[32];
	struct pollfd p = { .events = POLLIN };

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	p.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (p.fd < 0 || fcntl(p.fd, F_SETOWN, getpid()) < 0 ||
	    fcntl(p.fd, F_SETSIG, SIGKILL) < 0 || fcntl(p.fd, F_SETFL, O_ASYNC) < 0)
		return -1;
	(void)close(fd); /* a read end */
	if (poll(&p, 1, 0) == 0)
		return 0;
	errno = ESRCH;
	return -1;
}

/* Across processes, so not PRIVATE. */
void
word_wait(_Atomic uint32_t *word, uint32_t seen, unsigned timeout_ms)
{
	struct timespec t = { .tv_sec = timeout_ms / 1000,
		.tv_nsec = (long)(timeout_ms % 1000) * 1000000 };

	/* any return is a reason to look again */
	(void)syscall(
	    SYS_futex, word, FUTEX_WAIT, seen, timeout_ms == 0 ? NULL : &t, NULL, 0);
}

void
word_wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
