/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.rate: packets of chosen networks pass as through a narrow link.  Another name of the fault
 * that net_delay.c describes; its row says that there must be a rate.
 */
#include "impair.h"

const struct fault fault_net_rate = IMPAIR_FAULT(kind_net_rate);
