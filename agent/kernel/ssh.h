/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SSH_H
#define SSH_H
/* Logged-in SSH sessions, which no network fault may cut. */
#include "parse.h"
#include <stddef.h>
#include <stdint.h>

struct err;

struct ssh_session {
	struct net remote; /* the client's address, /32 or /128 */
	uint16_t remote_port, local_port;
};
/* Established TCP connections to a port that a process named sshd listens on (or 22), from
 * /proc/net/tcp and tcp6.  Returns how many were stored, at most max. */
int ssh_sessions(struct ssh_session *ret, size_t max, struct err *e);

#endif
