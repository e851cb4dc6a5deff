/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces over rtnetlink: find, list, and make and delete the one kind of our own, ifb.
 * Deleting insists on name *and* kind, since a name alone proves nothing.
 */
#include "link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "err.h"
#include "nl.h"
#include "parse.h"
#include "xalloc.h"

enum { DUMP_TRIES = 5 };

/* ": Device or resource busy (Device is a member of a bridge)", without the bracket when
 * the kernel gave no words of its own. */
static int
refused(const struct nl *n, struct err *e, int rc, const char *what, const char *name)
{
	const char *why = nl_why(n);

	return err_set(e, rc, "%s '%s': %s%s%s%s", what, name, strerror(-rc),
	    *why != '\0' ? " (" : "", why, *why != '\0' ? ")" : "");
}

static void
read_kind(struct link *l, struct nlattr *info)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1];

	if (nla_parse_nested(tb, IFLA_INFO_MAX, info, NULL) == 0 &&
	    tb[IFLA_INFO_KIND] != NULL)
		(void)nla_strlcpy(l->kind, tb[IFLA_INFO_KIND], sizeof(l->kind));
}

static int
read_link(struct link *l, const struct nlmsghdr *h)
{
	const struct ifinfomsg *ifi = nlmsg_data(h);
	struct nlattr *tb[IFLA_MAX + 1];

	if (h->nlmsg_type != RTM_NEWLINK || nl_attrs(h, sizeof(*ifi), tb, IFLA_MAX) < 0)
		return -EBADMSG;
	*l = (struct link){
		.index = ifi->ifi_index,
		.is_up = (ifi->ifi_flags & IFF_UP) != 0,
		.is_loopback = (ifi->ifi_flags & IFF_LOOPBACK) != 0,
	};
	if (tb[IFLA_IFNAME] != NULL)
		(void)nla_strlcpy(l->name, tb[IFLA_IFNAME], sizeof(l->name));
	if (tb[IFLA_MTU] != NULL)
		l->mtu = nla_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_LINKINFO] != NULL)
		read_kind(l, tb[IFLA_LINKINFO]);
	return 0;
}

static int
on_link(void *ctx, const struct nlmsghdr *h)
{
	return read_link(ctx, h);
}

int
link_find(struct nl *n, const char *name, struct link *ret, struct err *e)
{
	struct link l = { 0 };
	int rc;

	(void)nl_begin(n, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	nl_put_str(n, IFLA_IFNAME, name);
	rc = nl_each(n, on_link, &l);
	if (rc == -ENODEV)
		return err_set(e, rc, "no interface '%s'", name);
	if (rc < 0)
		return refused(n, e, rc, "look up interface", name);
	*ret = l;
	return 0;
}

struct link_list {
	struct link *links;
	size_t count, room;
};

static int
collect_link(void *ctx, const struct nlmsghdr *h)
{
	struct link_list *list = ctx;

	if (list->count == list->room) {
		list->room = list->room == 0 ? 16 : 2 * list->room;
		list->links = xrealloc(list->links, list->room * sizeof(*list->links));
	}
	return read_link(&list->links[list->count++], h);
}

/* Collected first: fn may use the socket, and a dump that was disturbed starts anew. */
int
link_each(
    struct nl *n, int (*fn)(void *ctx, const struct link *l), void *ctx, struct err *e)
{
	struct link_list list = { 0 };
	int rc = -EINTR;

	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		list.count = 0;
		(void)nl_begin(n, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		rc = nl_each(n, collect_link, &list);
	}
	_cleanup_free_ struct link *links = list.links;

	if (rc < 0)
		return err_set(e, rc, "list interfaces: %s", strerror(-rc));
	for (size_t i = 0; i < list.count && rc == 0; i++)
		rc = fn(ctx, &links[i]);
	return rc;
}

struct names {
	char text[160];
	size_t used;
};

static int
on_name(void *ctx, const struct link *l)
{
	struct names *names = ctx;
	int more = snprintf(names->text + names->used, sizeof(names->text) - names->used,
	    "%s%s", names->used == 0 ? "" : ", ", l->name);

	if (more < 0 || names->used + (size_t)more >= sizeof(names->text)) {
		names->text[names->used] = '\0'; /* whole names only */
		return 1;
	}
	names->used += (size_t)more;
	return 0;
}

int
link_ask(struct nl *n, const char *name, struct link *ret, struct err *e)
{
	struct names there = { .used = 0 };
	struct err why = { 0 };
	int rc = link_find(n, name, ret, e);

	if (rc != -ENODEV)
		return rc;
	(void)link_each(n, on_name, &there, &why); /* no more than a help */
	return there.used == 0 ?
		   rc :
		   err_set(e, rc, "no interface '%s': there are %s", name, there.text);
}

/* Else it would speak for itself once it is up (router solicitations), and that would be
 * counted as packets of the fault.  Without IPv6 there is nothing to silence. */
static void
silence(struct nl *n, int index)
{
	struct ifinfomsg *ifi = nl_begin(n, RTM_NEWLINK, 0, sizeof(*ifi));
	void *families, *inet6;

	ifi->ifi_index = index;
	families = nl_nest(n, IFLA_AF_SPEC);
	inet6 = nl_nest(n, AF_INET6);
	nl_put_u8(n, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nl_nest_end(n, inet6);
	nl_nest_end(n, families);
	(void)nl_ask(n);
}

static void
begin_ifb(struct nl *n, const char *name)
{
	void *nest;

	(void)nl_begin(
	    n, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_str(n, IFLA_IFNAME, name);
	nest = nl_nest(n, IFLA_LINKINFO);
	nl_put_str(n, IFLA_INFO_KIND, "ifb");
	nl_nest_end(n, nest);
}

static int
no_ifb(struct err *e)
{
	return err_unsupported(e,
	    "this kernel has no ifb links (module ifb; Debian: linux-image-amd64, "
	    "Fedora: kernel-modules)");
}

/* A link cannot have that many queues: refused once its kind was found. */
int
link_supports_ifb(struct nl *n, struct err *e)
{
	begin_ifb(n, "sd-probe");
	nl_put_u32(n, IFLA_NUM_TX_QUEUES, UINT32_MAX);
	return nl_ask(n) == -EOPNOTSUPP ? no_ifb(e) : 0;
}

int
link_add_ifb(struct nl *n, const char *name, int *ret_index, struct err *e)
{
	struct link l;
	int rc;

	begin_ifb(n, name);
	rc = nl_ask(n);
	if (rc == -EOPNOTSUPP)
		return no_ifb(e);
	if (rc < 0)
		return refused(n, e, rc, "add link", name);
	rc = link_find(n, name, &l, e);
	if (rc < 0)
		return rc;
	silence(n, l.index);
	*ret_index = l.index;
	return 0;
}

int
link_up(struct nl *n, int index, struct err *e)
{
	struct ifinfomsg *ifi = nl_begin(n, RTM_NEWLINK, 0, sizeof(*ifi));
	int rc;

	ifi->ifi_index = index;
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	rc = nl_ask(n);
	if (rc < 0)
		return err_set(e, rc, "set interface %d up: %s", index, strerror(-rc));
	return 0;
}

int
link_delete(struct nl *n, const char *name, const char *kind, struct err *e)
{
	struct ifinfomsg *ifi;
	struct link l;
	int rc = link_find(n, name, &l, e);

	if (rc < 0)
		return rc;
	if (strcmp(l.kind, kind) != 0)
		return err_set(
		    e, -ENODEV, "interface '%s' is not of kind %s", name, kind);
	ifi = nl_begin(n, RTM_DELLINK, 0, sizeof(*ifi));
	ifi->ifi_index = l.index;
	rc = nl_ask(n);
	if (rc < 0)
		return refused(n, e, rc, "delete link", name);
	return 0;
}

static int
on_route(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[RTA_MAX + 1];

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    nl_attrs(h, sizeof(struct rtmsg), tb, RTA_MAX) < 0)
		return -EBADMSG;
	if (tb[RTA_OIF] == NULL)
		return -ENETUNREACH;
	*(int *)ctx = (int)nla_get_u32(tb[RTA_OIF]);
	return 0;
}

/* The kernel routes the address 0 to loopback, so "everywhere" is asked for by an address
 * of the documentation ranges, which only a default route leads to. */
static const void *
route_address(const struct net *to)
{
	static const uint8_t doc4[4] = { 192, 0, 2, 1 };
	static const uint8_t doc6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	if (to->prefix > 0)
		return to->addr;
	return to->family == 4 ? doc4 : doc6;
}

int
link_route(struct nl *n, const struct net *to, int *ret_index, struct err *e)
{
	struct rtmsg *rtm = nl_begin(n, RTM_GETROUTE, 0, sizeof(*rtm));
	char name[64];
	int index = 0, rc;

	rtm->rtm_family = to->family == 4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = to->family == 4 ? 32 : 128;
	nl_put(n, RTA_DST, route_address(to), to->family == 4 ? 4 : 16);
	rc = nl_each(n, on_route, &index);
	if (rc < 0)
		return err_set(e, -ENETUNREACH, "no route to %s: %s",
		    format_net(to, name, sizeof(name)), strerror(-rc));
	*ret_index = index;
	return 0;
}

struct route_search {
	const struct net *to;
	int found[64]; /* distinct: fn may use the socket, so it is called afterwards */
	size_t count;
};

static void
note_route(struct route_search *s, int index)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->found[i] == index)
			return;
	if (s->count < ARRAY_LEN(s->found))
		s->found[s->count++] = index;
}

/* Do the first `bits` bits agree? */
static bool
same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

/* Every interface has a link-local route; only who asks for such an address means it. */
static bool
is_route_to(const struct net *to, const struct rtmsg *rtm, struct nlattr *dst)
{
	static const uint8_t any[16], link_local[] = { 0xfe, 0x80 };
	const uint8_t *addr = dst != NULL ? nla_data(dst) : any;

	if (rtm->rtm_type != RTN_UNICAST || rtm->rtm_table == RT_TABLE_LOCAL ||
	    rtm->rtm_dst_len < to->prefix)
		return false;
	if (to->family == 6 && to->prefix < 10 && rtm->rtm_dst_len >= 10 &&
	    same_prefix(addr, link_local, 10))
		return false;
	return same_prefix(addr, to->addr, to->prefix);
}

static void
note_multipath(struct route_search *s, struct nlattr *multipath)
{
	const struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);

	for (; RTNH_OK(hop, left);
	     left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		note_route(s, hop->rtnh_ifindex);
}

static int
on_dumped_route(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[RTA_MAX + 1];
	struct route_search *s = ctx;

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    nl_attrs(h, sizeof(struct rtmsg), tb, RTA_MAX) < 0)
		return -EBADMSG;
	if (!is_route_to(s->to, nlmsg_data(h), tb[RTA_DST]))
		return 0;
	if (tb[RTA_OIF] != NULL)
		note_route(s, (int)nla_get_u32(tb[RTA_OIF]));
	if (tb[RTA_MULTIPATH] != NULL)
		note_multipath(s, tb[RTA_MULTIPATH]);
	return 0;
}

int
link_routes(struct nl *n, const struct net *to, int (*fn)(void *ctx, int index),
    void *ctx, struct err *e)
{
	struct route_search s = { .to = to };
	struct err none = { 0 };
	int index, rc = -EINTR;

	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		struct rtmsg *rtm = nl_begin(n, RTM_GETROUTE, NLM_F_DUMP, sizeof(*rtm));

		rtm->rtm_family = to->family == 4 ? AF_INET : AF_INET6;
		rc = nl_each(n, on_dumped_route, &s);
	}
	if (rc < 0)
		return err_set(e, rc, "list routes: %s", strerror(-rc));
	/* What a wider route leads to; for a /0 that is the default route, listed above. */
	if (to->prefix > 0 && link_route(n, to, &index, s.count == 0 ? e : &none) == 0)
		note_route(&s, index);
	if (s.count == 0)
		return to->prefix > 0 ? e->code :
					err_set(e, -ENETUNREACH, "no route to anywhere");
	for (size_t i = 0; i < s.count && rc == 0; i++)
		rc = fn(ctx, s.found[i]);
	return rc;
}
