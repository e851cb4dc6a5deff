/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.partition: packets to and from chosen networks are dropped, or rejected so that the
 * sender learns at once.  All the work is in steer.c; this file only says which packets and
 * what becomes of them.
 */
#include "fault.h"
#include "steer.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

enum { DIRECTION_IN, DIRECTION_OUT, DIRECTION_BOTH }; /* as in the kind's choices */
enum { PROTOCOL_TCP, PROTOCOL_UDP };
enum { MODE_DROP, MODE_REJECT };

static int
chosen_hooks(const struct spec *spec)
{
	switch (spec_num(spec, "direction")) {
	case DIRECTION_IN:
		return HOOK_IN;
	case DIRECTION_OUT:
		return HOOK_OUT;
	default:
		return HOOK_IN | HOOK_OUT;
	}
}

static uint8_t
chosen_protocol(const struct spec *spec)
{
	if (!spec_has(spec, "protocol"))
		return 0;
	return spec_num(spec, "protocol") == PROTOCOL_TCP ? IPPROTO_TCP : IPPROTO_UDP;
}

static void
choose_verdicts(struct steer *s, bool rejects)
{
	static const char *const unreachable[] = {
		"REJECT --reject-with icmp-port-unreachable",
		"REJECT --reject-with icmp6-port-unreachable",
	};

	for (int f = 0; f < STEER_FAMILIES; f++) {
		s->tcp[f] = rejects ? "REJECT --reject-with tcp-reset" : "DROP";
		s->other[f] = rejects ? unreachable[f] : "DROP";
	}
	s->passes_answers = rejects;
}

static bool
is_loopback(const struct net *net)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (net->family == 4)
		return net->prefix >= 8 && net->addr[0] == 127;
	return net->prefix == 128 && memcmp(net->addr, one, sizeof(one)) == 0;
}

/* No cut in a network parts a host from itself: services that talk within it go on, even
 * by an address of the host's that is in "any" or in a network.  Who wants that names it. */
static bool
means_loopback(const struct spec *spec)
{
	for (size_t i = 0; i < spec->nets_count; i++)
		if (is_loopback(&spec->nets[i]))
			return true;
	return false;
}

static int
net_partition_prepare(struct fault_run *r, struct err *e)
{
	struct steer *s = xcalloc(1, sizeof(*s));
	int rc;

	r->state = s;
	s->table = "filter";
	s->hooks = chosen_hooks(r->spec);
	s->protocol = chosen_protocol(r->spec);
	s->port = (uint16_t)spec_num(r->spec, "port");
	s->interface = spec_text(r->spec, "interface");
	s->passes_loopback = s->interface[0] == '\0' && !means_loopback(r->spec);
	choose_verdicts(s, spec_num(r->spec, "mode") == MODE_REJECT);
	rc = steer_prepare(r, s, e);
	if (rc < 0)
		return rc;
	(void)snprintf(r->note, sizeof(r->note), "%zu IPv4 and %zu IPv6 networks",
	    s->count[STEER_V4], s->count[STEER_V6]);
	return 0;
}

static int
net_partition_stage(struct fault_run *r, struct err *e)
{
	return steer_stage(r, r->state, e);
}

static int
net_partition_apply(struct fault_run *r, struct err *e)
{
	return steer_apply(r, r->state, e);
}

static int
net_partition_verify(struct fault_run *r, struct err *e)
{
	return steer_verify(r, r->state, e);
}

static int
net_partition_hold(struct fault_run *r, struct err *e)
{
	return steer_hold(r, r->state, e);
}

const struct fault fault_net_partition = {
	.kind = &kind_net_partition,
	.effect_unit = "packets",
	.supported = steer_supported,
	.how = fault_how_plain,
	.prepare = net_partition_prepare,
	.stage = net_partition_stage,
	.apply = net_partition_apply,
	.verify = net_partition_verify,
	.hold = net_partition_hold,
	.release = fault_release_nothing,
	.runs_tools = true,
};
