/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asked before anything is touched: is somebody there already?  Between that and binding
 * somebody may come, so the same is said of a bind that fails.
 */
#include "occupied.h"
#include "cleanup.h"
#include "err.h"
#include "nl.h"
#include "proc.h"
#include "sock_diag.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
occupied_read(struct occupied *o, const struct spec *s, uint8_t protocol)
{
	*o = (struct occupied){ .protocol = protocol };
	o->ports_count = spec_ports(s, "port", o->ports, PORT_RANGES_MAX);
	o->addresses_count = spec_addrs(s, "address", o->addresses, KEEP_ADDRESSES_MAX);
}

static const char *
protocol_name(const struct occupied *o)
{
	return o->protocol == IPPROTO_TCP ? "TCP" : "UDP";
}

/* "nginx, process 812", "a process that cannot be seen from here". */
static const char *
owner_of(uint16_t port, char *buf, size_t size)
{
	char comm[16] = "?";
	struct err none = { 0 };
	pid_t pid;

	if (proc_listeners(port, &pid, 1, &none) > 0) {
		_cleanup_close_ int dir = proc_open(pid);

		if (dir >= 0)
			(void)proc_comm(dir, comm);
		(void)snprintf(buf, size, "%s, process %d", comm, pid);
	} else {
		(void)snprintf(buf, size, "somebody whose process cannot be seen");
	}
	return buf;
}

static int
in_use(const struct occupied *o, uint16_t port, struct err *e)
{
	char owner[64];

	return err_refused(e, "%s port %u is in use by %s", protocol_name(o), port,
	    owner_of(port, owner, sizeof(owner)));
}

static bool
is_any(const struct net *n)
{
	static const struct net any;

	return memcmp(n->addr, any.addr, sizeof(n->addr)) == 0;
}

/* Would a socket of ours and this one be in each other's way? */
static bool
is_in_the_way(const struct occupied *o, const struct socket_seen *s)
{
	bool meant = false;

	for (size_t i = 0; i < o->ports_count; i++)
		meant |=
		    s->local_port >= o->ports[i].from && s->local_port <= o->ports[i].to;
	if (!meant || o->addresses_count == 0 || is_any(&s->local))
		return meant;
	for (size_t i = 0; i < o->addresses_count; i++) {
		if (net_covers(&o->addresses[i], &s->local))
			return true;
	}
	return false;
}

struct conflict {
	const struct occupied *o;
	uint16_t port;
};

static int
find_conflict(void *ctx, const struct socket_seen *s)
{
	struct conflict *c = ctx;

	if (!is_in_the_way(c->o, s))
		return 0;
	c->port = s->local_port;
	return 1;
}

/* A kernel that does not list its sockets lets us find out by binding. */
static int
check_unused(const struct occupied *o, struct err *e)
{
	uint32_t states = o->protocol == IPPROTO_TCP ? SOCKET_STATE(TCP_LISTEN) :
						       SOCKET_STATE(TCP_CLOSE);
	struct conflict c = { .o = o };
	struct nl *n = NULL;
	struct err none = { 0 };
	int rc = sock_diag_open(&n, o->protocol, &none);

	if (rc < 0)
		return 0;
	rc = sock_diag_each(n, o->protocol, states, find_conflict, &c, e);
	nl_free(n);
	return rc == 1 ? in_use(o, c.port, e) : rc;
}

/* Asked by binding to no port in particular, and letting go of it. */
static int
check_address(const struct net *n, struct err *e)
{
	int family = n->family == 4 ? AF_INET : AF_INET6;
	_cleanup_close_ int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	char text[64];
	int rc;

	memcpy(&six.sin6_addr, n->addr, sizeof(six.sin6_addr));
	memcpy(&four.sin_addr, n->addr, sizeof(four.sin_addr));
	if (fd < 0)
		return err_errno(e, "make a socket");
	rc = family == AF_INET ? bind(fd, (struct sockaddr *)&four, sizeof(four)) :
				 bind(fd, (struct sockaddr *)&six, sizeof(six));
	if (rc == 0)
		return 0;
	return err_errno(
	    e, "address %s is not one of this host's", format_net(n, text, sizeof(text)));
}

int
occupied_check(const struct occupied *o, struct err *e)
{
	for (size_t i = 0; i < o->addresses_count; i++) {
		if (check_address(&o->addresses[i], e) < 0)
			return e->code;
	}
	return check_unused(o, e);
}

size_t
occupied_room(const struct occupied *o)
{
	size_t count = 0;

	for (size_t i = 0; i < o->ports_count; i++)
		count += (size_t)(o->ports[i].to - o->ports[i].from + 1);
	return count * (o->addresses_count > 0 ? o->addresses_count : 1);
}

static size_t
put_ports(const struct occupied *o, unsigned address, size_t place, struct keep *k)
{
	for (size_t i = 0; i < o->ports_count; i++) {
		const struct port_range *r = &o->ports[i];

		for (uint32_t port = r->from; port <= r->to; port++)
			keep_put(k, place++, (uint16_t)port, address);
	}
	return place;
}

void
occupied_put(const struct occupied *o, struct keep *k)
{
	const size_t addresses = o->addresses_count > 0 ? o->addresses_count : 1;
	size_t place = 0;

	for (unsigned i = 0; i < addresses; i++)
		place = put_ports(o, i, place, k);
}

int
occupied_result(const struct occupied *o, const struct keep *k, struct err *e)
{
	for (size_t i = 0; i < k->room; i++) {
		int state = keep_state(k, i);

		if (state == -EADDRINUSE)
			return in_use(o, keep_port(k, i), e);
		if (state < 0)
			return err_set(e, state, "bind to %s port %u: %s",
			    protocol_name(o), keep_port(k, i), strerror(-state));
	}
	return 0;
}

const char *
occupied_describe(const struct occupied *o, const struct spec *s, char *buf, size_t size)
{
	char ports[64], addresses[64];

	(void)spec_format(s, "port", ports, sizeof(ports));
	(void)spec_format(s, "address", addresses, sizeof(addresses));
	(void)snprintf(buf, size, "%s port%s %s of %s", protocol_name(o),
	    occupied_room(o) == 1 ? "" : "s", ports,
	    addresses[0] != '\0' ? addresses : "every address");
	return buf;
}
