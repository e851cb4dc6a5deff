/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHILD_H
#define CHILD_H
/* Starting, ending and reaping the children of stormd, by pidfd. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

struct child {
	pid_t pid;
	int pidfd;
	int channel; /* our end */
};

struct child_start {
	const char *path;
	const char *const *argv;
	int second_fd; /* becomes descriptor 4: barrier or listening socket */
	int third_fd;  /* and 5; 0: none */
};

/* With a channel as descriptor 3; both ends non-blocking. */
int child_start(const struct child_start *s, struct child *ret, struct err *e);
void child_kill(int pidfd); /* SIGKILL */
/* true when it has ended and is reaped: "exited with 1", "was killed by signal 9". */
bool child_reap(int pidfd, char *ret_how, size_t size);

#endif
