/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ECHO_H
#define ECHO_H
/*
 * A far side that answers: a process in another network namespace that sends every datagram
 * back, on two addresses of each family and on two ports, and the near side's stopwatch.
 */
#include "farside.h"

#include <stdlib.h>
#include <time.h>

#define OTHER4 "10.99.0.3"
#define OTHER6 "fd99::3"

enum { ECHO_PORT = 4001, ECHO_PORT_2, ECHO_ROUNDS = 9, ECHO_WAIT_MS = 30000 };

enum { ECHO_HOSTS = 4 };

static inline void
echo_serve(const char *const *hosts)
{
	struct pollfd fds[2 * ECHO_HOSTS];

	for (int i = 0; i < 2 * ECHO_HOSTS; i++) {
		struct sockaddr_storage a;
		socklen_t len = address(&a, hosts[i / 2], (uint16_t)(ECHO_PORT + i % 2));

		fds[i].fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		fds[i].events = POLLIN;
		if (bind(fds[i].fd, (struct sockaddr *)&a, len) < 0)
			_exit(98);
	}
	for (;;) {
		(void)poll(fds, 2 * ECHO_HOSTS, -1);
		for (int i = 0; i < 2 * ECHO_HOSTS; i++) {
			struct sockaddr_storage from;
			socklen_t len = sizeof(from);
			char buf[2048];
			ssize_t got = recvfrom(fds[i].fd, buf, sizeof(buf), MSG_DONTWAIT,
			    (struct sockaddr *)&from, &len);

			if (got >= 0)
				(void)sendto(fds[i].fd, buf, (size_t)got, 0,
				    (struct sockaddr *)&from, len);
		}
	}
}

/* The same on the near side's loopback: its pid. */
static inline pid_t
echo_local(void)
{
	static const char *const hosts[ECHO_HOSTS] = { "127.0.0.1", "127.0.0.2",
		"127.0.0.3", "::1" };
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		echo_serve(hosts);
	}
	return pid;
}

static inline void
echo_main(int go)
{
	static const char *const hosts[ECHO_HOSTS] = { FAR4, OTHER4, FAR6, OTHER6 };
	char c;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0 || write(go, "u", 1) != 1 || read(go, &c, 1) != 1)
		_exit(99);
	if (ip("link set lo up") < 0 || ip("addr add " FAR4 "/24 dev far0") < 0 ||
	    ip("addr add " OTHER4 "/24 dev far0") < 0 ||
	    ip("addr add " FAR6 "/64 dev far0 nodad") < 0 ||
	    ip("addr add " OTHER6 "/64 dev far0 nodad") < 0 ||
	    ip("link set far0 up") < 0 || write(go, "r", 1) != 1)
		_exit(99);
	echo_serve(hosts);
}

/* The wire near0–far0 and the process behind it: its pid, or -1. */
static inline pid_t
echo_start(void)
{
	char line[128], c;
	int go[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		echo_main(go[1]);
	(void)close(go[1]);
	if (read(go[0], &c, 1) != 1)
		return -1;
	(void)snprintf(
	    line, sizeof(line), "link add near0 type veth peer name far0 netns %d", pid);
	if (ip(line) < 0 || ip("link set lo up") < 0 ||
	    ip("addr add " NEAR4 "/24 dev near0") < 0 ||
	    ip("addr add " NEAR6 "/64 dev near0 nodad") < 0 ||
	    ip("link set near0 up") < 0 || write(go[0], "g", 1) != 1 ||
	    read(go[0], &c, 1) != 1)
		return -1;
	return pid;
}

static inline double
clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline int
echo_socket(const char *to, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, port);
	int fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, len) == 0 ? fd : -1;
}

/* One round trip in ms; -1 when no answer came. */
static inline double
echo_once(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double start = clock_ms();
	char buf[64];

	if (send(fd, "x", 1, 0) != 1 || poll(&p, 1, ECHO_WAIT_MS) != 1 ||
	    recv(fd, buf, sizeof(buf), 0) != 1)
		return -1;
	return clock_ms() - start;
}

static inline int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of some round trips; -1 when one got no answer. */
static inline double
echo_median(const char *to, uint16_t port)
{
	int fd = echo_socket(to, port);
	double ms[ECHO_ROUNDS];

	for (int i = 0; i < ECHO_ROUNDS; i++) {
		ms[i] = echo_once(fd);
		if (ms[i] < 0)
			break;
	}
	(void)close(fd);
	qsort(ms, ECHO_ROUNDS, sizeof(ms[0]), by_value);
	return ms[0] < 0 ? -1 : ms[ECHO_ROUNDS / 2];
}

#endif
