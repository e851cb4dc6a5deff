/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CHECK_H
#define NET_CHECK_H
/*
 * The rules between the parameters that network kinds share (net_params.h).  A parameter
 * that a kind does not have counts as absent, so that each may ask for all of them.
 */
struct spec;
struct err;

/* Only one of pid and container, and a container's name that can be one. */
int net_check_network(const struct spec *s, struct err *e);
/* Of all that choose packets, the network among them. */
int net_check_packets(const struct spec *s, struct err *e);
/* Of from, ramp and flap; `own` is the kind's own parameter, which from is of. */
int net_check_course(const struct spec *s, const char *own, struct err *e);
/* All of an impairment. */
int net_check_impairment(const struct spec *s, const char *own, struct err *e);

#endif
