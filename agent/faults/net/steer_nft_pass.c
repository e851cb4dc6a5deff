/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes the rules of a fault in nf_tables: what no fault may cut, what is excluded,
 * and the connections that are to be kept.  These stand first in the chain of a direction.
 */
#include "steer_nft.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>

/* Router and neighbour solicitation and advertisement, redirect: without them an IPv6 host
 * loses its link, and with it every stop button. */
enum { ND_FIRST = 133, ND_LAST = 137 };

enum { DHCP_SERVER = 67, DHCP_CLIENT = 68, DHCP6_CLIENT = 546, DHCP6_SERVER = 547 };

static void
pass(struct nft_rule *rule)
{
	nft_return(rule);
	nft_rule_end(rule);
}

static void
pass_interface(const struct nft_rules *r, const char *name)
{
	struct nft_rule rule = steer_nft_rule(r);

	nft_match_interface(&rule, name);
	pass(&rule);
}

static void
pass_logins(const struct nft_rules *r, int family)
{
	struct nft_rule rule = steer_nft_rule(r);

	nft_match_family(&rule, steer_version(family));
	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_match_login_in(&rule, steer_version(family), steer_nft_logins[family]);
	pass(&rule);
}

/* Whoever holds the stop button is at the other end of a connection to this port. */
static void
pass_control(const struct nft_rules *r)
{
	struct nft_rule rule = steer_nft_rule(r);

	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_match_local_port(&rule, r->flows->control_port, r->flows->control_port);
	pass(&rule);
}

static void
pass_datagrams(const struct nft_rules *r, int family, uint16_t from, uint16_t to)
{
	struct nft_rule rule = steer_nft_rule(r);

	nft_match_family(&rule, steer_version(family));
	nft_match_protocol(&rule, IPPROTO_UDP);
	nft_match_remote_port(&rule, from, to);
	nft_match_local_port(&rule, from, to);
	pass(&rule);
}

static void
pass_link(const struct nft_rules *r)
{
	struct nft_rule rule;

	pass_datagrams(r, STEER_V4, DHCP_SERVER, DHCP_CLIENT);
	pass_datagrams(r, STEER_V6, DHCP6_CLIENT, DHCP6_SERVER);
	rule = steer_nft_rule(r);
	nft_match_family(&rule, 6);
	nft_match_protocol(&rule, IPPROTO_ICMPV6);
	nft_match_icmp(&rule, ND_FIRST, ND_LAST);
	pass(&rule);
}

static void
pass_unreachable(const struct nft_rules *r, int family, uint8_t type, uint8_t code)
{
	struct nft_rule rule = steer_nft_rule(r);

	nft_match_family(&rule, steer_version(family));
	nft_match_protocol(&rule, family == STEER_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	nft_match_icmp(&rule, type, type);
	nft_match_icmp_code(&rule, code);
	pass(&rule);
}

/* The answers of a reject meet the other direction's rules, and there would be dropped. */
static void
pass_answers(const struct nft_rules *r)
{
	bool by_port = r->steer->verdict == STEER_REJECT;

	if (!by_port && r->steer->verdict != STEER_UNREACHABLE)
		return;
	if (by_port) {
		struct nft_rule rule = steer_nft_rule(r);

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
pass_excluded_ports(const struct nft_rules *r, uint8_t protocol)
{
	struct nft_rule rule = steer_nft_rule(r);

	nft_match_protocol(&rule, protocol);
	nft_match_remote_port_in(&rule, NFT_SET_EXCLUDE_PORTS);
	pass(&rule);
	rule = steer_nft_rule(r);
	nft_match_protocol(&rule, protocol);
	nft_match_local_port_in(&rule, NFT_SET_EXCLUDE_PORTS);
	pass(&rule);
}

static void
pass_excluded(const struct nft_rules *r)
{
	for (int family = 0; family < STEER_FAMILIES; family++) {
		struct nft_rule rule;

		if (r->own->excludes_count[family] == 0)
			continue;
		rule = steer_nft_rule(r);
		nft_match_family(&rule, steer_version(family));
		nft_match_remote_in(
		    &rule, steer_version(family), steer_nft_excludes[family]);
		pass(&rule);
	}
	if (r->flows->exclude_ports_count == 0)
		return;
	pass_excluded_ports(r, IPPROTO_TCP);
	pass_excluded_ports(r, IPPROTO_UDP);
}

/* Of TCP only what opens a connection may be cut, which needs nobody's memory: a
 * connection that has been silent since before the kernel began to track any lives, too. */
static void
pass_established(const struct nft_rules *r)
{
	struct nft_rule rule = steer_nft_rule(r);

	nft_match_protocol(&rule, IPPROTO_TCP);
	nft_match_no_syn(&rule);
	pass(&rule);
	if (r->flows->protocol == IPPROTO_TCP)
		return;
	rule = steer_nft_rule(r);
	nft_match_protocol_not(&rule, IPPROTO_TCP);
	nft_match_established(&rule);
	pass(&rule);
}

void
steer_nft_pass(const struct nft_rules *r)
{
	const struct flows *f = r->flows;
	const char *name = f->protected_interfaces;

	if (r->steer->pass_mark != 0) {
		struct nft_rule rule = steer_nft_rule(r);

		nft_match_mark(&rule, r->steer->pass_mark);
		pass(&rule);
	}
	if (f->passes_loopback)
		pass_interface(r, "lo");
	for (; name != NULL && *name != '\0'; name += strlen(name) + 1)
		pass_interface(r, name);
	for (int family = 0; family < STEER_FAMILIES; family++)
		if (steer_nft_has_logins(r->flows, family))
			pass_logins(r, family);
	if (f->control_port != 0)
		pass_control(r);
	pass_link(r);
	pass_answers(r);
	pass_excluded(r);
	if (r->steer->keeps_established)
		pass_established(r);
}
