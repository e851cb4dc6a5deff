/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.partition.  drop is the default: a partition that answers (reject) is the
 * easy case, the silent one is where timeouts are found missing.
 */
#include "kind.h"
#include "net_params.h"
#include "process.h"
#include <linux/capability.h>

static const char *const directions[] = { "in", "out", "both", NULL };
static const char *const modes[] = { "drop", "reject", NULL };

static const struct param params[] = {
	NET_PARAM_TO,
	NET_PARAM_PORT,
	NET_PARAM_PROTOCOL,
	{
	    .name = "interface",
	    .type = PARAM_IFNAME,
	    .help =
		"only on this interface (default: every one; loopback only when to names an "
		"address of 127.0.0.0/8, or ::1)",
	},
	{
	    .name = "direction",
	    .type = PARAM_ENUM,
	    .def = "both",
	    .choices = directions,
	    .help = "cut what arrives, what leaves, or both",
	},
	{
	    .name = "mode",
	    .type = PARAM_ENUM,
	    .def = "drop",
	    .choices = modes,
	    .help = "drop packets silently, or reject them with an answer",
	},
	NET_PARAM_PID,
	NET_PARAM_CONTAINER,
	{ 0 },
};

const struct kind kind_net_partition = {
	.name = "net.partition",
	.summary = "cut the network between this host and chosen peers",
	.params = params,
	.flags = KIND_NETWORK,
	/* SYS_PTRACE only to see which connections sshd holds: no login is ever cut */
	.caps = CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_SYS_PTRACE),
	.check = net_check_network,
	.undone_by =
	    "The rules match on two address sets of the fault's own.  When its holder "
	    "dies the agent, and when the agent dies its guardian, flushes the sets, "
	    "which ends the partition at once, and then removes the jumps, the "
	    "chains and the sets.  A reboot removes all of it.",
	.by_hand =
	    "ipset flush sd-<id>-4 and ipset flush sd-<id>-6 end the partition.  Then delete "
	    "the jumps to SD-<id>-I and SD-<id>-O in INPUT and OUTPUT, flush and delete these "
	    "chains with iptables and ip6tables, and destroy the sets; the fault's record "
	    "has the commands.",
	.teaches = "circuit breaker, fallback, timeout, leader election",
};
