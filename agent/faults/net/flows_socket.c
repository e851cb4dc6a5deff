/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same question as the rules and filters ask of packets, asked of a socket.  What a
 * host says to itself is seen from both its ends here, so an exempt connection is exempt
 * from either.
 */
#include "flows_socket.h"

#include <netinet/in.h>
#include <string.h>

static bool
in_nets(const struct net *nets, size_t count, const struct net *address)
{
	for (size_t i = 0; i < count; i++) {
		if (net_covers(&nets[i], address))
			return true;
	}
	return false;
}

static bool
in_ports(const struct port_range *ranges, size_t count, uint16_t port)
{
	for (size_t i = 0; i < count; i++) {
		if (port >= ranges[i].from && port <= ranges[i].to)
			return true;
	}
	return false;
}

static bool
is_same(const struct net *a, const struct net *b)
{
	return net_covers(a, b) && net_covers(b, a);
}

static bool
stays_on_host(const struct socket_seen *s)
{
	static const uint8_t one[16] = { [15] = 1 };
	const struct net *n = &s->remote;

	if (n->family == 4 ? n->addr[0] == 127 : memcmp(n->addr, one, sizeof(one)) == 0)
		return true;
	return is_same(n, &s->local);
}

static bool
is_excluded(const struct flows *f, const struct socket_seen *s)
{
	return in_nets(f->excludes, f->excludes_count, &s->remote) ||
	       in_ports(f->exclude_ports, f->exclude_ports_count, s->remote_port) ||
	       in_ports(f->exclude_ports, f->exclude_ports_count, s->local_port) ||
	       (f->passes_loopback && stays_on_host(s));
}

bool
flows_mean_socket(const struct flows *f, const struct socket_seen *s)
{
	return in_nets(f->nets, f->nets_count, &s->remote) &&
	       (f->ports_count == 0 ||
		   in_ports(f->ports, f->ports_count, s->remote_port)) &&
	       (f->local_ports_count == 0 ||
		   in_ports(f->local_ports, f->local_ports_count, s->local_port)) &&
	       (!f->has_user || s->uid == f->uid) && !is_excluded(f, s);
}

/* Of a login within the host both ends are it. */
static bool
is_ssh(const struct ssh_session *ssh, const struct socket_seen *s)
{
	bool server = s->local_port == ssh->local_port &&
		      s->remote_port == ssh->remote_port &&
		      is_same(&s->remote, &ssh->remote);
	bool client = s->remote_port == ssh->local_port &&
		      s->local_port == ssh->remote_port &&
		      is_same(&s->local, &ssh->remote) && stays_on_host(s);

	return server || client;
}

static bool
is_control(const struct flows *f, const struct socket_seen *s)
{
	if (f->control_port == 0 || s->protocol != IPPROTO_TCP)
		return false;
	return s->local_port == f->control_port ||
	       (s->remote_port == f->control_port && stays_on_host(s));
}

bool
flows_exempt_socket(const struct flows *f, const struct socket_seen *s)
{
	for (size_t i = 0; s->protocol == IPPROTO_TCP && i < f->ssh_count; i++) {
		if (is_ssh(&f->ssh[i], s))
			return true;
	}
	return is_control(f, s);
}
