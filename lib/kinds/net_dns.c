/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.dns.  Loopback is not left alone here, as it is elsewhere: that is where
 * stub resolvers live.  No file is edited; who has an answer cached asks nothing and sees
 * nothing of the fault.
 */
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "net_params.h"
#include "spec.h"
#include <string.h>

enum { MODE_DELAY = 3, MODE_REDIRECT = 4 };
static const char *const modes[] = { "drop", "nxdomain", "servfail", "delay", "redirect",
	NULL };

static const struct param params[] = {
	{
	    .name = "mode",
	    .type = PARAM_ENUM,
	    .def = "drop",
	    .choices = modes,
	    .help = "what becomes of a query: no answer, no such name, a failure of the "
		    "server, an answer later, or another answer",
	},
	{
	    .name = "names",
	    .type = PARAM_STRINGS,
	    .help = "only queries for these names; *.example.com is every name below "
		    "example.com (default: every name)",
	},
	{
	    .name = "answer",
	    .type = PARAM_ADDRS,
	    .help = "the addresses that a redirected name gets, IPv4 for A and IPv6 for "
		    "AAAA",
	},
	{
	    .name = "delay",
	    .type = PARAM_USEC,
	    .min = 1 * USEC_PER_MSEC,
	    .max = 60 * USEC_PER_SEC,
	    .help = "how long a query is held with mode=delay",
	},
	{
	    .name = "to",
	    .type = PARAM_NETS,
	    .def = "any",
	    .group = "which packets",
	    .help = "the name servers that are asked, those on loopback too",
	},
	{
	    .name = "port",
	    .type = PARAM_PORTS,
	    .def = "53",
	    .group = "which packets",
	    .help = "their ports, by UDP and TCP",
	},
	NET_PARAM_USER("queries of processes of this user"),
	NET_PARAM_CGROUP("queries"),
	NET_PARAM_PID,
	NET_PARAM_CONTAINER,
	{ 0 },
};

static int
check_names(const struct spec *s, struct err *e)
{
	const char *name;

	for (size_t i = 0; (name = spec_string(s, "names", i)) != NULL; i++) {
		if (parse_domain(name, e) < 0)
			return err_wrap(e, "names");
	}
	return 0;
}

static int
check_answer(const struct spec *s, struct err *e)
{
	struct net nets[SPEC_ADDRS_MAX];
	size_t n = spec_addrs(s, "answer", nets, ARRAY_LEN(nets));
	char text[64];

	if (n > DNS_ADDRS_MAX)
		return err_invalid(
		    e, "answer: more than %d addresses do not fit in one", DNS_ADDRS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (nets[i].prefix != (nets[i].family == 4 ? 32 : 128))
			return err_invalid(e,
			    "answer: %s is a network: a name has addresses",
			    format_net(&nets[i], text, sizeof(text)));
	}
	return 0;
}

static int
check_mode(const struct spec *s, struct err *e)
{
	bool redirects = spec_num(s, "mode") == MODE_REDIRECT;
	bool delays = spec_num(s, "mode") == MODE_DELAY;

	if (redirects && !spec_has(s, "answer"))
		return err_invalid(e, "mode=redirect needs answer: where names lead to");
	if (redirects && !spec_has(s, "names"))
		return err_invalid(e,
		    "mode=redirect needs names: it does not redirect every name there is");
	if (!redirects && spec_has(s, "answer"))
		return err_invalid(e, "answer has a meaning only with mode=redirect");
	if (delays && !spec_has(s, "delay"))
		return err_invalid(e, "mode=delay needs delay: how long a query is held");
	if (!delays && spec_has(s, "delay"))
		return err_invalid(e, "delay has a meaning only with mode=delay");
	return 0;
}

static int
net_dns_check(const struct spec *s, struct err *e)
{
	int r = check_mode(s, e);

	if (r == 0)
		r = check_names(s, e);
	if (r == 0)
		r = check_answer(s, e);
	return r == 0 ? net_check_packets(s, e) : r;
}

const struct kind kind_net_dns = {
	.name = "net.dns",
	.summary = "break the resolution of names: all, or chosen ones",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_PACKET_CAPS,
	.check = net_dns_check,
	.undone_by =
	    "Queries pass untouched the moment the fault's holder ends (the queue is made "
	    "with bypass); the rules that fed it are then removed by the record.  No file "
	    "is edited, and our answers may not be cached: they live for 0 seconds, and a "
	    "denial carries no SOA.",
	.by_hand =
	    "ipset flush sd-<id>-4 and ipset flush sd-<id>-6 end it.  Then delete the jumps "
	    "to SD-<id>-O and the chains with iptables and ip6tables, and destroy the sets; "
	    "the fault's record has the commands.",
	.teaches = "caching, timeout, fallback, retry",
};
