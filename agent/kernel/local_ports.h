/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_PORTS_H
#define LOCAL_PORTS_H
/*
 * The ephemeral ports of this network namespace: those that the kernel gives to a program
 * which connects without having asked for one.
 */
#include "parse.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

struct port_set {
	uint64_t bits[1024];
};
bool port_set_has(const struct port_set *s, uint16_t port);
void port_set_add(struct port_set *s, uint16_t port);

/* ip_local_port_range, and which of it ip_local_reserved_ports takes out. */
int local_ports_read(
    struct port_range *ret, struct port_set *ret_reserved, struct err *e);
/* Every local port that a socket of the protocol has, in any state, as far as this kernel
 * lists them: before Linux 6.8 not those of TCP that are bound and nothing more.
 * `diag` is of sock_diag_open. */
int local_ports_used(
    struct nl *diag, uint8_t protocol, struct port_set *ret, struct err *e);

#endif
