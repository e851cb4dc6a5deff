/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOWS_SOCKET_H
#define FLOWS_SOCKET_H
/* Which sockets a network fault is meant for, where it works on sockets and not packets. */
#include "flows.h"
#include "sock_diag.h"

/* Everything of `f` but its cgroup and its interfaces, which a socket does not tell by
 * itself. */
bool flows_mean_socket(const struct flows *f, const struct socket_seen *s);
/* A login, or a connection to stormd's own port: never, whatever is meant. */
bool flows_exempt_socket(const struct flows *f, const struct socket_seen *s);

#endif
