/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.loss: packets of chosen networks are lost, evenly or in bursts.  Another name of the fault
 * that net_delay.c describes; its row says how packets may be lost.
 */
#include "impair.h"

const struct fault fault_net_loss = IMPAIR_FAULT(kind_net_loss);
