/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOWS_H
#define FLOWS_H
/*
 * Which packets a network fault is meant for: what the parameters say that all network
 * kinds share, read once from the spec, names pinned to numbers.  Plain data; how packets
 * are found by it is the business of steer.h (rules) and netem.h (filters).
 *
 * A packet is matched when its far side is in `nets` and everything that was named besides
 * holds, too; never when it is excluded or exempt.  Remote and local are as this host sees
 * them: on egress the destination is remote, on ingress the source.
 */
#include "fault.h"
#include "ssh.h"
#include <linux/filter.h>

enum {
	FLOWS_INTERFACES_MAX = 8,
	FLOWS_EXCLUDES_MAX = 64,
	FLOWS_SSH_MAX = 64,
	FLOWS_SHARE_ALL = 100000, /* thousandths of a percent */
};

struct flows {
	bool egress, ingress;
	uint8_t protocol;       /* IPPROTO_TCP, _UDP, _ICMP (ICMPv6 with it), 0 any */
	const struct net *nets; /* the spec's `to` */
	size_t nets_count;
	struct port_range ports[PORT_RANGES_MAX]; /* remote; with any: TCP and UDP only */
	size_t ports_count;
	struct port_range local_ports[PORT_RANGES_MAX];
	size_t local_ports_count;
	char interfaces[FLOWS_INTERFACES_MAX][16]; /* none: wherever the route leads */
	size_t interfaces_count;
	struct net excludes[FLOWS_EXCLUDES_MAX]; /* far sides that pass */
	size_t excludes_count;
	struct port_range exclude_ports[PORT_RANGES_MAX]; /* remote or local: they pass */
	size_t exclude_ports_count;
	/* of all connections, by flow_hash: a flow is in or out for as long as it lives, in
	 * both directions and by every engine alike */
	uint32_t share, seed;
	bool has_user, has_cgroup;
	uint32_t uid;          /* who owns the local socket: egress only */
	char cgroup[256];      /* v2, relative to the root, without its '/' */
	uint64_t cgroup_id;    /* inode of its directory */
	unsigned cgroup_level; /* depth below the root: 1 is a child of it */
	/* Loopback is left alone unless an interface or an address of its own is named. */
	bool passes_loopback;

	/* What no fault may cut. */
	struct ssh_session ssh[FLOWS_SSH_MAX]; /* logged-in sessions */
	size_t ssh_count;
	uint16_t control_port; /* stormd's own: TCP to and from it passes; 0 none */
	const char *protected_interfaces; /* by policy, NUL-separated, ended by "" */
};

/* From r->spec and r->protect; parameters that the kind does not have count as absent.
 * Reads only: -ENODEV for an interface that is not there, -ENOENT for a user or cgroup,
 * OUTCOME_REFUSED when only protected interfaces are named.  Adds an operation for each
 * kind of exemption there is ("2 logged-in SSH sessions are exempt"). */
int flows_read(struct fault_run *r, struct flows *ret, struct err *e);
/* Is any restriction in it that only a socket can answer (user, cgroup)? */
bool flows_need_socket(const struct flows *f);

/*
 * The share as classic BPF, which xt_bpf (iptables -m bpf, 64 instructions at most) and
 * cls_bpf run: returns 1 when the flow is in the share, else 0; packets of another family
 * (4 or 6) than asked for are not in it.  It loads relative to the network header
 * (SKF_NET_OFF), is symmetric in the two ends, and hashes addresses, protocol and, in
 * packets that are no fragments, the ports of TCP and UDP.  Behind IPv6 extension headers
 * it looks for no ports, except behind the one of fragments, where the protocol is found.
 */
enum { FLOW_HASH_MAX = 64 };
size_t flow_hash_program(uint8_t family, uint32_t seed, uint32_t share,
    struct sock_filter ret[static FLOW_HASH_MAX]);
/* The same answer for one flow, for tests and for who has no packet.  Ports 0: what a
 * fragment of it gets. */
struct flow {
	struct net local, remote; /* addresses of one family */
	uint16_t local_port, remote_port;
	uint8_t protocol;
};
bool flow_hash_is_in(uint32_t seed, uint32_t share, const struct flow *f);

#endif
