/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What returns from a fault's chain before any rule of it matches: what no fault may cut,
 * what is excluded, and the connections that are kept.
 */
#include "steer_rules.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>

/* Router and neighbour solicitation and advertisement, redirect: without them an IPv6 host
 * loses its link, and with it every stop button. */
enum { ND_FIRST = 133, ND_LAST = 137 };

static void __attribute__((format(printf, 2, 3)))
pass(const struct rules *r, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(r->f, "-A %s ", r->chain);
	va_start(ap, fmt);
	(void)vfprintf(r->f, fmt, ap);
	va_end(ap);
	(void)fprintf(r->f, " -j RETURN\n");
}

static void
pass_ssh(const struct rules *r)
{
	const struct flows *f = r->steer->flows;

	for (size_t i = 0; i < f->ssh_count; i++) {
		const struct ssh_session *ssh = &f->ssh[i];
		char remote[64];

		if (ssh->remote.family != (r->family == STEER_V4 ? 4 : 6))
			continue;
		(void)format_net(&ssh->remote, remote, sizeof(remote));
		if (r->hook == HOOK_OUT)
			pass(r, "-d %s -p tcp --sport %u --dport %u", remote,
			    ssh->local_port, ssh->remote_port);
		else
			pass(r, "-s %s -p tcp --sport %u --dport %u", remote,
			    ssh->remote_port, ssh->local_port);
	}
}

/* Whoever holds the stop button is at the other end of a connection to this port. */
static void
pass_control(const struct rules *r)
{
	uint16_t port = r->steer->flows->control_port;

	if (port != 0)
		pass(r, "-p tcp --%s %u", r->hook == HOOK_OUT ? "sport" : "dport", port);
}

static void
pass_protected(const struct rules *r)
{
	const char *list = r->steer->flows->protected_interfaces;

	for (; list != NULL && *list != '\0'; list += strlen(list) + 1)
		pass(r, "%s %s", r->hook == HOOK_OUT ? "-o" : "-i", list);
}

static void
pass_link(const struct rules *r)
{
	if (r->family == STEER_V4) {
		pass(r, "-p udp --sport 67:68 --dport 67:68");
		return;
	}
	for (int type = ND_FIRST; type <= ND_LAST; type++)
		pass(r, "-p ipv6-icmp --icmpv6-type %d", type);
	pass(r, "-p udp --sport 546:547 --dport 546:547");
}

/* REJECT's own answers meet the other direction's rules, and there would be dropped. */
static void
pass_answers(const struct rules *r)
{
	bool by_port = r->steer->verdict == STEER_REJECT;

	if (by_port)
		pass(r, "-p tcp --tcp-flags RST RST");
	if (r->family == STEER_V4)
		pass(r, "-p icmp --icmp-type %s-unreachable", by_port ? "port" : "host");
	else
		pass(r, "-p ipv6-icmp --icmpv6-type %s-unreachable",
		    by_port ? "port" : "address");
}

void
steer_put_ports(FILE *f, const struct port_range *ports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)fprintf(f, "%s%u", i > 0 ? "," : "", ports[i].from);
		if (ports[i].to != ports[i].from)
			(void)fprintf(f, ":%u", ports[i].to);
	}
}

static void
pass_ports(const struct rules *r, const char *protocol)
{
	const struct flows *f = r->steer->flows;

	(void)fprintf(r->f, "-A %s -p %s -m multiport --ports ", r->chain, protocol);
	steer_put_ports(r->f, f->exclude_ports, f->exclude_ports_count);
	(void)fprintf(r->f, " -j RETURN\n");
}

static void
pass_excluded(const struct rules *r)
{
	const struct iptables_steer *o = r->steer->own;
	const struct flows *f = r->steer->flows;

	if (r->steer->excludes_count[r->family] > 0)
		pass(r, "-m set --match-set %s %s", o->exclude_set[r->family],
		    r->hook == HOOK_OUT ? "dst" : "src");
	if (f->exclude_ports_count == 0)
		return;
	if (f->protocol == IPPROTO_TCP || f->protocol == 0)
		pass_ports(r, "tcp");
	if (f->protocol == IPPROTO_UDP || f->protocol == 0)
		pass_ports(r, "udp");
}

/* Of TCP only what opens a connection may be cut, which needs nobody's memory: a
 * connection that has been silent since before the kernel began to track any lives, too. */
static void
pass_established(const struct rules *r)
{
	uint8_t protocol = r->steer->flows->protocol;

	if (protocol == IPPROTO_TCP || protocol == 0)
		pass(r, "-p tcp ! --syn");
	if (protocol != IPPROTO_TCP)
		pass(r, "! -p tcp -m conntrack --ctstate ESTABLISHED,RELATED");
}

void
steer_pass(const struct rules *r)
{
	const struct steer *s = r->steer;

	if (s->pass_mark != 0)
		pass(r, "-m mark --mark %#x", s->pass_mark);
	if (s->flows->passes_loopback)
		pass(r, "%s lo", r->hook == HOOK_OUT ? "-o" : "-i");
	pass_protected(r);
	pass_ssh(r);
	pass_control(r);
	pass_link(r);
	if (s->verdict == STEER_REJECT || s->verdict == STEER_UNREACHABLE)
		pass_answers(r);
	pass_excluded(r);
	if (s->keeps_established)
		pass_established(r);
}
