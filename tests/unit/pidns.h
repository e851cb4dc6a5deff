/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIDNS_H
#define PIDNS_H
/*
 * A pid namespace of the test's own, with its own /proc, so that a test which looks for
 * processes can only ever find its own.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first process of a pid namespace: reaps whatever is orphaned to it and ends as the
 * test does, which takes everybody with it. */
static inline void
pidns_init(pid_t test)
{
	int status;

	for (;;) {
		if (waitpid(-1, &status, 0) == test)
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
	}
}

/* Go on as process 2 of a new pid, mount and network namespace; the process that called
 * waits for it and ends as it does. */
static inline void
pidns_enter(void)
{
	int status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		(void)fprintf(stderr, "skip: needs root for a pid namespace\n");
		exit(77);
	}
	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) < 0) {
		perror("skip: unshare");
		exit(77);
	}
	pid = fork();
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0)
			continue;
		/* no exit handlers: after unshare this process can start no thread, and a
		 * leak checker would */
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
	}
	if (pid < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		perror("pid namespace");
		_exit(99);
	}
	pid = fork();
	if (pid != 0)
		pidns_init(pid);
}

/* A process that sleeps under this name until it is killed. */
static inline pid_t
sleeper(const char *comm)
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, comm);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!write(ready[1], "r", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	if (pid > 0)
		(void)!read(ready[0], &c, 1);
	(void)close(ready[0]);
	return pid;
}

static inline void
end_sleeper(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* A process that is no child of ours: it sleeps as `comm`, or runs `argv` if there is
 * one.  It is that by the time this returns. */
static inline pid_t
orphan(const char *comm, const char *const *argv)
{
	int said[2];
	pid_t middle, pid = -1;
	char c;

	if (pipe2(said, O_CLOEXEC) < 0) /* exec closes it: the end of the answer */
		return -1;
	middle = fork();
	if (middle == 0) {
		if (fork() != 0)
			_exit(0);
		pid = getpid();
		(void)prctl(PR_SET_NAME, comm);
		(void)!write(said[1], &pid, sizeof(pid));
		if (argv != NULL)
			(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		(void)close(said[1]);
		for (;;)
			(void)pause();
	}
	(void)close(said[1]);
	(void)waitpid(middle, NULL, 0);
	(void)!read(said[0], &pid, sizeof(pid));
	(void)!read(said[0], &c, 1);
	(void)close(said[0]);
	return pid;
}

/* Gone, reaped, its pid free: whether or not we end it. */
static inline void
wait_gone(pid_t pid)
{
	while (kill(pid, 0) == 0)
		(void)usleep(1000);
}

static inline void
end_orphan(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	wait_gone(pid);
}

#endif
