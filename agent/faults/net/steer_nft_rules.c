/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a fault in nf_tables.  In the chain of a direction first returns what no
 * fault may cut, and what is excluded; then as few rules as will do match on everything
 * that was named, the set of networks last, and go to the one chain that counts and
 * decides.  Lists are sets, so that a packet asks one question for each and not one for
 * each entry.
 */
#include "steer_nft.h"

#include <netinet/in.h>
#include <string.h>

#include "cleanup.h"
#include "nl.h"

static const char *const to_sets[] = { NFT_SET_TO4, NFT_SET_TO6 };
const char *const steer_nft_excludes[] = { "exclude4", "exclude6" };
const char *const steer_nft_logins[] = { "logins4", "logins6" };
#define SET_PORTS       "ports"
#define SET_LOCAL_PORTS "local-ports"
#define SET_INTERFACES  "interfaces"

bool
steer_nft_has_logins(const struct flows *f, int family)
{
	for (size_t i = 0; i < f->ssh_count; i++)
		if (f->ssh[i].remote.family == steer_version(family))
			return true;
	return false;
}

struct nft_rule
steer_nft_rule(const struct nft_rules *r)
{
	return nft_rule_begin(r->n, r->way, r->own->table, r->chain);
}

/* --- sets ----------------------------------------------------------------------------- */

static struct nft_set
put_set(struct nft_rules *r, const char *name, enum nft_key key)
{
	struct nft_set set = { r->own->table, name, key };

	nft_put_set(r->n, &set, ++r->sets);
	return set;
}

static void
put_ports(
    struct nft_rules *r, const char *name, const struct port_range *ports, size_t count)
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
put_logins(struct nft_rules *r, int family)
{
	struct ssh_session logins[FLOWS_SSH_MAX];
	struct nft_set set;
	size_t count = 0;

	for (size_t i = 0; i < r->flows->ssh_count; i++)
		if (r->flows->ssh[i].remote.family == steer_version(family))
			logins[count++] = r->flows->ssh[i];
	set = put_set(r, steer_nft_logins[family],
	    family == STEER_V4 ? NFT_KEY_LOGIN4 : NFT_KEY_LOGIN6);
	nft_put_logins(r->n, &set, logins, count);
}

static void
put_interfaces(struct nft_rules *r)
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
put_sets(struct nft_rules *r)
{
	const struct flows *f = r->flows;

	for (int family = 0; family < STEER_FAMILIES; family++) {
		enum nft_key key = family == STEER_V4 ? NFT_KEY_NET4 : NFT_KEY_NET6;
		struct nft_set set = put_set(r, to_sets[family], key);

		set = put_set(r, steer_nft_excludes[family], key);
		nft_put_ranges(
		    r->n, &set, r->own->excludes[family], r->own->excludes_count[family]);
		put_logins(r, family);
	}
	put_ports(r, SET_PORTS, f->ports, f->ports_count);
	put_ports(r, SET_LOCAL_PORTS, f->local_ports, f->local_ports_count);
	put_ports(r, NFT_SET_EXCLUDE_PORTS, f->exclude_ports, f->exclude_ports_count);
	put_interfaces(r);
}

/* --- what matches --------------------------------------------------------------------- */

static void
match_share(struct nft_rule *rule, const struct flows *f, int family)
{
	struct sock_filter program[FLOW_HASH_MAX];
	size_t len;

	if (f->share >= FLOWS_SHARE_ALL)
		return;
	len =
	    flow_hash_program((uint8_t)steer_version(family), f->seed, f->share, program);
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
match(const struct nft_rules *r, int family, uint8_t protocol)
{
	const struct flows *f = r->flows;
	struct nft_rule rule = steer_nft_rule(r);

	if (f->interfaces_count > 0)
		nft_match_interface_in(&rule, SET_INTERFACES);
	nft_match_family(&rule, steer_version(family));
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
	nft_match_remote_in(&rule, steer_version(family), to_sets[family]);
	nft_goto(&rule, NFT_CHAIN_HIT);
	nft_rule_end(&rule);
}

/* Ports are of TCP and UDP; else one rule does for everything. */
static void
match_all(const struct nft_rules *r, int family)
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
hit_tcp(const struct nft_rules *r)
{
	struct nft_rule rule = nft_rule_begin(r->n, r->way, r->own->table, NFT_CHAIN_HIT);

	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_count(&rule);
	nft_reject_tcp(&rule);
	nft_rule_end(&rule);
}

static void
hit(const struct nft_rules *r)
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

/* Does anything but TCP ask whether its connection is known? */
static bool
asks_conntrack(const struct steer *s)
{
	return s->connections != 0 ||
	       (s->keeps_established && s->flows->protocol != IPPROTO_TCP);
}

uint32_t
steer_nft_hits(const struct steer *s)
{
	return s->verdict == STEER_REJECT ? 2 : 1;
}

static void
put_way(struct nft_rules *r, enum nft_way way, const char *chain)
{
	int32_t priority =
	    asks_conntrack(r->steer) ? NFT_AFTER_CONNTRACK : NFT_BEFORE_ALL;

	r->way = way;
	r->chain = chain;
	nft_put_base_chain(r->n, way, r->own->table, chain, priority);
	steer_nft_pass(r);
	for (int family = 0; family < STEER_FAMILIES; family++)
		if (r->steer->is_used[family])
			match_all(r, family);
}

void
steer_nft_put(struct nl *n, const struct steer *s)
{
	struct nft_rules r = { .n = n, .steer = s, .flows = s->flows, .own = s->own };

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

/* The share is no expression of its own but a match of iptables. */
static bool
has(struct nl *n, const char *expression)
{
	return nft_has_expression(n, expression) &&
	       (strcmp(expression, "match") != 0 || nft_has_match(n, "bpf"));
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
		{ "match", "xt_bpf", "share" },
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
		if (is_needed[i] && !has(n, needs[i].expression))
			return &needs[i];
	return NULL;
}
