/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.partition.  drop is the default: a partition that answers (reject) is the
 * easy case, the silent one is where timeouts are found missing.
 */
#include "kind.h"
#include "net_params.h"

static const char *const directions[] = { "in", "out", "both", NULL };
static const char *const modes[] = { "drop", "reject", "unreachable", NULL };
static const char *const established[] = { "cut", "keep", NULL };
static const char *const engines[] = { "auto", "iptables", "nftables", NULL };

static const struct param params[] = {
	NET_PARAMS_PACKETS(directions, "both", "cut"),
	NET_PARAM_FLAP,
	{
	    .name = "mode",
	    .type = PARAM_ENUM,
	    .def = "drop",
	    .choices = modes,
	    .group = "how",
	    .help =
		"drop packets silently, reject them as if nobody listened (TCP by a reset), "
		"or as if the host were unreachable",
	},
	{
	    .name = "established",
	    .type = PARAM_ENUM,
	    .def = "cut",
	    .choices = established,
	    .group = "how",
	    .help =
		"cut connections that exist already, or keep them and cut only new ones",
	},
	{
	    .name = "engine",
	    .type = PARAM_ENUM,
	    .def = "auto",
	    .choices = engines,
	    .group = "how",
	    .help = "by iptables and ipset, or by nftables (auto: iptables where it is "
		    "installed)",
	},
	NET_PARAM_SEED,
	{ 0 },
};

static int
net_partition_check(const struct spec *s, struct err *e)
{
	int r = net_check_packets(s, e);

	return r == 0 ? net_check_course(s, "", e) : r;
}

const struct kind kind_net_partition = {
	.name = "net.partition",
	.summary = "cut the network between this host and chosen peers",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_PACKET_CAPS,
	.check = net_partition_check,
	.undone_by =
	    "The rules match on two address sets of the fault's own.  When its holder "
	    "dies the agent, and when the agent dies its guardian, flushes the sets, "
	    "which ends the partition at once, and then removes the jumps, the "
	    "chains and the sets.  With the nftables engine the table belongs to the "
	    "holder and dies with it.  A reboot removes all of it.",
	.by_hand =
	    "ipset flush sd-<id>-4 and ipset flush sd-<id>-6 end the partition.  Then delete "
	    "the jumps to SD-<id>-I and SD-<id>-O in INPUT and OUTPUT, flush and delete these "
	    "chains with iptables and ip6tables, and destroy the sets; the fault's record "
	    "has the commands.  With the nftables engine end the holder, whose pid is in the "
	    "record: its table ends with it.",
	.teaches = "circuit breaker, fallback, timeout, leader election",
};
