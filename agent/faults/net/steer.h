/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEER_H
#define STEER_H
/*
 * Sending chosen packets to a verdict, shared by net.partition (DROP, REJECT) and by the
 * NFQUEUE engine of net.delay.
 *
 * Per address family one set sd-<id8>-4|6 and, per direction, one chain SD-<id8>-I|O that
 * INPUT or OUTPUT jumps to first.  Stage makes all of it with an empty set; apply is one
 * message per family that fills the set; disarm is one that empties it.  What no fault may
 * cut returns before any verdict: logged-in SSH sessions, stormd's own TCP port, neighbour
 * discovery, DHCP.
 */
#include "fault.h"
#include "iptables.h"
#include "ssh.h"

enum { STEER_V4, STEER_V6, STEER_FAMILIES };

enum { STEER_SSH_MAX = 64 };

struct steer {
	/* Filled in by the fault before steer_prepare; networks come from its spec. */
	const char *table;     /* "filter", "mangle" */
	int hooks;             /* HOOK_IN | HOOK_OUT */
	uint8_t protocol;      /* IPPROTO_TCP, IPPROTO_UDP, 0 any */
	uint16_t port;         /* remote port, 0 any; without protocol of tcp and udp */
	const char *interface; /* "" any */
	/* What follows -j: for TCP, and for everything else. */
	const char *tcp[STEER_FAMILIES], *other[STEER_FAMILIES];
	bool passes_answers;  /* resets and port-unreachables pass: with REJECT */
	bool passes_loopback; /* what goes over lo, whatever its addresses */

	/* steer's own */
	bool is_used[STEER_FAMILIES];
	char set[STEER_FAMILIES][16];
	char chain_in[16], chain_out[16];
	struct net nets[STEER_FAMILIES][2 * SPEC_NETS_MAX]; /* distinct, none of /0 */
	size_t count[STEER_FAMILIES];
	uint32_t rules[STEER_FAMILIES];   /* that match on the set */
	const char *protected_interfaces; /* by policy: traffic there passes */
	struct ssh_session ssh[STEER_SSH_MAX];
	size_t ssh_count;
	uint16_t control_port; /* stormd's own: TCP to and from it passes; 0 none */
	int chain_use[STEER_FAMILIES]
		     [2]; /* in, out: at verify; negative: not to be had */
};

/* -EOPNOTSUPP naming what is missing: ipset in the kernel, iptables. */
int steer_supported(struct err *e);
/* Reads only: names, families, exemptions; fills undo and ops of the run. */
int steer_prepare(struct fault_run *r, struct steer *s, struct err *e);
int steer_stage(struct fault_run *r, struct steer *s, struct err *e);
int steer_apply(struct fault_run *r, struct steer *s, struct err *e);
/* Are all networks in the sets and do the rules match on them?  Fills r->effect. */
int steer_verify(struct fault_run *r, struct steer *s, struct err *e);
/* Packets matched so far, into r->effect; r->lost and a note when a third party took the
 * rules or the networks away. */
int steer_hold(struct fault_run *r, struct steer *s, struct err *e);

/* The rules of one chain as iptables-restore takes them; the caller frees them.  ret_sets
 * counts those that match on the set. */
char *steer_rules(const struct steer *s, int family, int hook, uint32_t *ret_sets);

#endif
