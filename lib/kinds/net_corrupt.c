/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.corrupt.  The checksum is complete before a bit is flipped, so that for
 * TCP, and for UDP with checksums, this is loss that counters tell from loss; no
 * application sees wrong bytes.
 */
#include "kind.h"
#include "net_params.h"

static const struct param params[] = {
	NET_PARAMS_CORRUPT(true),
	NET_PARAMS_PACKETS(net_ways, "egress", "damage"),
	NET_PARAMS_SHARE_COURSE("corrupt"),
	NET_PARAMS_DELAY(false),
	NET_PARAMS_SLOT,
	NET_PARAMS_LOSS,
	NET_PARAMS_DUPLICATE(false),
	NET_PARAMS_REORDER(false),
	NET_PARAMS_RATE(false),
	NET_PARAMS_MEANS,
	{ 0 },
};

static int
net_corrupt_check(const struct spec *s, struct err *e)
{
	return net_check_impairment(s, "corrupt", e);
}

const struct kind kind_net_corrupt = {
	.name = "net.corrupt",
	.summary = "flip a bit in packets of chosen peers",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_IMPAIR_CAPS,
	.check = net_corrupt_check,
	.undone_by = NET_IMPAIRMENT_UNDONE_BY,
	.by_hand = NET_IMPAIRMENT_BY_HAND,
	.teaches = "checksums, retry, error counters",
};
