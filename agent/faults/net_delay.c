/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.delay: packets to and from chosen networks are held for a while.  It is one of six
 * names of the same fault (net/impair.h); its row in lib/kinds says that there must be a
 * delay.
 */
#include "impair.h"

const struct fault fault_net_delay = IMPAIR_FAULT(kind_net_delay);
