/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.delay.  The least delay is what can still be told from the noise of a
 * local network; the most is what packets can be held without a machine running out of
 * memory at ordinary rates.
 */
#include "kind.h"
#include "net_params.h"

static const struct param params[] = {
	NET_PARAMS_DELAY(true),
	NET_PARAMS_PACKETS(net_ways, "egress", "delay"),
	NET_PARAMS_COURSE("delay", PARAM_USEC, 0, 60 * USEC_PER_SEC),
	NET_PARAMS_LOSS,
	NET_PARAMS_DUPLICATE(false),
	NET_PARAMS_CORRUPT(false),
	NET_PARAMS_REORDER(false),
	NET_PARAMS_RATE(false),
	NET_PARAMS_SLOT,
	NET_PARAMS_MEANS,
	{ 0 },
};

static int
net_delay_check(const struct spec *s, struct err *e)
{
	return net_check_impairment(s, "delay", e);
}

const struct kind kind_net_delay = {
	.name = "net.delay",
	.summary = "add latency to packets of chosen peers",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_IMPAIR_CAPS,
	.check = net_delay_check,
	.undone_by = NET_IMPAIRMENT_UNDONE_BY,
	.by_hand = NET_IMPAIRMENT_BY_HAND,
	.teaches = "timeout, retry with backoff and jitter, circuit breaker",
};
