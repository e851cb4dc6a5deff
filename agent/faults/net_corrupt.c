/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.corrupt: one bit of some packets of chosen networks is flipped.  Another name of the fault
 * that net_delay.c describes; its row says that there must be a share.
 */
#include "impair.h"

const struct fault fault_net_corrupt = IMPAIR_FAULT(kind_net_corrupt);
