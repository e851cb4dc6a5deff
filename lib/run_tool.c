/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a system program to its end.  Its input is a memfd, not a pipe: a tool that ends
 * before it has read everything can then neither block us nor send us SIGPIPE.  What it
 * writes is read as it comes, and only until *it* ends, so that a grandchild which keeps
 * the pipe open holds nobody up.
 */
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "fdio.h"
#include "parse.h"
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct sink {
	int fd; /* non-blocking read end, -1 when at its end */
	char *buf;
	size_t size, used;
};

struct running {
	const char *name;
	pid_t pid;
	int pidfd;
	struct sink out, err;
	char complaint[160];
};

static int
make_input(const char *text, int *ret)
{
	_cleanup_close_ int fd = memfd_create("stormdrill-input", MFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, strlen(text));
	if (rc < 0)
		return rc;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	*ret = steal_fd(&fd);
	return 0;
}

/* Keep what fits, throw away the rest: the tool must not wait for us. */
static void
drain(struct sink *s)
{
	char scrap[4096];

	while (s->fd >= 0) {
		size_t room = s->size > 0 ? s->size - 1 - s->used : 0;
		char *to = room > 0 ? s->buf + s->used : scrap;
		ssize_t n = read(s->fd, to, room > 0 ? room : sizeof(scrap));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			(void)close(s->fd);
			s->fd = -1;
			return;
		}
		if (room > 0)
			s->used += (size_t)n;
	}
}

static int
open_sink(struct sink *s, char *buf, size_t size, int *ret_write)
{
	int ends[2];

	*s = (struct sink){ .fd = -1, .buf = buf, .size = size };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	s->fd = ends[0];
	*ret_write = ends[1];
	return fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Until the tool has ended: 0, or -ETIMEDOUT. */
static int
attend(struct running *r, int timeout_ms)
{
	usec_t now = clock_boottime(), end = now + (usec_t)timeout_ms * USEC_PER_MSEC;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = r->pidfd, .events = POLLIN },
			{ .fd = r->out.fd, .events = POLLIN },
			{ .fd = r->err.fd, .events = POLLIN },
		};
		int n = poll(p, ARRAY_LEN(p), (int)((end - now + 999) / USEC_PER_MSEC));
		if (n < 0 && errno != EINTR)
			return -errno;
		drain(&r->out);
		drain(&r->err);
		if (n > 0 && p[0].revents != 0)
			return 0;
		now = clock_boottime();
		if (now >= end)
			return -ETIMEDOUT;
	}
}

static int
judge_exit(struct running *r, struct err *e)
{
	siginfo_t info = { 0 };
	char name[8];
	int rc;

	do {
		rc = waitid(P_PIDFD, (id_t)r->pidfd, &info, WEXITED);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return err_errno(e, "%s: wait", r->name);
	drain(&r->out); /* what it wrote just before it ended */
	drain(&r->err);
	r->err.buf[r->err.used] = '\0';
	if (r->err.buf != r->complaint)
		(void)snprintf(r->complaint, sizeof(r->complaint), "%s", r->err.buf);
	r->complaint[strcspn(r->complaint, "\n")] = '\0';
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	if (info.si_code != CLD_EXITED)
		return err_set(e, -EIO, "%s: killed by signal %s", r->name,
		    format_signal(info.si_status, name, sizeof(name)));
	if (r->complaint[0] == '\0')
		return err_set(
		    e, -EIO, "%s: failed with exit code %d", r->name, info.si_status);
	return err_set(e, -EIO, "%s: %s", r->name, r->complaint);
}

static int
start(struct running *r, const struct run_tool *t, struct err *e)
{
	_cleanup_close_ int in = -1, out = -1, err = -1;
	struct spawn s = { .path = t->argv[0],
		.argv = t->argv,
		.role = SPAWN_TOOL,
		.keep_env = t->keep_env };
	char *complaint = t->err != NULL ? t->err : r->complaint;
	size_t complaint_size = t->err != NULL ? t->err_size : sizeof(r->complaint);
	int rc = 0;

	if (t->input != NULL)
		rc = make_input(t->input, &in);
	if (rc == 0 && t->out != NULL)
		rc = open_sink(&r->out, t->out, t->out_size, &out);
	if (rc == 0)
		rc = open_sink(&r->err, complaint, complaint_size, &err);
	if (rc < 0) {
		errno = -rc;
		return err_errno(e, "start '%s'", t->argv[0]);
	}
	s.in = in > 0 ? in : 0;
	s.out = out > 0 ? out : 0;
	s.err = err;
	s.fds = &t->keep_fd;
	s.fds_count = t->keep_fd >= 0 ? 1 : 0;
	return spawn(&s, &r->pid, &r->pidfd, e);
}

static void
running_release(struct running *r)
{
	cleanup_close(&r->pidfd);
	cleanup_close(&r->out.fd);
	cleanup_close(&r->err.fd);
}

int
run_tool(const struct run_tool *t, struct err *e)
{
	_cleanup_(running_release) struct running r = {
		.pidfd = -1,
		.out.fd = -1,
		.err.fd = -1,
	};
	const char *slash = strrchr(t->argv[0], '/');
	int rc;

	r.name = slash != NULL ? slash + 1 : t->argv[0];
	if (t->out != NULL && t->out_size > 0)
		memset(t->out, 0, t->out_size);
	rc = start(&r, t, e);
	if (rc < 0)
		return rc;
	rc = attend(&r, t->timeout_ms);
	if (rc < 0) {
		(void)syscall(SYS_pidfd_send_signal, r.pidfd, SIGKILL, NULL, 0);
		/* not reaped yet: the number is still ours */
		(void)kill(-r.pid, SIGKILL);
		(void)judge_exit(&r, NULL); /* reaps it */
		return err_set(
		    e, rc, "%s: not done after %d ms, killed", r.name, t->timeout_ms);
	}
	return judge_exit(&r, e);
}
