/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.reset.  It is not irreversible: what is cut can be made again at once, as
 * after a partition, and nothing holds on to it.
 */
#include "kind.h"
#include "net_params.h"
#include "process.h"
#include <linux/capability.h>

static const struct param params[] = {
	NET_PARAM_TO,
	{
	    .name = "port",
	    .type = PARAM_PORTS,
	    .help = "only connections to these ports of the far side, such as 5432 or "
		    "8000-8100",
	},
	{
	    .name = "local_port",
	    .type = PARAM_PORTS,
	    .help = "only connections to these ports of this side: those of a service here",
	},
	{
	    .name = "protocol",
	    .type = PARAM_ENUM,
	    .choices = net_protocols,
	    .help = "tcp, or the connected sockets of udp (default: tcp)",
	},
	{
	    .name = "exclude",
	    .type = PARAM_ADDRS,
	    .help = "never these addresses and networks of the far side",
	},
	{
	    .name = "exclude_port",
	    .type = PARAM_PORTS,
	    .help = "never these ports, of either side",
	},
	{
	    .name = "user",
	    .type = PARAM_STRING,
	    .help = "only sockets of this user, by name or number",
	},
	{
	    .name = "cgroup",
	    .type = PARAM_PATH,
	    .help = "only sockets of processes in this cgroup (v2) and below it",
	},
	NET_PARAM_PID,
	NET_PARAM_CONTAINER,
	{ 0 },
};

const struct kind kind_net_reset = {
	.name = "net.reset",
	.summary = "cut established connections, once or as often as they come back",
	.params = params,
	.flags = KIND_ONESHOT | KIND_REPEATS | KIND_NETWORK,
	/* SYS_PTRACE only to see which connections sshd holds: no login is ever cut */
	.caps = CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_SYS_PTRACE),
	.check = net_check_network,
	.undone_by = "Nothing has to be: a connection that was cut stays cut, and whoever "
		     "had it may make it again at once.  Held down by a 'for', it is the "
		     "holder that looks for connections to cut; when it is told to stop, "
		     "or dies, no more are.",
	.by_hand = "Nothing is left to undo.  A program that does not connect again by "
		   "itself has to be started again: that is what the drill found out.",
	.teaches = "reconnect, retry with backoff and jitter, connection pools",
};
