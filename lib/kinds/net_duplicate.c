/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.duplicate: what TCP throws away unseen and a protocol over UDP must know
 * how to.
 */
#include "kind.h"
#include "net_params.h"

static const struct param params[] = {
	NET_PARAMS_DUPLICATE(true),
	NET_PARAMS_PACKETS(net_ways, "egress", "duplicate"),
	NET_PARAMS_SHARE_COURSE("duplicate"),
	NET_PARAMS_DELAY(false),
	NET_PARAMS_SLOT,
	NET_PARAMS_LOSS,
	NET_PARAMS_CORRUPT(false),
	NET_PARAMS_REORDER(false),
	NET_PARAMS_RATE(false),
	NET_PARAMS_MEANS,
	{ 0 },
};

static int
net_duplicate_check(const struct spec *s, struct err *e)
{
	return net_check_impairment(s, "duplicate", e);
}

const struct kind kind_net_duplicate = {
	.name = "net.duplicate",
	.summary = "let packets of chosen peers arrive twice",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_IMPAIR_CAPS,
	.check = net_duplicate_check,
	.undone_by = NET_IMPAIRMENT_UNDONE_BY,
	.by_hand = NET_IMPAIRMENT_BY_HAND,
	.teaches = "idempotence, deduplication, sequence numbers",
};
