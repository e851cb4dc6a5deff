/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.rate.  At the least rate a full packet takes a second and a half.
 */
#include "kind.h"
#include "net_params.h"

static const struct param params[] = {
	NET_PARAMS_RATE(true),
	NET_PARAMS_PACKETS(net_ways, "egress", "slow"),
	NET_PARAMS_COURSE("rate", PARAM_RATE, 8000, INT64_C(100000000000)),
	NET_PARAMS_DELAY(false),
	NET_PARAMS_SLOT,
	NET_PARAMS_LOSS,
	NET_PARAMS_DUPLICATE(false),
	NET_PARAMS_CORRUPT(false),
	NET_PARAMS_REORDER(false),
	NET_PARAMS_MEANS,
	{ 0 },
};

static int
net_rate_check(const struct spec *s, struct err *e)
{
	return net_check_impairment(s, "rate", e);
}

const struct kind kind_net_rate = {
	.name = "net.rate",
	.summary = "slow the traffic with chosen peers down to a rate",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_IMPAIR_CAPS,
	.check = net_rate_check,
	.undone_by = NET_IMPAIRMENT_UNDONE_BY,
	.by_hand = NET_IMPAIRMENT_BY_HAND,
	.teaches = "backpressure, timeout, load shedding, buffering",
};
