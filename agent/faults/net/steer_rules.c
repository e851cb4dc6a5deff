/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a fault's chain.  First what no fault may cut returns, then one or two rules
 * match on the set, which comes last in a rule: its counters are the fault's effect, so
 * they must see only packets that everything else has matched.
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
	pass(r, "-p tcp --tcp-flags RST RST");
	if (r->family == STEER_V4)
		pass(r, "-p icmp --icmp-type port-unreachable");
	else
		pass(r, "-p ipv6-icmp --icmpv6-type port-unreachable");
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

/* One rule: an interface or "", a protocol or "". */
static void
match(struct rules *r, const char *interface, const char *protocol)
{
	const struct flows *f = r->steer->flows;
	const struct iptables_steer *o = r->steer->own;
	bool out = r->hook == HOOK_OUT;

	(void)fprintf(r->f, "-A %s", r->chain);
	if (interface[0] != '\0')
		(void)fprintf(r->f, " %s %s", out ? "-o" : "-i", interface);
	if (protocol[0] != '\0')
		(void)fprintf(r->f, " -p %s", protocol);
	if (f->ports_count > 0)
		(void)fprintf(
		    r->f, " --%s %u", out ? "dport" : "sport", f->ports[0].from);
	(void)fprintf(
	    r->f, " -m set --match-set %s %s", o->set[r->family], out ? "dst" : "src");
	put_verdict(r, strcmp(protocol, "tcp") == 0);
	r->sets++;
}

static void
match_on(struct rules *r, const char *interface)
{
	const struct flows *f = r->steer->flows;

	if (f->protocol == IPPROTO_TCP || f->protocol == 0)
		match(r, interface, "tcp");
	if (f->protocol == IPPROTO_UDP || (f->protocol == 0 && f->ports_count != 0))
		match(r, interface, "udp");
	else if (f->protocol == 0)
		match(r, interface, "");
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
	if (s->flows->passes_loopback)
		pass(&r, "%s lo", hook == HOOK_OUT ? "-o" : "-i");
	if (s->pass_mark != 0)
		pass(&r, "-m mark --mark 0x%x", s->pass_mark);
	pass_protected(&r);
	pass_ssh(&r);
	pass_control(&r);
	pass_link(&r);
	if (s->verdict == STEER_REJECT)
		pass_answers(&r);
	match_all(&r);
	if (fclose(r.f) != 0)
		abort();
	*ret_sets = r.sets;
	return text;
}
