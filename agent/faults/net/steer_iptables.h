/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEER_IPTABLES_H
#define STEER_IPTABLES_H
/*
 * The backend of steer.h by iptables and ipset: per address family one set sd-<id8>-4|6
 * and, per direction, one chain SD-<id8>-I|O that INPUT or OUTPUT jumps to first.
 */
#include "iptables.h"
#include "steer.h"

struct iptables_steer {
	const char *table; /* "filter"; "mangle" or "security" for a queue */
	int hooks;         /* HOOK_IN | HOOK_OUT */
	char set[STEER_FAMILIES][16];
	char chain_in[16], chain_out[16];
	/* what is excluded, filled by stage; there only if it holds any */
	char exclude_set[STEER_FAMILIES][16];
	uint32_t rules[STEER_FAMILIES];   /* that match on the set */
	uint64_t counted[STEER_FAMILIES]; /* packets before the last rest */
	int claim; /* on the table: closed by the process's end; -1 none */
	/* in, out: at verify; negative: not to be had */
	int chain_use[STEER_FAMILIES][2];
	bool rests;
};

/* The backend's, of steer_iptables_plan.c. */
int iptables_steer_supported(struct err *e);
int iptables_steer_can_do(const struct steer *s, struct err *e);
int iptables_steer_prepare(struct fault_run *r, struct steer *s, struct err *e);
/* The rules of one chain as iptables-restore takes them; the caller frees them.  ret_sets
 * counts those that match on the set. */
char *steer_rules(const struct steer *s, int family, int hook, uint32_t *ret_sets);

#endif
