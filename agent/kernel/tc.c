/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages all of tc.h is made of, and clsact: the qdisc without a queue that gives an
 * interface its two filter blocks and leaves the root alone.  It carries no identity of
 * ours, so it is only ever taken away when nobody's filter stands in it.
 */
#include "tc.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "err.h"
#include "nl.h"
#include "tc_msg.h"

enum { DUMP_TRIES = 5 };

struct tcmsg *
tc_begin(struct nl *n, uint16_t type, uint16_t flags, int ifindex, uint32_t parent)
{
	struct tcmsg *t = nl_begin(n, type, flags, sizeof(*t));

	t->tcm_ifindex = ifindex;
	t->tcm_parent = parent;
	return t;
}

int
tc_refused(struct nl *n, struct err *e, int rc, const char *what)
{
	const char *why = nl_why(n);

	return err_set(e, rc, "%s: %s%s%s%s", what, strerror(-rc),
	    *why != '\0' ? " (" : "", why, *why != '\0' ? ")" : "");
}

int
tc_missing(struct err *e, const char *module)
{
	return err_unsupported(e,
	    "this kernel has no %s (Debian: package linux-image-amd64 in place of the "
	    "cloud kernel; Fedora and RHEL: kernel-modules-extra)",
	    module);
}

struct dump {
	const struct tcmsg *what;
	tc_dump_fn fn;
	void *ctx;
};

/* The kernel dumps the qdiscs of every interface, whatever was asked for. */
static int
on_dumped(void *ctx, const struct nlmsghdr *h)
{
	const struct dump *d = ctx;
	const struct tcmsg *t = nlmsg_data(h);
	struct nlattr *tb[TCA_MAX + 1];

	if (nl_attrs(h, sizeof(*t), tb, TCA_MAX) < 0)
		return -EBADMSG;
	if (t->tcm_ifindex != d->what->tcm_ifindex ||
	    (d->what->tcm_parent != 0 && t->tcm_parent != d->what->tcm_parent))
		return 0;
	return d->fn(d->ctx, t, tb);
}

int
tc_dump(struct nl *n, uint16_t type, const struct tcmsg *what, tc_dump_fn fn, void *ctx)
{
	struct dump d = { .what = what, .fn = fn, .ctx = ctx };
	int rc = -EINTR;

	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		tc_begin(n, type, NLM_F_DUMP, what->tcm_ifindex, what->tcm_parent)
		    ->tcm_info = what->tcm_info;
		rc = nl_each(n, on_dumped, &d);
	}
	return rc;
}

static bool
is_kind(struct nlattr **tb, const char *kind)
{
	return tb[TCA_KIND] != NULL && nla_strcmp(tb[TCA_KIND], kind) == 0;
}

static int
is_ingress(void *ctx, const struct tcmsg *t, struct nlattr **tb)
{
	(void)ctx;
	(void)t;
	return is_kind(tb, "ingress") ? 1 : 0;
}

bool
tc_ingress_exists(struct nl *n, int ifindex)
{
	const struct tcmsg what = { .tcm_ifindex = ifindex, .tcm_parent = TC_H_CLSACT };

	return tc_dump(n, RTM_GETQDISC, &what, is_ingress, NULL) > 0;
}

static int
is_clsact(void *ctx, const struct tcmsg *t, struct nlattr **tb)
{
	(void)ctx;
	(void)t;
	return is_kind(tb, "clsact") ? 1 : 0;
}

/* 1 or 0, or a negative errno.  An `ingress` qdisc has the same parent and handle. */
static int
has_clsact(struct nl *n, int ifindex)
{
	const struct tcmsg what = { .tcm_ifindex = ifindex, .tcm_parent = TC_H_CLSACT };

	return tc_dump(n, RTM_GETQDISC, &what, is_clsact, NULL);
}

int
tc_clsact_add(struct nl *n, int ifindex, struct err *e)
{
	struct tcmsg *t =
	    tc_begin(n, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, TC_H_CLSACT);
	int rc;

	t->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	nl_put_str(n, TCA_KIND, "clsact");
	rc = nl_ask(n);
	if (rc == -EEXIST && has_clsact(n, ifindex) == 0)
		return err_set(e, -EBUSY,
		    "the interface has an 'ingress' qdisc in the place of clsact: take it "
		    "away, or use engine=nfqueue");
	if (rc == -ENOENT)
		return tc_missing(e, "sch_ingress");
	return rc < 0 ? tc_refused(n, e, rc, "add clsact") : 0;
}

bool
tc_clsact_exists(struct nl *n, int ifindex)
{
	int rc = has_clsact(n, ifindex);

	return rc != 0 && rc != -ENODEV; /* what cannot be told is not gone */
}

static int
is_any(void *ctx, const struct tcmsg *t, struct nlattr **tb)
{
	(void)ctx;
	(void)t;
	(void)tb;
	return 1;
}

/* Does anybody's filter or chain stand in this block?  1 also when that cannot be told. */
static bool
block_used(struct nl *n, int ifindex, uint32_t minor)
{
	const struct tcmsg what = { .tcm_ifindex = ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor) };

	return tc_dump(n, RTM_GETTFILTER, &what, is_any, NULL) != 0;
}

int
tc_clsact_remove_empty(struct nl *n, int ifindex, struct err *e)
{
	struct tcmsg *t;
	int rc = has_clsact(n, ifindex);

	if (rc <= 0)
		return rc < 0 ? tc_refused(n, e, rc, "list qdiscs") : 0;
	if (block_used(n, ifindex, TC_H_MIN_INGRESS) ||
	    block_used(n, ifindex, TC_H_MIN_EGRESS))
		return 0;
	t = tc_begin(n, RTM_DELQDISC, 0, ifindex, TC_H_CLSACT);
	t->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	nl_put_str(n, TCA_KIND, "clsact");
	rc = nl_ask(n);
	if (rc == -ENOENT || rc == -ENODEV)
		return 0;
	return rc < 0 ? tc_refused(n, e, rc, "delete clsact") : 1;
}
