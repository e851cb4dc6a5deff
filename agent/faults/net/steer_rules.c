/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a fault's chain.  First what no fault may cut returns, and what is excluded.
 * Then as few rules as will do match on everything that was named, cheap questions before
 * dear ones and the set last of all: its counters are the fault's effect, so they must see
 * only packets that everything else has matched.
 */
#include "steer_rules.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

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
		steer_put_ports(r->f, f->ports, f->ports_count);
	}
	if (f->local_ports_count > 0) {
		(void)fprintf(r->f, " -m multiport --%sports ", out ? "s" : "d");
		steer_put_ports(r->f, f->local_ports, f->local_ports_count);
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
	steer_pass(&r);
	match_all(&r);
	if (fclose(r.f) != 0)
		abort();
	*ret_sets = r.sets;
	return text;
}
