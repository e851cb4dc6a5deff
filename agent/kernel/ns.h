/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NS_H
#define NS_H
/* Finding and entering a network namespace: by its inode, or a process's. */
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Become a member of the namespace: 0 (at once if we are in it already), -ENOENT when no
 * process, no name in /run/netns and no mount that we see holds it any more. */
int ns_enter_net(uint64_t inode, struct err *e);
/* Become a member of the namespace this process is in now: 0, or -ESRCH when it has
 * ended.  Needs CAP_SYS_ADMIN, and CAP_SYS_PTRACE where it is another user's. */
int ns_enter_net_of(int pidfd, struct err *e);
/* The inode of a process's network namespace; 0 when it cannot be seen. */
uint64_t ns_net_of(pid_t pid);

#endif
