/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that forks.  Everything between fork and exec happens in child_main, in an
 * order that matters: descriptors first (nothing of ours may outlive us in there), then
 * scheduling and OOM score while we may still change them, then the user, and only then
 * the parent's death signal, which a change of user clears.  What fails there comes back
 * through a pipe that exec closes.
 */
#include "spawn.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "sanitized.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDS_MAX  16
#define ENV_MAX  8
#define FIRST_FD 3

/* Passed on when set; the sanitizers' only in a build that has them. */
static const char *const env_kept[] = {
	"XTABLES_LOCKFILE",
#if IS_SANITIZED
	"ASAN_OPTIONS",
	"UBSAN_OPTIONS",
	"LSAN_OPTIONS",
#endif
};

enum step {
	STEP_FDS,
	STEP_SESSION,
	STEP_USER,
	STEP_PARENT,
	STEP_EXEC,
	STEPS,
};

static const char *const step_names[STEPS] = {
	[STEP_FDS] = "pass descriptors to",
	[STEP_SESSION] = "start a session for",
	[STEP_USER] = "change user for",
	[STEP_PARENT] = "be the living parent of",
	[STEP_EXEC] = "execute",
};

struct failure {
	int32_t step, number;
};

static void
make_env(char *ret[static ENV_MAX])
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	size_t n = 0;

	ret[n++] = path;
	for (char **v = environ; *v != NULL && n < ENV_MAX - 1; v++) {
		for (size_t i = 0; i < ARRAY_LEN(env_kept) && n < ENV_MAX - 1; i++) {
			size_t len = strlen(env_kept[i]);
			if (strncmp(*v, env_kept[i], len) == 0 && (*v)[len] == '=')
				ret[n++] = *v;
		}
	}
	ret[n] = NULL;
}

/* Lift each descriptor above the range they will occupy, so that no dup2 hits one that is
 * still to be moved; then put all in place and close the rest. */
static int
place_fds(const struct spawn *s, int *report)
{
	int above = FIRST_FD + (int)s->fds_count + 1, lifted[FIRST_FD + FDS_MAX], null;
	size_t count = FIRST_FD + s->fds_count;
	int std[FIRST_FD] = { s->in, s->out, s->err };

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		int from = i >= FIRST_FD ? s->fds[i - FIRST_FD] : std[i];
		if (i < FIRST_FD && from == 0)
			from = i == 2 && fcntl(2, F_GETFD) >= 0 ? 2 : null;
		lifted[i] = fcntl(from, F_DUPFD_CLOEXEC, above);
		if (lifted[i] < 0)
			return -errno;
	}
	*report = fcntl(*report, F_DUPFD_CLOEXEC, above);
	if (*report < 0)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		if (dup2(lifted[i], (int)i) < 0)
			return -errno;
	}
	if (dup3(*report, (int)count, O_CLOEXEC) < 0)
		return -errno;
	*report = (int)count;
	return syscall(SYS_close_range, (unsigned)count + 1, ~0U, 0) < 0 ? -errno : 0;
}

static void
reset_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &dfl, NULL); /* KILL, STOP and libc's own refuse */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Ordinary scheduling for all: who needs more asks for it itself (process_fortify).
 * Refusals are fine: then there was nothing better to hand down. */
static void
reset_scheduling(enum spawn_role role)
{
	struct sched_param none = { 0 };
	const char *score = role == SPAWN_BURNER ? "500" : "0";
	_cleanup_close_ int fd = -1;

	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	if (role == SPAWN_AGENT || role == SPAWN_GUARDIAN)
		return;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)write_all(fd, score, strlen(score));
}

/* Ctrl-C signals the whole foreground group; an undo, or the tool it runs, must not be
 * what it hits.  Who starts a child tells it when to end.  A burner has a session of its
 * own because the scheduler weighs sessions (sched(7), autogroup): not the agent's. */
static int
leave_group(enum spawn_role role)
{
	if (role == SPAWN_GUARDIAN || role == SPAWN_BURNER)
		return setsid() < 0 ? -errno : 0;
	return setpgid(0, 0) < 0 ? -errno : 0;
}

static int
change_user(const struct spawn *s)
{
	if (s->uid == 0 && s->gid == 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 ||
	    setresuid(s->uid, s->uid, s->uid) < 0)
		return -errno;
	return 0;
}

static int
bind_to_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH; /* it died before we asked */
}

static struct failure
child_main(const struct spawn *s, pid_t parent, char *const *env, int *report)
{
	int rc = place_fds(s, report);

	if (rc < 0)
		return (struct failure){ STEP_FDS, -rc };
	reset_signals();
	reset_scheduling(s->role);
	if (leave_group(s->role) < 0)
		return (struct failure){ STEP_SESSION, errno };
	rc = change_user(s);
	if (rc < 0)
		return (struct failure){ STEP_USER, -rc };
	if (s->role != SPAWN_GUARDIAN) {
		rc = bind_to_parent(parent);
		if (rc < 0)
			return (struct failure){ STEP_PARENT, -rc };
	}
	/* execve's prototype is older than const; it writes to neither. */
	(void)execve(
	    s->path, (char *const *)(uintptr_t)s->argv, s->keep_env ? environ : env);
	return (struct failure){ STEP_EXEC, errno };
}

static pid_t
fork_child(const struct spawn *s, int report)
{
	pid_t parent = getpid(), pid;
	char *env[ENV_MAX];
	sigset_t all, old;
	struct failure f;

	make_env(env);
	/* A handler of ours must not run in the child, on our descriptors. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		f = child_main(s, parent, env, &report);
		(void)write_all(report, &f, sizeof(f));
		_exit(127);
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/* What the child could not do, or nothing once exec has closed the pipe. */
static struct failure
wait_for_exec(int fd)
{
	struct failure f = { 0, 0 };
	ssize_t n;

	do {
		n = read(fd, &f, sizeof(f));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(f) ? f : (struct failure){ 0, 0 };
}

static void
reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

int
spawn_begin(const struct spawn *s, struct spawned *ret, struct err *e)
{
	_cleanup_close_ int in = -1, out = -1, pidfd = -1;
	int ends[2];
	pid_t pid;

	if (s->path[0] != '/' || s->fds_count > FDS_MAX)
		return err_set(e, -EINVAL, "'%s' cannot be started like this", s->path);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, "start '%s': pipe", s->path);
	in = ends[0];
	out = ends[1];
	pid = fork_child(s, out);
	if (pid < 0)
		return err_errno(e, "start '%s': fork", s->path);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		(void)err_errno(e, "start '%s': pidfd_open", s->path);
		(void)kill(pid, SIGKILL); /* not reaped yet: the number is still ours */
		reap(pid);
		return e != NULL ? e->code : -EIO;
	}
	*ret = (struct spawned){ pid, steal_fd(&pidfd), steal_fd(&in) };
	return 0;
}

/* Waits for it. */
static int
outcome_of(const struct spawn *s, int report, struct err *e)
{
	struct failure f = wait_for_exec(report);

	if (f.number == 0)
		return 0;
	errno = f.number;
	return err_errno(e, "%s '%s'", step_names[f.step], s->path);
}

int
spawn_outcome(const struct spawn *s, int report, struct err *e)
{
	struct pollfd p = { .fd = report, .events = POLLIN };

	if (poll(&p, 1, 0) == 0)
		return err_set(e, -EAGAIN, "'%s' has not begun yet", s->path);
	return outcome_of(s, report, e);
}

int
spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
	_cleanup_close_ int pidfd = -1, report = -1;
	struct spawned child;
	int r = spawn_begin(s, &child, e);

	if (r < 0)
		return r;
	pidfd = child.pidfd;
	report = child.report;
	r = outcome_of(s, report, e);
	if (r < 0) {
		reap(child.pid);
		return r;
	}
	*ret_pid = child.pid;
	*ret_pidfd = steal_fd(&pidfd);
	return 0;
}
