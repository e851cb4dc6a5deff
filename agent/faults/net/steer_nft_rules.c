/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a fault in nf_tables.  In the chain of a direction first returns what no
 * fault may cut, and what is excluded; then as few rules as will do match on everything
 * that was named, the set of networks last, and go to the one chain that counts and
 * decides.  Lists are sets, so that a packet asks one question for each and not one for
 * each entry.
 */
#include "steer_nft.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>

#include "cleanup.h"
#include "nl.h"

/* Router and neighbour solicitation and advertisement, redirect: without them an IPv6 host
 * loses its link, and with it every stop button. */
enum { ND_FIRST = 133, ND_LAST = 137 };

enum { DHCP_SERVER = 67, DHCP_CLIENT = 68, DHCP6_CLIENT = 546, DHCP6_SERVER = 547 };

static const char *const to_sets[] = { NFT_SET_TO4, NFT_SET_TO6 };
static const char *const exclude_sets[] = { "exclude4", "exclude6" };
static const char *const login_sets[] = { "logins4", "logins6" };
#define SET_PORTS         "ports"
#define SET_LOCAL_PORTS   "local-ports"
#define SET_EXCLUDE_PORTS "exclude-ports"
#define SET_INTERFACES    "interfaces"

struct rules {
	struct nl *n;
	const struct steer *steer;
	const struct flows *flows;
	const struct nft_steer *own;
	enum nft_way way;
	const char *chain;
	uint32_t sets; /* so many were put */
};

static int
version(int family)
{
	return family == STEER_V4 ? 4 : 6;
}

/* --- sets ----------------------------------------------------------------------------- */

static struct nft_set
put_set(struct rules *r, const char *name, enum nft_key key)
{
	struct nft_set set = { r->own->table, name, key };

	nft_put_set(r->n, &set, ++r->sets);
	return set;
}

static void
put_ports(struct rules *r, const char *name, const struct port_range *ports, size_t count)
{
	struct range ranges[PORT_RANGES_MAX];
	struct nft_set set;

	if (count == 0)
		return;
	set = put_set(r, name, NFT_KEY_PORT);
	for (size_t i = 0; i < count; i++)
		ranges[i] = range_of_ports(&ports[i]);
	count = ranges_merge(ranges, count, sizeof(ports->from));
	nft_put_ranges(r->n, &set, ranges, count);
}

static void
put_logins(struct rules *r, int family)
{
	struct ssh_session logins[FLOWS_SSH_MAX];
	struct nft_set set;
	size_t count = 0;

	for (size_t i = 0; i < r->flows->ssh_count; i++)
		if (r->flows->ssh[i].remote.family == version(family))
			logins[count++] = r->flows->ssh[i];
	set = put_set(
	    r, login_sets[family], family == STEER_V4 ? NFT_KEY_LOGIN4 : NFT_KEY_LOGIN6);
	nft_put_logins(r->n, &set, logins, count);
}

static void
put_interfaces(struct rules *r)
{
	const char *names[FLOWS_INTERFACES_MAX];
	struct nft_set set;

	if (r->flows->interfaces_count == 0)
		return;
	set = put_set(r, SET_INTERFACES, NFT_KEY_INTERFACE);
	for (size_t i = 0; i < r->flows->interfaces_count; i++)
		names[i] = r->flows->interfaces[i];
	nft_put_interfaces(r->n, &set, names, r->flows->interfaces_count);
}

static void
put_sets(struct rules *r)
{
	const struct flows *f = r->flows;

	for (int family = 0; family < STEER_FAMILIES; family++) {
		enum nft_key key = family == STEER_V4 ? NFT_KEY_NET4 : NFT_KEY_NET6;
		struct nft_set set = put_set(r, to_sets[family], key);

		set = put_set(r, exclude_sets[family], key);
		nft_put_ranges(
		    r->n, &set, r->own->excludes[family], r->own->excludes_count[family]);
		put_logins(r, family);
	}
	put_ports(r, SET_PORTS, f->ports, f->ports_count);
	put_ports(r, SET_LOCAL_PORTS, f->local_ports, f->local_ports_count);
	put_ports(r, SET_EXCLUDE_PORTS, f->exclude_ports, f->exclude_ports_count);
	put_interfaces(r);
}

/* --- what passes ---------------------------------------------------------------------- */

static struct nft_rule
begin(const struct rules *r)
{
	return nft_rule_begin(r->n, r->way, r->own->table, r->chain);
}

static void
pass(struct nft_rule *rule)
{
	nft_return(rule);
	nft_rule_end(rule);
}

static void
pass_interface(const struct rules *r, const char *name)
{
	struct nft_rule rule = begin(r);

	nft_match_interface(&rule, name);
	pass(&rule);
}

static void
pass_logins(const struct rules *r, int family)
{
	struct nft_rule rule = begin(r);

	nft_match_family(&rule, version(family));
	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_match_login_in(&rule, version(family), login_sets[family]);
	pass(&rule);
}

/* Whoever holds the stop button is at the other end of a connection to this port. */
static void
pass_control(const struct rules *r)
{
	struct nft_rule rule = begin(r);

	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_match_local_port(&rule, r->flows->control_port, r->flows->control_port);
	pass(&rule);
}

static void
pass_datagrams(const struct rules *r, int family, uint16_t from, uint16_t to)
{
	struct nft_rule rule = begin(r);

	nft_match_family(&rule, version(family));
	nft_match_protocol(&rule, IPPROTO_UDP);
	nft_match_remote_port(&rule, from, to);
	nft_match_local_port(&rule, from, to);
	pass(&rule);
}

static void
pass_link(const struct rules *r)
{
	struct nft_rule rule;

	pass_datagrams(r, STEER_V4, DHCP_SERVER, DHCP_CLIENT);
	pass_datagrams(r, STEER_V6, DHCP6_CLIENT, DHCP6_SERVER);
	rule = begin(r);
	nft_match_family(&rule, 6);
	nft_match_protocol(&rule, IPPROTO_ICMPV6);
	nft_match_icmp(&rule, ND_FIRST, ND_LAST);
	pass(&rule);
}

static void
pass_unreachable(const struct rules *r, int family, uint8_t type, uint8_t code)
{
	struct nft_rule rule = begin(r);

	nft_match_family(&rule, version(family));
	nft_match_protocol(&rule, family == STEER_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	nft_match_icmp(&rule, type, type);
	nft_match_icmp_code(&rule, code);
	pass(&rule);
}

/* The answers of a reject meet the other direction's rules, and there would be dropped. */
static void
pass_answers(const struct rules *r)
{
	bool by_port = r->steer->verdict == STEER_REJECT;

	if (!by_port && r->steer->verdict != STEER_UNREACHABLE)
		return;
	if (by_port) {
		struct nft_rule rule = begin(r);

		nft_match_protocol(&rule, IPPROTO_TCP);
		nft_match_tcp_flags(&rule, TH_RST, TH_RST);
		pass(&rule);
	}
	pass_unreachable(r, STEER_V4, ICMP_DEST_UNREACH,
	    by_port ? ICMP_PORT_UNREACH : ICMP_HOST_UNREACH);
	pass_unreachable(r, STEER_V6, ICMP6_DST_UNREACH,
	    by_port ? ICMP6_DST_UNREACH_NOPORT : ICMP6_DST_UNREACH_ADDR);
}

static void
pass_excluded_ports(const struct rules *r, uint8_t protocol)
{
	struct nft_rule rule = begin(r);

	nft_match_protocol(&rule, protocol);
	nft_match_remote_port_in(&rule, SET_EXCLUDE_PORTS);
	pass(&rule);
	rule = begin(r);
	nft_match_protocol(&rule, protocol);
	nft_match_local_port_in(&rule, SET_EXCLUDE_PORTS);
	pass(&rule);
}

static void
pass_excluded(const struct rules *r)
{
	for (int family = 0; family < STEER_FAMILIES; family++) {
		struct nft_rule rule;

		if (r->own->excludes_count[family] == 0)
			continue;
		rule = begin(r);
		nft_match_family(&rule, version(family));
		nft_match_remote_in(&rule, version(family), exclude_sets[family]);
		pass(&rule);
	}
	if (r->flows->exclude_ports_count == 0)
		return;
	pass_excluded_ports(r, IPPROTO_TCP);
	pass_excluded_ports(r, IPPROTO_UDP);
}

/* Does anything but TCP ask whether its connection is known? */
static bool
asks_conntrack(const struct steer *s)
{
	return s->connections != 0 ||
	       (s->keeps_established && s->flows->protocol != IPPROTO_TCP);
}

/* Of TCP only what opens a connection may be cut, which needs nobody's memory: a
 * connection that has been silent since before the kernel began to track any lives, too. */
static void
pass_established(const struct rules *r)
{
	struct nft_rule rule = begin(r);

	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_match_no_syn(&rule);
	pass(&rule);
	if (r->flows->protocol == IPPROTO_TCP)
		return;
	rule = begin(r);
	nft_match_protocol_not(&rule, IPPROTO_TCP);
	nft_match_established(&rule);
	pass(&rule);
}

static void
pass_all(const struct rules *r)
{
	const struct flows *f = r->flows;
	const char *name = f->protected_interfaces;

	if (r->steer->pass_mark != 0) {
		struct nft_rule rule = begin(r);

		nft_match_mark(&rule, r->steer->pass_mark);
		pass(&rule);
	}
	if (f->passes_loopback)
		pass_interface(r, "lo");
	for (; name != NULL && *name != '\0'; name += strlen(name) + 1)
		pass_interface(r, name);
	pass_logins(r, STEER_V4);
	pass_logins(r, STEER_V6);
	if (f->control_port != 0)
		pass_control(r);
	pass_link(r);
	pass_answers(r);
	pass_excluded(r);
	if (r->steer->keeps_established)
		pass_established(r);
}

/* --- what matches --------------------------------------------------------------------- */

static void
match_share(struct nft_rule *rule, const struct flows *f, int family)
{
	struct sock_filter program[FLOW_HASH_MAX];
	size_t len;

	if (f->share >= FLOWS_SHARE_ALL)
		return;
	len = flow_hash_program((uint8_t)version(family), f->seed, f->share, program);
	nft_match_bpf(rule, program, len);
}

static void
match_owner(struct nft_rule *rule, const struct flows *f)
{
	if (f->has_user)
		nft_match_user(rule, f->uid);
	if (f->has_cgroup)
		nft_match_cgroup(rule, f->cgroup_id, f->cgroup_level);
}

/* One rule, of a protocol or of all: 0. */
static void
match(const struct rules *r, int family, uint8_t protocol)
{
	const struct flows *f = r->flows;
	struct nft_rule rule = begin(r);

	if (f->interfaces_count > 0)
		nft_match_interface_in(&rule, SET_INTERFACES);
	nft_match_family(&rule, version(family));
	if (protocol != 0)
		nft_match_protocol(&rule, protocol);
	if (f->ports_count > 0)
		nft_match_remote_port_in(&rule, SET_PORTS);
	if (f->local_ports_count > 0)
		nft_match_local_port_in(&rule, SET_LOCAL_PORTS);
	match_owner(&rule, f);
	match_share(&rule, f, family);
	if (r->steer->connections != 0) {
		nft_match_syn(&rule);
		nft_match_connections(&rule, r->steer->connections);
	}
	nft_match_remote_in(&rule, version(family), to_sets[family]);
	nft_goto(&rule, NFT_CHAIN_HIT);
	nft_rule_end(&rule);
}

/* Ports are of TCP and UDP; else one rule does for everything. */
static void
match_all(const struct rules *r, int family)
{
	const struct flows *f = r->flows;
	bool by_port = f->ports_count > 0 || f->local_ports_count > 0;

	if (f->protocol == IPPROTO_TCP || r->steer->connections != 0) {
		match(r, family, IPPROTO_TCP);
	} else if (f->protocol == IPPROTO_ICMP) {
		match(r, family, family == STEER_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	} else if (f->protocol != 0 || !by_port) {
		match(r, family, f->protocol);
	} else {
		match(r, family, IPPROTO_TCP);
		match(r, family, IPPROTO_UDP);
	}
}

/* --- what becomes of it --------------------------------------------------------------- */

static void
hit_tcp(const struct rules *r)
{
	struct nft_rule rule = nft_rule_begin(r->n, r->way, r->own->table, NFT_CHAIN_HIT);

	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_count(&rule);
	nft_reject_tcp(&rule);
	nft_rule_end(&rule);
}

static void
hit(const struct rules *r)
{
	struct nft_rule rule = nft_rule_begin(r->n, r->way, r->own->table, NFT_CHAIN_HIT);

	nft_count(&rule);
	switch (r->steer->verdict) {
	case STEER_DROP:
		nft_drop(&rule);
		break;
	case STEER_REJECT:
		nft_reject(&rule, NFT_PORT_UNREACHABLE);
		break;
	case STEER_UNREACHABLE:
		nft_reject(&rule, NFT_HOST_UNREACHABLE);
		break;
	case STEER_QUEUE:
		nft_queue(&rule, r->steer->queue);
		break;
	}
	nft_rule_end(&rule);
}

uint32_t
steer_nft_hits(const struct steer *s)
{
	return s->verdict == STEER_REJECT ? 2 : 1;
}

static void
put_way(struct rules *r, enum nft_way way, const char *chain)
{
	int32_t priority =
	    asks_conntrack(r->steer) ? NFT_AFTER_CONNTRACK : NFT_BEFORE_ALL;

	r->way = way;
	r->chain = chain;
	nft_put_base_chain(r->n, way, r->own->table, chain, priority);
	pass_all(r);
	for (int family = 0; family < STEER_FAMILIES; family++)
		if (r->steer->is_used[family])
			match_all(r, family);
}

void
steer_nft_put(struct nl *n, const struct steer *s)
{
	struct rules r = { .n = n, .steer = s, .flows = s->flows, .own = s->own };

	nl_batch(n);
	nft_put_table(n, r.own->table);
	put_sets(&r);
	nft_put_chain(n, r.own->table, NFT_CHAIN_HIT);
	if (s->verdict == STEER_REJECT)
		hit_tcp(&r);
	hit(&r);
	if (s->flows->ingress)
		put_way(&r, NFT_IN, "in");
	if (s->flows->egress)
		put_way(&r, NFT_OUT, "out");
}

const struct nft_need *
steer_nft_missing(struct nl *n, const struct steer *s)
{
	static const struct nft_need needs[] = {
		{ "reject", "nft_reject_inet", "mode reject and unreachable" },
		{ "queue", "nft_queue", "queues" },
		{ "ct", "nft_ct", "established keep" },
		{ "connlimit", "nft_connlimit", "connections" },
		{ "socket", "nft_socket", "cgroup" },
		{ "match", "nft_compat", "share" },
	};
	const bool is_needed[ARRAY_LEN(needs)] = {
		s->verdict == STEER_REJECT || s->verdict == STEER_UNREACHABLE,
		s->verdict == STEER_QUEUE,
		s->keeps_established && s->flows->protocol != IPPROTO_TCP,
		s->connections != 0,
		s->flows->has_cgroup,
		s->flows->share < FLOWS_SHARE_ALL,
	};

	for (size_t i = 0; i < ARRAY_LEN(needs); i++)
		if (is_needed[i] && !nft_has_expression(n, needs[i].expression))
			return &needs[i];
	return NULL;
}
