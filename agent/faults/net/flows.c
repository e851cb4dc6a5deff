/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the parameters that all network kinds share to numbers, read once.  The kinds differ
 * in which of them they have, and in the words for a direction.
 */
#include "flows.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "link.h"
#include "nl.h"

enum { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP }; /* as in the kinds' choices */

static bool
has(const struct fault_run *r, const char *name)
{
	return kind_param(kind_find(r->spec->kind), name) != NULL &&
	       spec_has(r->spec, name);
}

/* "in", "egress", "both": by its first letter, which the kinds have in common. */
static void
read_direction(const struct fault_run *r, struct flows *f)
{
	char word[16] = "both";

	if (has(r, "direction"))
		(void)spec_format(r->spec, "direction", word, sizeof(word));
	f->egress = word[0] != 'i';
	f->ingress = word[0] == 'i' || word[0] == 'b';
}

static uint8_t
chosen_protocol(const struct fault_run *r)
{
	if (!has(r, "protocol"))
		return 0;
	switch (spec_num(r->spec, "protocol")) {
	case PROTOCOL_TCP:
		return IPPROTO_TCP;
	case PROTOCOL_UDP:
		return IPPROTO_UDP;
	default:
		return IPPROTO_ICMP;
	}
}

static int
read_interfaces(struct fault_run *r, struct flows *f, struct err *e)
{
	struct link l;

	if (!has(r, "interface"))
		return 0;
	(void)snprintf(f->interfaces[0], sizeof(f->interfaces[0]), "%s",
	    spec_text(r->spec, "interface"));
	f->interfaces_count = 1;
	return link_find(undo_ctx_nl(r->ctx, NETLINK_ROUTE), f->interfaces[0], &l, e);
}

static int
is_loopback(void *ctx, const struct link *l)
{
	return l->is_loopback && l->index == *(const int *)ctx;
}

/* No network fault parts a host from itself: services that talk within it go on, even by
 * an address of the host's that is in "any" or in a network.  Who wants that names an
 * address that the route leads to over loopback. */
static bool
means_loopback(struct fault_run *r)
{
	struct nl *n = undo_ctx_nl(r->ctx, NETLINK_ROUTE);
	struct err none = { 0 };
	int index;

	for (size_t i = 0; i < r->spec->nets_count; i++) {
		const struct net *net = &r->spec->nets[i];

		if (net->prefix > 0 && link_route(n, net, &index, &none) == 0 &&
		    link_each(n, is_loopback, &index, &none) == 1)
			return true;
	}
	return false;
}

static int
read_exempt(struct fault_run *r, struct flows *f, struct err *e)
{
	int rc = ssh_sessions(f->ssh, FLOWS_SSH_MAX, e);

	if (rc < 0)
		return rc;
	f->ssh_count = (size_t)rc;
	f->control_port = r->protect->control_port;
	f->protected_interfaces = r->protect->interfaces;
	if (f->ssh_count > 0)
		fault_op(r, "stage: %zu logged-in SSH session%s exempt", f->ssh_count,
		    f->ssh_count == 1 ? " is" : "s are");
	if (f->control_port != 0)
		fault_op(
		    r, "stage: the agent's own TCP port %u is exempt", f->control_port);
	return 0;
}

int
flows_read(struct fault_run *r, struct flows *ret, struct err *e)
{
	*ret = (struct flows){ .share = FLOWS_SHARE_ALL,
		.nets = r->spec->nets,
		.nets_count = r->spec->nets_count };
	read_direction(r, ret);
	ret->protocol = chosen_protocol(r);
	if (has(r, "port")) {
		ret->ports[0].from = (uint16_t)spec_num(r->spec, "port");
		ret->ports[0].to = ret->ports[0].from;
		ret->ports_count = 1;
	}
	if (read_interfaces(r, ret, e) < 0)
		return e->code;
	ret->passes_loopback = ret->interfaces_count == 0 && !means_loopback(r);
	return read_exempt(r, ret, e);
}

bool
flows_need_socket(const struct flows *f)
{
	return f->has_user || f->has_cgroup;
}
