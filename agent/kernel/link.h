/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LINK_H
#define LINK_H
/* Network interfaces over rtnetlink. */
#include <stdbool.h>
#include <stdint.h>

struct err;
struct net;
struct nl;

struct link {
	int index; /* ifindex */
	char name[16];
	char kind[16]; /* "ifb", "veth", "" */
	bool is_up, is_loopback;
	uint32_t mtu;
};
int link_find(
    struct nl *n, const char *name, struct link *ret, struct err *e); /* -ENODEV */
/* The same for a name that a person gave: says which there are. */
int link_ask(struct nl *n, const char *name, struct link *ret, struct err *e);
int link_each(
    struct nl *n, int (*fn)(void *ctx, const struct link *l), void *ctx, struct err *e);
/* -EOPNOTSUPP naming module and package; asks with a request that cannot succeed. */
int link_supports_ifb(struct nl *n, struct err *e);
int link_add_ifb(struct nl *n, const char *name, int *ret_index, struct err *e);
int link_up(struct nl *n, int index, struct err *e);
/* Deletes only a link of this name *and* kind: -ENODEV if none. */
int link_delete(struct nl *n, const char *name, const char *kind, struct err *e);
/* In Mbit/s, of the interface of this name in the network we are in; 0 when it does not say
 * (many virtual ones).  /sys is the host's, whatever network we are in, and is not asked. */
uint64_t link_speed(const char *name);
/* The interface that carries the route to an address: ifindex, or -ENETUNREACH. */
int link_route(struct nl *n, const struct net *to, int *ret_index, struct err *e);

/* Call fn for every interface that a route to the network, or to a part of it, leads over:
 * none but loopback's own when nothing else does, every routed one for a /0.  fn may see
 * an interface twice; it stops with non-zero.  -ENETUNREACH when there is none. */
int link_routes(struct nl *n, const struct net *to, int (*fn)(void *ctx, int index),
    void *ctx, struct err *e);

#endif
