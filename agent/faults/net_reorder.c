/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.reorder: some packets of chosen networks overtake those that are delayed.  Another name of the
 * fault that net_delay.c describes; its row says that there must be a share, and a delay.
 */
#include "impair.h"

const struct fault fault_net_reorder = IMPAIR_FAULT(kind_net_reorder);
