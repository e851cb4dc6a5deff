/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a fault's chain.  First what no fault may cut returns, and what is excluded.
 * Then as few rules as will do match on everything that was named, cheap questions before
 * dear ones and the set last of all: its counters are the fault's effect, so they must see
 * only packets that everything else has matched.
 */
#include "steer_iptables.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* Router and neighbour solicitation and advertisement, redirect: without them an IPv6 host
 * loses its link, and with it every stop button. */
enum { ND_FIRST = 133, ND_LAST = 137 };

struct rules {
	FILE *f;
	const struct steer *steer;
	const char *chain;
	int family, hook;
	uint32_t sets;
};

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

/* "80,8000:8100": what -m multiport takes, seven ranges at most. */
static void
put_ports(FILE *f, const struct port_range *ports, size_t count)
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
	put_ports(r->f, f->exclude_ports, f->exclude_ports_count);
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

static void
pass_all(const struct rules *r)
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

static const char *
unreachable(int family, enum steer_verdict v)
{
	if (family == STEER_V4)
		return v == STEER_REJECT ? "icmp-port-unreachable" :
					   "icmp-host-unreachable";
	return v == STEER_REJECT ? "icmp6-port-unreachable" : "icmp6-addr-unreachable";
}

static void
put_verdict(struct rules *r, bool is_tcp)
{
	const struct steer *s = r->steer;

	if (s->verdict == STEER_DROP)
		(void)fprintf(r->f, " -j DROP\n");
	else if (s->verdict == STEER_QUEUE)
		(void)fprintf(
		    r->f, " -j NFQUEUE --queue-num %u --queue-bypass\n", s->queue);
	else if (s->verdict == STEER_REJECT && is_tcp)
		(void)fprintf(r->f, " -j REJECT --reject-with tcp-reset\n");
	else
		(void)fprintf(r->f, " -j REJECT --reject-with %s\n",
		    unreachable(r->family, s->verdict));
}

/* In quotes a backslash, which systemd has in many names, is one only when doubled. */
static void
put_quoted(FILE *f, const char *text)
{
	(void)fputc('"', f);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', f);
		(void)fputc(*text, f);
	}
	(void)fputc('"', f);
}

static void
put_far_and_near_ports(const struct rules *r)
{
	const struct flows *f = r->steer->flows;
	bool out = r->hook == HOOK_OUT;

	if (f->ports_count > 0) {
		(void)fprintf(r->f, " -m multiport --%sports ", out ? "d" : "s");
		put_ports(r->f, f->ports, f->ports_count);
	}
	if (f->local_ports_count > 0) {
		(void)fprintf(r->f, " -m multiport --%sports ", out ? "s" : "d");
		put_ports(r->f, f->local_ports, f->local_ports_count);
	}
}

static void
put_owner(const struct rules *r)
{
	const struct flows *f = r->steer->flows;

	if (f->has_user)
		(void)fprintf(r->f, " -m owner --uid-owner %u", f->uid);
	if (f->has_cgroup) {
		(void)fprintf(r->f, " -m cgroup --path ");
		put_quoted(r->f, f->cgroup);
	}
}

static void
put_share(const struct rules *r)
{
	const struct flows *f = r->steer->flows;
	struct sock_filter program[FLOW_HASH_MAX];
	size_t len;

	if (f->share >= FLOWS_SHARE_ALL)
		return;
	len =
	    flow_hash_program(r->family == STEER_V4 ? 4 : 6, f->seed, f->share, program);
	(void)fprintf(r->f, " -m bpf --bytecode \"%zu", len);
	for (size_t i = 0; i < len; i++)
		(void)fprintf(r->f, ",%u %u %u %u", program[i].code, program[i].jt,
		    program[i].jf, program[i].k);
	(void)fputc('"', r->f);
}

/* Counted are the connections that came this way since the rule was made. */
static void
put_connections(const struct rules *r)
{
	if (r->steer->connections != 0)
		(void)fprintf(r->f,
		    " --syn -m connlimit --connlimit-above %u --connlimit-mask 0",
		    r->steer->connections);
}

/* One rule: an interface or "", a protocol or "". */
static void
match(struct rules *r, const char *interface, const char *protocol)
{
	const struct iptables_steer *o = r->steer->own;
	bool out = r->hook == HOOK_OUT;

	(void)fprintf(r->f, "-A %s", r->chain);
	if (interface[0] != '\0')
		(void)fprintf(r->f, " %s %s", out ? "-o" : "-i", interface);
	if (protocol[0] != '\0')
		(void)fprintf(r->f, " -p %s", protocol);
	put_far_and_near_ports(r);
	put_owner(r);
	put_share(r);
	put_connections(r);
	(void)fprintf(
	    r->f, " -m set --match-set %s %s", o->set[r->family], out ? "dst" : "src");
	put_verdict(r, strcmp(protocol, "tcp") == 0);
	r->sets++;
}

/* Ports are of TCP and UDP; a reset is for TCP alone; else one rule does for everything. */
static void
match_on(struct rules *r, const char *interface)
{
	const struct flows *f = r->steer->flows;
	bool by_port = f->ports_count > 0 || f->local_ports_count > 0;
	bool tcp_apart = by_port || r->steer->verdict == STEER_REJECT;

	if (f->protocol == IPPROTO_TCP || r->steer->connections != 0)
		match(r, interface, "tcp");
	else if (f->protocol == IPPROTO_UDP)
		match(r, interface, "udp");
	else if (f->protocol == IPPROTO_ICMP)
		match(r, interface, r->family == STEER_V4 ? "icmp" : "ipv6-icmp");
	else {
		if (tcp_apart)
			match(r, interface, "tcp");
		match(r, interface, by_port ? "udp" : "");
	}
}

static void
match_all(struct rules *r)
{
	const struct flows *f = r->steer->flows;

	for (size_t i = 0; i < f->interfaces_count; i++)
		match_on(r, f->interfaces[i]);
	if (f->interfaces_count == 0)
		match_on(r, "");
}

char *
steer_rules(const struct steer *s, int family, int hook, uint32_t *ret_sets)
{
	const struct iptables_steer *o = s->own;
	struct rules r = { .steer = s,
		.chain = hook == HOOK_IN ? o->chain_in : o->chain_out,
		.family = family,
		.hook = hook };
	char *text = NULL;
	size_t len = 0;

	r.f = open_memstream(&text, &len);
	if (r.f == NULL)
		abort(); /* out of memory, before anything was touched */
	pass_all(&r);
	match_all(&r);
	if (fclose(r.f) != 0)
		abort();
	*ret_sets = r.sets;
	return text;
}
