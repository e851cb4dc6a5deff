/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEER_RULES_H
#define STEER_RULES_H
/* The two halves of a chain's text: what passes (steer_rules_pass.c), what matches. */
#include "steer_iptables.h"
#include <stdio.h>

struct rules {
	FILE *f;
	const struct steer *steer;
	const char *chain;
	int family, hook;
	uint32_t sets;
};

/* The rules that return. */
void steer_pass(const struct rules *r);
/* "80,8000:8100": what -m multiport takes, seven ranges at most. */
void steer_put_ports(FILE *f, const struct port_range *ports, size_t count);

#endif
