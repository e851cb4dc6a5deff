/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What netem, or the kernel's filters, cannot do: the reasons for which the other engine is
 * taken.  Reads only, on a socket of its own, since it is asked before anything is planned.
 */
#include "netem.h"

#include <errno.h>
#include <linux/netlink.h>
#include <unistd.h>

#include "cleanup.h"
#include "nl.h"
#include "xalloc.h"

/* netem ends there without saying so: it keeps jitter as a signed 32-bit number of ns. */
#define NETEM_JITTER_MAX (INT32_MAX / NSEC_PER_USEC)

static int
check_owner(const struct flows *f, struct err *e)
{
	int fd;

	if (!flows_need_socket(f))
		return 0;
	if (f->ingress)
		return err_unsupported(
		    e, "filters cannot tell which cgroup a packet that arrives is for");
	fd = f->has_user ? tc_program_user(f->uid, e) :
			   tc_program_cgroup(f->cgroup_id, f->cgroup_level, e);
	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}

struct meeting {
	const struct netem_plan *p;
};

static int
meets(void *ctx, const struct net *net)
{
	const struct meeting *m = ctx;

	for (size_t i = 0; i < m->p->nets_count; i++) {
		const struct net *ours = &m->p->nets[i];

		if (net->family == 0 || net_covers(net, ours) || net_covers(ours, net))
			return 1;
	}
	return 0;
}

/* A packet that comes out of an ifb is not filtered again: two faults cannot both have it. */
static int
check_link(struct nl *n, const struct netem_plan *p, const struct link *l, int direction,
    struct err *e)
{
	struct meeting m = { p };

	if (tc_goto_each(n, l->index, direction, meets, &m) != 1)
		return 0;
	return err_unsupported(e,
	    "another netem fault on '%s' is for the same packets, and netem can only "
	    "have them once",
	    l->name);
}

static int
check_links(
    struct nl *n, const struct impair *i, const struct netem_plan *p, struct err *e)
{
	for (size_t k = 0; k < p->links_count; k++) {
		const struct link *l = &p->links[k];

		if (tc_ingress_exists(n, l->index))
			return err_unsupported(e,
			    "'%s' has an 'ingress' qdisc in the place of clsact",
			    l->name);
		if (i->flows.egress && check_link(n, p, l, TC_EGRESS, e) < 0)
			return e->code;
		if (i->flows.ingress && check_link(n, p, l, TC_INGRESS, e) < 0)
			return e->code;
	}
	return 0;
}

static int
check_filters(const struct impair *i, struct netem_plan *p, struct err *e)
{
	size_t count;

	p->nets_count = netem_nets(&i->flows, p->nets);
	count = netem_filters(&i->flows, p->nets, p->nets_count);
	if (count <= NETEM_FILTERS_MAX)
		return 0;
	return err_unsupported(e,
	    "netem would need %zu filters, of networks times ports; at most %d", count,
	    NETEM_FILTERS_MAX);
}

int
netem_can_do(const struct impair *i, struct err *e)
{
	_cleanup_free_ struct netem_plan *p = xcalloc(1, sizeof(*p));
	struct err none = { 0 };
	struct nl *n = NULL;
	int rc;

	if (i->full.jitter > NETEM_JITTER_MAX)
		return err_unsupported(e, "netem's jitter ends at 2.1s");
	/* it takes the remainder of each random number, which no longer tells what the
	 * one before it was */
	if (i->full.delay_correlation > 0)
		return err_unsupported(e, "netem cannot make delays correlate");
	if (check_owner(&i->flows, e) < 0 || check_filters(i, p, e) < 0 ||
	    nl_open(&n, NETLINK_ROUTE, e) < 0)
		return e->code;
	rc = netem_find_links(n, &i->flows, p, &none);
	if (rc == -E2BIG) /* no route at all is for the plan to refuse */
		(void)err_unsupported(e, "%s", none.msg);
	else if (rc == 0)
		rc = check_links(n, i, p, e);
	nl_free(n);
	return rc == -E2BIG || rc == -EOPNOTSUPP ? e->code : 0;
}
