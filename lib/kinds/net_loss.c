/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of net.loss.  100 % is allowed, although that is a partition: with a share, a
 * ramp or a flap it is something that net.partition has no words for.
 */
#include "err.h"
#include "kind.h"
#include "net_params.h"
#include "spec.h"

static const struct param params[] = {
	NET_PARAMS_LOSS,
	NET_PARAMS_PACKETS(net_ways, "egress", "lose"),
	NET_PARAMS_SHARE_COURSE("loss"),
	NET_PARAMS_DELAY(false),
	NET_PARAMS_SLOT,
	NET_PARAMS_DUPLICATE(false),
	NET_PARAMS_CORRUPT(false),
	NET_PARAMS_REORDER(false),
	NET_PARAMS_RATE(false),
	NET_PARAMS_MEANS,
	{ 0 },
};

/* There are three ways to say it, so that no row can be the required one. */
static int
net_loss_check(const struct spec *s, struct err *e)
{
	if (!spec_has(s, "loss") && !spec_has(s, "loss_state") &&
	    !spec_has(s, "loss_gemodel"))
		return err_invalid(e,
		    "net.loss needs one of loss, loss_state and loss_gemodel: how packets "
		    "are lost");
	return net_check_impairment(s, "loss", e);
}

const struct kind kind_net_loss = {
	.name = "net.loss",
	.summary = "lose packets of chosen peers, evenly or in bursts",
	.params = params,
	.flags = KIND_NETWORK,
	.caps = NET_IMPAIR_CAPS,
	.check = net_loss_check,
	.undone_by = NET_IMPAIRMENT_UNDONE_BY,
	.by_hand = NET_IMPAIRMENT_BY_HAND,
	.teaches = "retry, timeout, idempotence, tail latency",
};
