/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXEMPT_H
#define EXEMPT_H
/*
 * What keeps a host on its network, tried as packets: datagrams between any two ports, by
 * sockets of ours on the far side, and forgotten neighbours.
 */
#include "farside.h"

#include <stdlib.h>

#include "cleanup.h"
#include "xalloc.h"

/* Into the far side's network; returns the way back. */
static inline int
far_enter(const struct farside *f)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", f->pid);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		abort();
	(void)close(there);
	return here;
}

static inline void
far_leave(int here)
{
	if (setns(here, CLONE_NEWNET) < 0)
		abort();
	(void)close(here);
}

/* A socket stays in the network that it was made in. */
static inline int
far_bound(const struct farside *f, int family, uint16_t port)
{
	int here = far_enter(f), fd = bound(family, SOCK_DGRAM, port);

	far_leave(here);
	return fd;
}

static inline int
far_forgets(const struct farside *f)
{
	int here = far_enter(f), rc = ip("-6 neigh flush dev far0");

	far_leave(here);
	return rc;
}

static inline enum reach
datagram(int from, const char *to, uint16_t port, int at, int wait_ms)
{
	struct pollfd p = { .fd = at, .events = POLLIN };
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, port);

	drain(at);
	for (int waited = 0; waited < wait_ms; waited += 20 * TICK_MS) {
		(void)sendto(from, "x", 1, 0, (struct sockaddr *)&a, len);
		if (poll(&p, 1, 20 * TICK_MS) == 1)
			return OPEN;
	}
	return SILENT;
}

/* Between these two ports, there and back; anything but both or none is REFUSED. */
static inline enum reach
try_ports(const struct farside *f, int family, const uint16_t ports[2], int wait_ms)
{
	bool four = family == AF_INET;
	int near_fd = bound(family, SOCK_DGRAM, ports[0]);
	int far_fd = far_bound(f, family, ports[1]);
	enum reach out = datagram(near_fd, four ? FAR4 : FAR6, ports[1], far_fd, wait_ms);
	enum reach in =
	    datagram(far_fd, four ? NEAR4 : NEAR6, ports[0], near_fd, wait_ms);

	(void)close(near_fd);
	(void)close(far_fd);
	return out == in ? out : REFUSED;
}

/* How many packets the rule of an ICMPv6 type has seen in a chain; negative: no rule. */
static inline long
icmp6_passed(const char *chain, int type)
{
	static const char *const argv[] = { "/usr/sbin/ip6tables-save", "-c", NULL };
	_cleanup_free_ char *text = xcalloc(1, 65536);
	char rule[96];

	(void)snprintf(rule, sizeof(rule),
	    "] -A %s -p ipv6-icmp -m icmp6 --icmpv6-type %d -j RETURN", chain, type);
	if (tool(argv, NULL, text, 65536) < 0)
		return -1;
	char *at = strstr(text, rule);
	while (at != NULL && at > text && *at != '[')
		at--;
	return at != NULL ? strtol(at + 1, NULL, 10) : -1;
}

#endif
