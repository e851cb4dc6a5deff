/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_H
#define CONTROL_H
/*
 * A controller on the far side: it keeps connections to the near side's control port, by
 * IPv4 and IPv6, and one to another port, and sends back what it hears on them.
 */
#include "farside.h"

#include <netinet/tcp.h>
#include <time.h>

enum { NEAR_CONTROL = 7433, NEAR_OTHER };
enum { BY_CONTROL4, BY_CONTROL6, BY_OTHER, CONTROL_WAYS };

struct control {
	pid_t pid;
	int fd[CONTROL_WAYS]; /* near ends */
};

static const struct {
	const char *near_side;
	int family;
	uint16_t port;
} control_ways[CONTROL_WAYS] = {
	{ NEAR4, AF_INET, NEAR_CONTROL },
	{ NEAR6, AF_INET6, NEAR_CONTROL },
	{ NEAR4, AF_INET, NEAR_OTHER },
};

static inline _Noreturn void
control_main(pid_t far)
{
	struct pollfd fds[CONTROL_WAYS];
	char path[64], c;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", far);
	if (setns(open(path, O_RDONLY | O_CLOEXEC), CLONE_NEWNET) < 0)
		_exit(97);
	for (int i = 0; i < CONTROL_WAYS; i++) {
		struct sockaddr_storage a;
		socklen_t len =
		    address(&a, control_ways[i].near_side, control_ways[i].port);

		fds[i].fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		fds[i].events = POLLIN;
		if (connect(fds[i].fd, (struct sockaddr *)&a, len) < 0)
			_exit(96);
	}
	for (;;) {
		(void)poll(fds, CONTROL_WAYS, -1);
		for (int i = 0; i < CONTROL_WAYS; i++) {
			if (recv(fds[i].fd, &c, 1, MSG_DONTWAIT) == 1)
				(void)send(fds[i].fd, &c, 1, MSG_NOSIGNAL);
		}
	}
}

static inline int
control_start(struct control *ret, pid_t far)
{
	int listener[CONTROL_WAYS];

	for (int i = 0; i < CONTROL_WAYS; i++)
		listener[i] =
		    bound(control_ways[i].family, SOCK_STREAM, control_ways[i].port);
	ret->pid = fork();
	if (ret->pid == 0)
		control_main(far);
	for (int i = 0; i < CONTROL_WAYS; i++) {
		struct pollfd p = { .fd = listener[i], .events = POLLIN };
		int on = 1;

		if (poll(&p, 1, PATIENCE_MS) != 1)
			return -1;
		ret->fd[i] = accept4(listener[i], NULL, NULL, SOCK_CLOEXEC);
		(void)setsockopt(ret->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)close(listener[i]);
	}
	return 0;
}

static inline void
control_end(struct control *c)
{
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	for (int i = 0; i < CONTROL_WAYS; i++)
		(void)close(c->fd[i]);
}

/* One round trip in ms, -1 when no answer came in that time. */
static inline double
control_trip(const struct control *c, int way, int wait_ms)
{
	struct pollfd p = { .fd = c->fd[way], .events = POLLIN };
	struct timespec from, to;
	char byte = 'x';

	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	if (send(p.fd, &byte, 1, MSG_NOSIGNAL) != 1 || poll(&p, 1, wait_ms) != 1 ||
	    recv(p.fd, &byte, 1, 0) != 1)
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) * 1e3 +
	       (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

#endif
