/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NS_H
#define NS_H
/* Finding and entering a network namespace by its inode. */
#include <stdint.h>

struct err;

/* Become a member of the namespace: 0 (at once if we are in it already), -ENOENT when no
 * process and no name in /run/netns holds it any more. */
int ns_enter_net(uint64_t inode, struct err *e);

#endif
