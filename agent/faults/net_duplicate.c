/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.duplicate: packets of chosen networks arrive twice.  Another name of the fault that
 * net_delay.c describes; its row says that there must be a share.
 */
#include "impair.h"

const struct fault fault_net_duplicate = IMPAIR_FAULT(kind_net_duplicate);
