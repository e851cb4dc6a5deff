/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPSET_H
#define IPSET_H
/*
 * Kernel ipsets of type hash:net over netfilter netlink.  A rule matches on a set that is
 * empty until the fault is armed: arming and disarming are one message each (about 2 µs).
 * hash:net refuses /0, so 0.0.0.0/0 is stored as its two halves.
 */
#include "parse.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;

/* family 4 or 6; with packet counters; room for max elements.  -EEXIST if taken. */
int ipset_create(struct nl *n, const char *name, int family, size_t max, struct err *e);
/* Adds nets, all of the set's family, in as few messages as fit.  Returns how many elements
 * that was (a /0 counts two; those already present count too), or a negative errno. */
int ipset_add(
    struct nl *n, const char *name, const struct net *nets, size_t count, struct err *e);
int ipset_flush(struct nl *n, const char *name, struct err *e);   /* -ENOENT if gone */
int ipset_destroy(struct nl *n, const char *name, struct err *e); /* -ENOENT if gone */

struct ipset_info {
	uint32_t elements;
	uint32_t references; /* rules that match on it */
	uint64_t packets;    /* sum of its elements' counters */
};
int ipset_info(struct nl *n, const char *name, struct ipset_info *ret, struct err *e);
/* Names of all sets of this namespace. */
int ipset_each(
    struct nl *n, int (*fn)(void *ctx, const char *name), void *ctx, struct err *e);
/* -EOPNOTSUPP when the kernel has no ip_set / hash:net; names the package. */
int ipset_supported(struct nl *n, struct err *e);

#endif
