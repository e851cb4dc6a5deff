/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.reset.  It is not irreversible: what is cut can be made again at once, as
 * after a partition, and nothing holds on to it.
 */
#include "kind.h"
#include "net_params.h"

static const char *const protocols[] = { "tcp", "udp", NULL };

static const struct param params[] = {
	NET_PARAM_TO,
	NET_PARAM_PORT,
	NET_PARAM_LOCAL_PORT,
	{
	    .name = "protocol",
	    .type = PARAM_ENUM,
	    .choices = protocols,
	    .group = "which packets",
	    .help = "tcp, or the connected sockets of udp (default: tcp)",
	},
	NET_PARAM_EXCLUDE,
	NET_PARAM_EXCLUDE_PORT,
	NET_PARAM_USER("connections of processes of this user"),
	NET_PARAM_CGROUP("connections"),
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
	.check = net_check_packets,
	.undone_by =
	    "Nothing has to be: a connection that was cut stays cut, and whoever "
	    "had it may make it again at once.  Held down by a 'for', it is the "
	    "holder that looks for connections to cut; when it is told to stop, "
	    "or dies, no more are.",
	.by_hand = "Nothing is left to undo.  A program that does not connect again by "
		   "itself has to be started again: that is what the drill found out.",
	.teaches = "reconnect, retry with backoff and jitter, connection pools",
};
