/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.delay.  The least delay is what can still be told from the noise of a
 * local network; the most is what packets can be held without a machine running out of
 * memory at ordinary rates.
 */
#include "clock.h"
#include "err.h"
#include "kind.h"
#include "net_params.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>

static const char *const directions[] = { "egress", "ingress", "both", NULL };
static const char *const engines[] = { "auto", "netem", "nfqueue", NULL };

static const struct param params[] = {
	{
	    .name = "delay",
	    .type = PARAM_USEC,
	    .required = true,
	    .min = 100,
	    .max = 60 * USEC_PER_SEC,
	    .help = "how long each matched packet is held, each way",
	},
	{
	    .name = "jitter",
	    .type = PARAM_USEC,
	    .min = 0,
	    .max = 60 * USEC_PER_SEC,
	    .help =
		"vary the delay evenly by up to this much, up and down; at most delay",
	},
	NET_PARAM_TO,
	NET_PARAM_PORT,
	NET_PARAM_PROTOCOL,
	{
	    .name = "interface",
	    .type = PARAM_IFNAME,
	    .help = "only on this interface (default: wherever the route leads)",
	},
	{
	    .name = "direction",
	    .type = PARAM_ENUM,
	    .def = "egress",
	    .choices = directions,
	    .help = "delay what leaves, what arrives, or both",
	},
	{
	    .name = "engine",
	    .type = PARAM_ENUM,
	    .def = "auto",
	    .choices = engines,
	    .help = "the kernel's netem, or user space where the kernel has none",
	},
	NET_PARAM_PID,
	NET_PARAM_CONTAINER,
	{ 0 },
};

static int
net_delay_check(const struct spec *s, struct err *e)
{
	char jitter[32], delay[32];

	if (spec_num(s, "jitter") <= spec_num(s, "delay"))
		return net_check_network(s, e);
	return err_invalid(e,
	    "jitter %s is more than the delay %s: a packet cannot be early",
	    spec_format(s, "jitter", jitter, sizeof(jitter)),
	    spec_format(s, "delay", delay, sizeof(delay)));
}

const struct kind kind_net_delay = {
	.name = "net.delay",
	.summary = "add latency to packets of chosen peers",
	.params = params,
	.flags = KIND_NETWORK,
	/* SYS_PTRACE only to see which connections sshd holds: no login is ever cut */
	.caps = CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_SYS_PTRACE),
	.check = net_delay_check,
	.undone_by =
	    "With the nfqueue engine packets pass undelayed the moment the fault's "
	    "holder ends (the queue is made with bypass); the rules that fed it are "
	    "then removed by the record.  With the netem engine the agent, or its "
	    "guardian, deletes the filter first and then the ifb link: the other way "
	    "round the matched traffic would vanish.  The interface's own queueing "
	    "discipline is never touched.",
	.by_hand =
	    "The fault's record names the objects and the commands.  With netem, delete "
	    "the filter, then the link, in this order (tc filter del dev IFACE egress pref "
	    "N; ip link del sd<id>e).  With nfqueue, ipset flush sd-<id>-4 and ipset flush "
	    "sd-<id>-6 end the delay; then delete the jumps to SD-<id>-I and SD-<id>-O in "
	    "the mangle table and the chains with iptables and ip6tables, and destroy the "
	    "sets.",
	.teaches = "timeout, retry with backoff and jitter, circuit breaker",
};
