/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stormctl-jq from its start to its being reaped.  A text may be larger than the socket's
 * buffer, so it is sent as the process takes it; a process that is killed in between is
 * known by its descriptor, never by a wait.
 */
#include "jq_process.h"
#include "cleanup.h"
#include "err.h"
#include "printable.h"
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define DEATH_MS 2000

static void
close_fd(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

void
jq_process_init(struct jq_process *p)
{
	*p = (struct jq_process){ .pidfd = -1, .sock = -1, .report = -1 };
}

static struct spawn
how(const char *path, const char *const *argv, const int *theirs)
{
	return (struct spawn){
		.path = path,
		.argv = argv,
		.fds = theirs,
		.fds_count = theirs != NULL,
		.role = SPAWN_TOOL,
	};
}

int
jq_process_start(
    struct jq_process *p, const char *path, const char *filter, struct err *e)
{
	const char *const argv[] = { "stormctl-jq", NULL };
	_cleanup_close_ int ours = -1, theirs = -1;
	struct spawned child;
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(e, "make a socket for stormctl-jq");
	ours = ends[0];
	theirs = ends[1];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(e, "make a socket for stormctl-jq");
	const struct spawn s = how(path, argv, &theirs);
	r = spawn_begin(&s, &child, e);
	if (r < 0)
		return r;
	p->pid = child.pid;
	p->pidfd = child.pidfd;
	p->report = child.report;
	p->sock = steal_fd(&ours);
	jq_process_tell(p, filter, strlen(filter));
	return 0;
}

void
jq_process_tell(struct jq_process *p, const char *text, size_t len)
{
	p->head.bytes = (uint32_t)len;
	p->text = text;
	p->sent = p->got = 0;
}

bool
jq_process_has_unsent(const struct jq_process *p)
{
	return p->sent < sizeof(p->head) + p->head.bytes;
}

static int
send_rest(struct jq_process *p)
{
	while (jq_process_has_unsent(p)) {
		struct iovec parts[] = {
			{ &p->head, sizeof(p->head) },
			{ (void *)(uintptr_t)p->text, p->head.bytes },
		};
		struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
		size_t skip = p->sent;
		ssize_t n;

		for (size_t i = 0; i < 2; i++) {
			size_t part = skip < parts[i].iov_len ? skip : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + part;
			parts[i].iov_len -= part;
			skip -= part;
		}
		n = sendmsg(p->sock, &m, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		p->sent += (size_t)n;
	}
	return 0;
}

int
jq_process_talk(struct jq_process *p)
{
	ssize_t n;

	if (p->sock < 0)
		return -EPIPE;
	/* Who does not listen may have said why. */
	int r = send_rest(p);
	while (p->got < sizeof(p->reply)) {
		n = recv(
		    p->sock, (char *)&p->reply + p->got, sizeof(p->reply) - p->got, 0);
		if (n == 0)
			return -EPIPE;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? r : -errno;
		p->got += (size_t)n;
	}
	close_fd(&p->report);
	p->reply.why[sizeof(p->reply.why) - 1] = '\0';
	text_make_printable(p->reply.why);
	return 1;
}

usec_t
jq_process_cpu(const struct jq_process *p)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(p->pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return 0;
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / NSEC_PER_USEC;
}

void
jq_process_kill(struct jq_process *p)
{
	/* It may be dead already. */
	(void)syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
	close_fd(&p->sock);
}

bool
jq_process_reap(struct jq_process *p, siginfo_t *ret, struct err *e)
{
	const char *const argv[] = { "stormctl-jq", NULL };
	const struct spawn s = how("stormctl-jq", argv, NULL);

	memset(ret, 0, sizeof(*ret));
	if (waitid(P_PIDFD, (id_t)p->pidfd, ret, WEXITED | WNOHANG) < 0)
		ret->si_pid = errno == ECHILD ? p->pid : 0;
	if (ret->si_pid == 0)
		return false;
	e->code = 0;
	if (p->report >= 0)
		(void)spawn_outcome(&s, p->report, e);
	close_fd(&p->pidfd);
	close_fd(&p->sock);
	close_fd(&p->report);
	p->pid = 0;
	return true;
}

void
jq_process_release(struct jq_process *p)
{
	struct pollfd death = { .fd = p->pidfd, .events = POLLIN };
	siginfo_t info;
	struct err e;

	if (p->pid == 0)
		return;
	jq_process_kill(p);
	(void)poll(
	    &death, 1, DEATH_MS); /* in the hands of storage that is gone it stays */
	if (jq_process_reap(p, &info, &e))
		return;
	close_fd(&p->pidfd);
	close_fd(&p->report);
	p->pid = 0;
}
