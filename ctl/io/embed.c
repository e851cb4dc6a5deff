/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent of our own.  It is started in a session of its own and without our death
 * signal: when we die, the broken lifeline tells it, and it undoes in order instead of
 * being killed in the middle; should it be killed as well, its guardian undoes.  We are the
 * third net, and only for an agent that we started: a daemon has systemd.
 */
#include "embed.h"
#include "api.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "hostdir.h"
#include "process.h"
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_PATIENCE_MS    10000
#define LEAVE_PATIENCE_MS    20000
#define GUARDIAN_PATIENCE_MS 3000
#define UNDO_PATIENCE_MS     60000

/* Exit codes of stormd and stormd-undo. */
enum { ENDED_CLEAN = 0, ENDED_DIRTY = 20 };

/* Children run elsewhere: every directory crosses as an absolute path. */
static int
make_absolute(const char *path, char *ret, struct err *e)
{
	char cwd[PATH_MAX] = "";
	int n;

	if (path[0] != '/' && getcwd(cwd, sizeof(cwd)) == NULL)
		return err_errno(e, "find the current directory");
	n = snprintf(ret, PATH_LEN_MAX, "%s%s%s", cwd, path[0] != '/' ? "/" : "", path);
	if (n < 0 || n >= PATH_LEN_MAX)
		return err_invalid(e, "'%s' is too long a path", path);
	return 0;
}

static int
set_run_dir(struct agent *a, const char *dir, const char *below, struct err *e)
{
	int n;

	if (below != NULL)
		n = snprintf(a->run_dir, sizeof(a->run_dir), "%s/%s", dir, below);
	else if (make_absolute(dir, a->run_dir, e) == 0)
		n = 0;
	else
		return -EINVAL;
	if (n >= 0 && (size_t)n < sizeof(a->run_dir))
		n = snprintf(
		    a->socket, sizeof(a->socket), "%s/%s", a->run_dir, API_SOCKET);
	if (n < 0 || n >= 108)
		return err_invalid(
		    e, "'%s' is too long for a Unix socket below it", a->run_dir);
	return 0;
}

/* 0 when an agent answers there. */
static int
try_daemon(const struct agent *a, struct err *e)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int len = snprintf(at.sun_path, sizeof(at.sun_path), "%s", a->socket);

	if (fd < 0)
		return err_errno(e, "make a socket");
	if (len < 0 || (size_t)len >= sizeof(at.sun_path))
		return err_set(
		    e, -ENAMETOOLONG, "'%s' is too long for a socket", a->socket);
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return 0;
	if (errno == EACCES)
		return err_set(e, -EACCES,
		    "the agent at '%s' is not for this user: run stormctl as root, or "
		    "be in the group of its socket",
		    a->socket);
	return err_errno(e, "no agent at '%s'", a->socket);
}

/* -1 while it lives, else its exit code; 128 + the signal for a death by one. */
static int
wait_end(int pidfd, int patience_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	usec_t end = clock_boottime() + (usec_t)patience_ms * USEC_PER_MSEC, now;
	siginfo_t info = { 0 };

	for (now = clock_boottime(); now < end; now = clock_boottime()) {
		if (poll(&p, 1, (int)((end - now) / USEC_PER_MSEC) + 1) <= 0)
			continue;
		if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
			continue;
		return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	}
	return -1;
}

static void
kill_agent(struct agent *a)
{
	if (a->pidfd < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, a->pidfd, SIGKILL, NULL, 0);
	(void)wait_end(a->pidfd, GUARDIAN_PATIENCE_MS);
	(void)close(steal_fd(&a->pidfd));
}

static int
wait_ready(struct agent *a, int ready, struct err *e)
{
	struct pollfd p = { .fd = ready, .events = POLLIN };
	usec_t end = clock_boottime() + START_PATIENCE_MS * USEC_PER_MSEC, now;
	char byte;
	int code;

	for (now = clock_boottime(); now < end; now = clock_boottime()) {
		if (poll(&p, 1, (int)((end - now) / USEC_PER_MSEC) + 1) <= 0)
			continue;
		if (read(ready, &byte, 1) == 1)
			return 0;
		code = wait_end(a->pidfd, GUARDIAN_PATIENCE_MS);
		(void)close(steal_fd(&a->pidfd));
		/* Its own words are on stderr, just above. */
		return err_set(e, -EIO, "stormd did not start (exit code %d)", code);
	}
	kill_agent(a);
	return err_set(
	    e, -ETIMEDOUT, "stormd was not ready after %d s", START_PATIENCE_MS / 1000);
}

static int
start_agent(struct agent *a, const struct agent_options *o, struct err *e)
{
	_cleanup_close_ int lifeline = -1, lifeline_end = -1, ready = -1, ready_end = -1;
	char path[PATH_MAX], policy[PATH_LEN_MAX];
	const char *argv[] = { path, "--ephemeral", "--run-dir", a->run_dir, "--host-dir",
		a->host_dir, "--state-dir", a->state_dir, "--lifeline-fd", "3",
		"--ready-fd", "4", o->policy != NULL ? "--policy" : NULL, policy, NULL };
	int fds[2], one[2], two[2];
	/* Of its own: Ctrl-C, a closed terminal and our death are for it to hear of by the
	 * lifeline, not to die of. */
	struct spawn s = { .path = path,
		.argv = argv,
		.fds = fds,
		.fds_count = 2,
		.role = SPAWN_GUARDIAN };
	int rc = program_path("stormd", path, sizeof(path), e);

	if (rc == 0 && o->policy != NULL)
		rc = make_absolute(o->policy, policy, e);
	if (rc < 0)
		return rc;
	/* To stormd a policy that is not there is no policy; to who names one it is not. */
	if (o->policy != NULL && access(policy, R_OK) < 0)
		return err_errno(e, "policy '%s'", policy);
	if (pipe2(one, O_CLOEXEC) < 0)
		return err_errno(e, "start stormd: pipe");
	lifeline_end = one[0];
	lifeline = one[1];
	if (pipe2(two, O_CLOEXEC) < 0)
		return err_errno(e, "start stormd: pipe");
	ready = two[0];
	ready_end = two[1];
	fds[0] = lifeline_end;
	fds[1] = ready_end;
	rc = spawn(&s, &a->pid, &a->pidfd, e);
	if (rc < 0)
		return rc;
	(void)close(steal_fd(&ready_end));
	rc = wait_ready(a, ready, e);
	if (rc < 0)
		return rc;
	a->lifeline = steal_fd(&lifeline);
	return 0;
}

static int
embed(struct agent *a, const struct agent_options *o, struct err *e)
{
	char own[32];
	int rc;

	if (geteuid() != 0) {
		(void)err_refused(e,
		    "there is no agent at '%s' and we are not root: start stormd there, "
		    "or run stormctl as root to embed one",
		    a->socket);
		return -EPERM;
	}
	(void)snprintf(own, sizeof(own), "e%d", getpid());
	(void)snprintf(a->state_dir, sizeof(a->state_dir), STATE_DIR_DEFAULT "/%s", own);
	rc = o->run_dir != NULL ? set_run_dir(a, o->run_dir, NULL, e) :
				  set_run_dir(a, a->host_dir, own, e);
	if (rc == 0 && o->state_dir != NULL)
		rc = make_absolute(o->state_dir, a->state_dir, e);
	if (rc == 0)
		rc = start_agent(a, o, e);
	if (rc < 0)
		return err_wrap(e, "embed an agent");
	a->is_embedded = true;
	return 0;
}

int
agent_find(struct agent *a, const struct agent_options *o, struct err *e)
{
	const char *instance = o->instance != NULL ? o->instance : INSTANCE_DEFAULT;
	int rc;

	*a = (struct agent){ .pidfd = -1, .lifeline = -1 };
	rc = make_absolute(
	    o->host_dir != NULL ? o->host_dir : HOST_DIR_DEFAULT, a->host_dir, e);
	if (rc == 0)
		rc = o->run_dir != NULL ? set_run_dir(a, o->run_dir, NULL, e) :
					  set_run_dir(a, a->host_dir, instance, e);
	if (rc < 0)
		return rc;
	if (!o->embedded) {
		struct err why;
		rc = try_daemon(a, &why);
		if (rc == 0)
			return 0;
		if (rc != -ENOENT && rc != -ECONNREFUSED && rc != -ENOTDIR) {
			*e = why;
			return rc;
		}
	}
	return embed(a, o, e);
}

/* stormd-undo in the foreground, its words on our stderr. */
static int
run_undo(const struct agent *a, struct err *e)
{
	_cleanup_close_ int pidfd = -1;
	char path[PATH_MAX];
	const char *argv[] = { path, "--all", "--run-dir", a->run_dir, "--state-dir",
		a->state_dir, "--host-dir", a->host_dir, NULL };
	struct spawn s = {
		.path = path,
		.argv = argv,
		.out = STDERR_FILENO,
		.role = SPAWN_AGENT,
	};
	pid_t pid;
	int rc = program_path("stormd-undo", path, sizeof(path), e);

	if (rc == 0)
		rc = spawn(&s, &pid, &pidfd, e);
	if (rc < 0)
		return rc;
	rc = wait_end(pidfd, UNDO_PATIENCE_MS);
	if (rc == ENDED_CLEAN)
		return 0;
	(void)err_set(e, -EBUSY, "something is left: stormd-undo --all --run-dir %s %s",
	    a->run_dir, rc < 0 ? "does not end" : "could not undo it");
	if (e != NULL)
		e->outcome = OUTCOME_STUCK;
	return -EBUSY;
}

/* The guardian keeps the lock until it has undone; a run-dir that is gone is clean. */
static bool
wait_guardian(const struct agent *a)
{
	usec_t end = clock_boottime() + GUARDIAN_PATIENCE_MS * USEC_PER_MSEC;
	char path[PATH_LEN_MAX + sizeof(LOCK_FILE) + 1];

	(void)snprintf(path, sizeof(path), "%s/%s", a->run_dir, LOCK_FILE);
	do {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return access(a->run_dir, F_OK) < 0 && errno == ENOENT;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return access(a->run_dir, F_OK) < 0 && errno == ENOENT;
		sleep_usec(10 * USEC_PER_MSEC);
	} while (clock_boottime() < end);
	return false; /* stormd-undo has patience of its own */
}

int
agent_recover(struct agent *a, struct err *e)
{
	if (!a->is_embedded)
		return err_set(e, -ENOTCONN,
		    "the agent at '%s' is lost: its guardian undoes what it held, and "
		    "stormctl status shows what is left once it is back",
		    a->socket);
	cleanup_close(&a->lifeline);
	a->lifeline = -1;
	kill_agent(a);
	return wait_guardian(a) ? 0 : run_undo(a, e);
}

int
agent_leave(struct agent *a, struct err *e)
{
	int code;

	if (!a->is_embedded)
		return 0;
	cleanup_close(&a->lifeline);
	a->lifeline = -1;
	code = a->pidfd >= 0 ? wait_end(a->pidfd, LEAVE_PATIENCE_MS) : -1;
	if (code >= 0)
		(void)close(steal_fd(&a->pidfd));
	if (code != ENDED_CLEAN && code != ENDED_DIRTY)
		return agent_recover(a, e);
	if (code == ENDED_DIRTY)
		return run_undo(a, e);
	/* stormd did; this is for one that found it in use */
	if (rmdir(a->run_dir) == 0)
		hostdir_leave(a->host_dir);
	return 0;
}
