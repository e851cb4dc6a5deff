/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIDNS_H
#define PIDNS_H
/*
 * A pid namespace of the test's own, with its own /proc, so that a test which looks for
 * processes can only ever find its own.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Go on in the first process of a new pid, mount and network namespace; the process that
 * called waits for it and ends as it does.  Everything dies with it. */
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
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
	}
	if (pid < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		perror("pid namespace");
		_exit(99);
	}
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

#endif
