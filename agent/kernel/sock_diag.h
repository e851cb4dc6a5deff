/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOCK_DIAG_H
#define SOCK_DIAG_H
/*
 * The sockets of this network namespace as the kernel lists them (NETLINK_SOCK_DIAG), and
 * ending one from outside, whoever holds it.
 */
#include "parse.h"
#include <linux/inet_diag.h>
#include <netinet/tcp.h> /* TCP_ESTABLISHED and the other states, UDP's, too */
#include <stdint.h>

struct err;
struct nl;

struct socket_seen {
	uint8_t family;           /* AF_INET, AF_INET6: of the socket */
	uint8_t protocol, state;  /* IPPROTO_TCP, _UDP; TCP_ESTABLISHED, … */
	struct net local, remote; /* as on the wire: a v6 socket may speak IPv4 */
	uint16_t local_port, remote_port;
	uint32_t uid;
	uint32_t inode;             /* 0: no process has it open */
	uint64_t cgroup;            /* v2, by inode; 0: not told (before Linux 5.9) */
	struct inet_diag_sockid id; /* this socket and no later one like it */
};

#define SOCKET_STATE(s) (UINT32_C(1) << (s)) /* a bit of `states` */
#define SOCKET_STATES   UINT32_MAX

/* A conversation of its own: -EOPNOTSUPP naming the module where the kernel lists no
 * sockets of this protocol. */
int sock_diag_open(struct nl **ret, uint8_t protocol, struct err *e);
/* -EOPNOTSUPP where the kernel cannot end a socket; tried with one that cannot exist. */
int sock_diag_can_destroy(struct nl *n, uint8_t protocol, struct err *e);

/* Call fn for every socket of the protocol in one of these states, IPv4 and IPv6, until it
 * returns non-zero.  0, fn's value, or a negative errno with `e`.  fn may see a socket
 * twice, and must not use `n`. */
int sock_diag_each(struct nl *n, uint8_t protocol, uint32_t states,
    int (*fn)(void *ctx, const struct socket_seen *s), void *ctx, struct err *e);
/* End it: its peer gets a reset, whoever holds it ECONNABORTED.  -ENOENT when it is gone. */
int sock_diag_destroy(struct nl *n, const struct socket_seen *s);

#endif
