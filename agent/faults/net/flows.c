/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the parameters that all network kinds share to numbers, read once.  The kinds differ
 * in which of them they have, and in the words for a direction.
 */
#include "flows.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "flows_owner.h"
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

/* A list of ranges in most kinds, one port in some. */
static size_t
read_ports(const struct fault_run *r, const char *name, struct port_range *ret)
{
	if (!has(r, name))
		return 0;
	if (kind_param(kind_find(r->spec->kind), name)->type != PARAM_PORT)
		return spec_ports(r->spec, name, ret, PORT_RANGES_MAX);
	ret->from = ret->to = (uint16_t)spec_num(r->spec, name);
	return 1;
}

/* Of those named some may be protected: they pass, but one must be left. */
static int
read_interfaces(struct fault_run *r, struct flows *f, struct err *e)
{
	struct nl *n = undo_ctx_nl(r->ctx, NETLINK_ROUTE);
	size_t protected = 0;
	const char *name;

	for (; has(r, "interface") &&
	       (name = spec_string(r->spec, "interface", f->interfaces_count)) != NULL;
	     f->interfaces_count++) {
		char *to = f->interfaces[f->interfaces_count];
		struct link l;

		if (f->interfaces_count == FLOWS_INTERFACES_MAX)
			return err_invalid(e, "at most %d interfaces can be named",
			    FLOWS_INTERFACES_MAX);
		(void)snprintf(to, sizeof(f->interfaces[0]), "%s", name);
		if (link_ask(n, to, &l, e) < 0)
			return e->code;
		protected += protect_names(r->protect->interfaces, to);
	}
	if (protected > 0 && protected == f->interfaces_count)
		return err_refused(e, "policy protects %s",
		    protected == 1 ? f->interfaces[0] : "all interfaces named");
	return 0;
}

/* Without a seed each fault chooses for itself, by its id. */
static void
read_share(const struct fault_run *r, struct flows *f)
{
	uint64_t seed;

	memcpy(&seed, r->spec->id, sizeof(seed));
	if (has(r, "seed"))
		seed = (uint64_t)spec_num(r->spec, "seed");
	f->seed = (uint32_t)(seed ^ seed >> 32);
	f->share =
	    has(r, "share") ? (uint32_t)spec_num(r->spec, "share") : FLOWS_SHARE_ALL;
}

/* Packets that come in have no owner yet. */
static int
read_user(const struct fault_run *r, struct flows *f, struct err *e)
{
	if (!has(r, "user"))
		return 0;
	if (!f->egress)
		return err_invalid(e, "user knows only packets that leave this host");
	f->ingress = false;
	f->has_user = true;
	return user_find(USER_PASSWD, spec_text(r->spec, "user"), &f->uid, e);
}

static int
read_cgroup(const struct fault_run *r, struct flows *f, struct err *e)
{
	int root;

	if (!has(r, "cgroup"))
		return 0;
	root = undo_ctx_cgroup(r->ctx, e);
	return root < 0 ? root :
			  flows_read_cgroup(f, root, spec_text(r->spec, "cgroup"), e);
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

static void
tell_exempt(struct fault_run *r, const struct flows *f)
{
	if (f->ssh_count > 0)
		fault_op(r, "stage: %zu logged-in SSH session%s exempt", f->ssh_count,
		    f->ssh_count == 1 ? " is" : "s are");
	if (f->control_port != 0)
		fault_op(
		    r, "stage: the agent's own TCP port %u is exempt", f->control_port);
	for (const char *p = f->protected_interfaces; *p != '\0'; p += strlen(p) + 1)
		fault_op(r, "stage: interface %s is exempt by policy", p);
	if (f->excludes_count > 0)
		fault_op(r, "stage: %zu excluded address%s or network%s exempt",
		    f->excludes_count, f->excludes_count == 1 ? "" : "es",
		    f->excludes_count == 1 ? " is" : "s are");
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
	if (has(r, "exclude"))
		f->excludes_count =
		    spec_addrs(r->spec, "exclude", f->excludes, FLOWS_EXCLUDES_MAX);
	f->exclude_ports_count = read_ports(r, "exclude_port", f->exclude_ports);
	tell_exempt(r, f);
	return 0;
}

static bool
is_excluded(const struct flows *f, const struct net *net)
{
	for (size_t i = 0; i < f->excludes_count; i++) {
		if (net_covers(&f->excludes[i], net))
			return true;
	}
	return false;
}

static int
check_something_left(const struct flows *f, struct err *e)
{
	for (size_t i = 0; i < f->nets_count; i++) {
		if (!is_excluded(f, &f->nets[i]))
			return 0;
	}
	return err_invalid(e, "everything that 'to' names is excluded");
}

int
flows_read(struct fault_run *r, struct flows *ret, struct err *e)
{
	*ret = (struct flows){ .nets = r->spec->nets, .nets_count = r->spec->nets_count };
	read_direction(r, ret);
	read_share(r, ret);
	ret->protocol = chosen_protocol(r);
	ret->ports_count = read_ports(r, "port", ret->ports);
	ret->local_ports_count = read_ports(r, "local_port", ret->local_ports);
	if (read_interfaces(r, ret, e) < 0 || read_user(r, ret, e) < 0 ||
	    read_cgroup(r, ret, e) < 0)
		return e->code;
	ret->passes_loopback = ret->interfaces_count == 0 && !means_loopback(r);
	return read_exempt(r, ret, e) < 0 ? e->code : check_something_left(ret, e);
}

bool
flows_need_socket(const struct flows *f)
{
	return f->has_user || f->has_cgroup;
}
