/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.reorder.  It needs a delay: some packets are sent at once, past those
 * that are held.
 */
#include "kind.h"
#include "net_params.h"

static const struct param params[] = {
	NET_PARAMS_REORDER(true),
	NET_PARAMS_DELAY(true),
	NET_PARAMS_SLOT,
	NET_PARAMS_PACKETS(net_ways, "egress", "reorder"),
	NET_PARAMS_SHARE_COURSE("reorder"),
	NET_PARAMS_LOSS,
	NET_PARAMS_DUPLICATE(false),
	NET_PARAMS_CORRUPT(false),
	NET_PARAMS_RATE(false),
	NET_PARAMS_MEANS,
	{ 0 },
};

static int
net_reorder_check(const struct spec *s, struct err *e)
{
	return net_check_impairment(s, "reorder", e);
}

const struct kind kind_net_reorder = {
	.name = "net.reorder",
	.summary = "let packets of chosen peers overtake each other",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_IMPAIR_CAPS,
	.check = net_reorder_check,
	.undone_by = NET_IMPAIRMENT_UNDONE_BY,
	.by_hand = NET_IMPAIRMENT_BY_HAND,
	.teaches = "sequence numbers, reassembly, jitter buffers",
};
