/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.ports: three ways to run out of ports.  Its ports are this host's own,
 * not the far side's: they are what there is too little of.
 */
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "net_params.h"
#include "spec.h"
#include <string.h>

enum { MODE_OCCUPY, MODE_LIMIT, MODE_EXHAUST };
enum { PROTOCOL_UDP = 1 };
enum { ADDRESSES_MAX = 8, OCCUPIED_MAX = 4096 };
static const char *const modes[] = { "occupy", "limit", "exhaust", NULL };
static const char *const protocols[] = { "tcp", "udp", NULL };

static const struct param params[] = {
	{
	    .name = "mode",
	    .type = PARAM_ENUM,
	    .required = true,
	    .choices = modes,
	    .help = "occupy ports so that no service can have them, limit how many "
		    "connections a service takes, or exhaust the ports for outgoing ones",
	},
	{
	    .name = "port",
	    .type = PARAM_PORTS,
	    .help = "the ports of this host that are occupied or limited",
	},
	{
	    .name = "protocol",
	    .type = PARAM_ENUM,
	    .def = "tcp",
	    .choices = protocols,
	    .help = "whose ports; with mode=limit tcp alone",
	},
	{
	    .name = "address",
	    .type = PARAM_ADDRS,
	    .help = "occupy ports of these addresses of the host (default: of all)",
	},
	{
	    .name = "connections",
	    .is_worse_below = true,
	    .type = PARAM_INT,
	    .min = 0,
	    .max = 1000000,
	    .help =
		"with mode=limit: new connections beyond so many at a time are reset; "
		"those that exist already stay, and do not count",
	},
	{
	    .name = "leave",
	    .is_worse_below = true,
	    .type = PARAM_INT,
	    .min = 0,
	    .max = 65535,
	    .help = "with mode=exhaust: leave so many ports free (default: none)",
	},
	{
	    .name = "to",
	    .type = PARAM_NETS,
	    .def = "any",
	    .group = "which packets",
	    .help = "with mode=limit: only connections of these peers",
	},
	NET_PARAM_PID,
	NET_PARAM_CONTAINER,
	{ 0 },
};

/* What only one of the modes knows what to do with. */
static const struct {
	const char *param;
	int64_t mode;
} owners[] = {
	{ "address", MODE_OCCUPY },
	{ "connections", MODE_LIMIT },
	{ "leave", MODE_EXHAUST },
};

static int
check_mode(const struct spec *s, struct err *e)
{
	int64_t mode = spec_num(s, "mode");
	char to[16];

	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		if (mode != owners[i].mode && spec_has(s, owners[i].param))
			return err_invalid(e, "%s has a meaning only with mode=%s",
			    owners[i].param, modes[owners[i].mode]);
	}
	if (mode != MODE_LIMIT &&
	    strcmp(spec_format(s, "to", to, sizeof(to)), "any") != 0)
		return err_invalid(e, "to has a meaning only with mode=limit");
	if (mode == MODE_EXHAUST && spec_has(s, "port"))
		return err_invalid(e,
		    "port has no meaning with mode=exhaust: it takes the ports that the "
		    "kernel gives to outgoing connections");
	if (mode != MODE_EXHAUST && !spec_has(s, "port"))
		return err_invalid(e, "mode=%s needs port", modes[mode]);
	if (mode == MODE_LIMIT && !spec_has(s, "connections"))
		return err_invalid(
		    e, "mode=limit needs connections: how many are let through");
	if (mode == MODE_LIMIT && spec_num(s, "protocol") == PROTOCOL_UDP)
		return err_invalid(e, "mode=limit counts connections, which udp has not");
	return 0;
}

static int
check_occupied(const struct spec *s, struct err *e)
{
	struct net nets[SPEC_ADDRS_MAX];
	size_t n = spec_addrs(s, "address", nets, ARRAY_LEN(nets)), places = 0;
	struct port_range r[PORT_RANGES_MAX];
	size_t ranges = spec_ports(s, "port", r, ARRAY_LEN(r));
	char text[64];

	if (n > ADDRESSES_MAX)
		return err_invalid(e, "address takes at most %d", ADDRESSES_MAX);
	for (size_t i = 0; i < ranges; i++)
		places += (size_t)(r[i].to - r[i].from + 1) * (n > 0 ? n : 1);
	if (places > OCCUPIED_MAX)
		return err_invalid(e, "%zu ports are too many to occupy: at most %d",
		    places, OCCUPIED_MAX);
	for (size_t i = 0; i < n; i++) {
		if (nets[i].prefix != (nets[i].family == 4 ? 32 : 128))
			return err_invalid(e, "address: %s is a network, not an address",
			    format_net(&nets[i], text, sizeof(text)));
	}
	return 0;
}

static int
net_ports_check(const struct spec *s, struct err *e)
{
	int r = check_mode(s, e);

	if (r == 0 && spec_num(s, "mode") == MODE_OCCUPY)
		r = check_occupied(s, e);
	return r == 0 ? net_check_packets(s, e) : r;
}

const struct kind kind_net_ports = {
	.name = "net.ports",
	.summary = "occupy ports, limit connections, or exhaust ephemeral ports",
	.params = params,
	.flags = KIND_NETWORK,
	/* the root of the cgroup tree, where the keepers live, is writable by nobody's mode
	 * bits */
	.caps = NET_PACKET_CAPS | CAP_BIT(CAP_NET_BIND_SERVICE) | CAP_BIT(CAP_KILL) |
		CAP_BIT(CAP_DAC_OVERRIDE),
	.check = net_ports_check,
	.undone_by =
	    "Ports that are occupied or exhausted are held by sockets of the holder's "
	    "children, its keepers, which the kernel kills when the holder lets them go or "
	    "dies.  A limit is a rule that matches on a set: the agent, or its guardian, "
	    "flushes the set and then removes the rule.",
	.by_hand =
	    "End the holder (stormd-fault net.ports in ps) or its stormd-keepers to free "
	    "the ports.  For a limit, "
	    "ipset flush sd-<id>-4 and ipset flush sd-<id>-6 end it; the fault's record has "
	    "the commands that remove the rest.",
	.teaches = "connection pools, backpressure, start-up order, retry",
};
