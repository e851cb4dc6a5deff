/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash:net sets over nfnetlink.  Only what the faults need: create with counters, add many
 * networks in one message, flush, destroy, read.  The protocol number is asked for once per
 * process; the type's revision is fixed to the first that counts packets, which every
 * kernel we run on still speaks.
 */
#include "ipset.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/ipset/ip_set_hash.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "err.h"
#include "nl.h"

enum {
	REVISION_COUNTERS = 3,
	ADD_MAX = 1024, /* elements of one message: 36 KiB */
	TRIES = 5,
};

static void
begin_as(struct nl *n, int command, uint16_t flags, uint8_t protocol)
{
	uint16_t type = (uint16_t)(NFNL_SUBSYS_IPSET << 8 | command);
	struct nfgenmsg *g = nl_begin(n, type, flags, sizeof(*g));

	g->nfgen_family = NFPROTO_IPV4; /* the set's own family is an attribute */
	g->version = NFNETLINK_V0;
	nl_put_u8(n, IPSET_ATTR_PROTOCOL, protocol);
}

static int
on_protocol(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[IPSET_ATTR_CMD_MAX + 1];

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, IPSET_ATTR_CMD_MAX) < 0 ||
	    tb[IPSET_ATTR_PROTOCOL] == NULL)
		return -EBADMSG;
	*(uint8_t *)ctx = nla_get_u8(tb[IPSET_ATTR_PROTOCOL]);
	return 0;
}

/* The kernel's protocol number; 0 when it has no ip_set. */
static uint8_t
protocol_of_kernel(struct nl *n)
{
	static uint8_t protocol; /* of the kernel, so one per process is right */

	if (protocol != 0)
		return protocol;
	begin_as(n, IPSET_CMD_PROTOCOL, 0, IPSET_PROTOCOL);
	if (nl_each(n, on_protocol, &protocol) != 0)
		protocol = 0;
	return protocol;
}

static void
begin(struct nl *n, int command, uint16_t flags, const char *name)
{
	uint8_t protocol = protocol_of_kernel(n);

	begin_as(n, command, flags, protocol == 0 ? IPSET_PROTOCOL : protocol);
	if (name != NULL)
		nl_put_str(n, IPSET_ATTR_SETNAME, name);
}

static void
put_be32(struct nl *n, uint16_t attr, uint32_t v)
{
	nl_put_u32(n, attr | NLA_F_NET_BYTEORDER, htonl(v));
}

/* ipset has error numbers of its own above errno's. */
static const char *
error_text(int rc)
{
	switch (-rc) {
	case IPSET_ERR_FIND_TYPE:
		return "this kernel has no set type hash:net";
	case IPSET_ERR_MAX_SETS:
		return "the kernel's limit of sets is reached";
	case IPSET_ERR_BUSY:
	case IPSET_ERR_REFERENCED:
		return "a rule still matches on it";
	case IPSET_ERR_TYPE_MISMATCH:
	case IPSET_ERR_INVALID_FAMILY:
		return "it is of another type or family";
	case IPSET_ERR_HASH_FULL:
		return "the set is full";
	default:
		return -rc >= IPSET_ERR_PRIVATE ? "refused by ipset" : strerror(-rc);
	}
}

static int
error_errno(int rc)
{
	if (-rc < IPSET_ERR_PRIVATE)
		return rc;
	return rc == -IPSET_ERR_BUSY || rc == -IPSET_ERR_REFERENCED ? -EBUSY : -EINVAL;
}

static int
refused(struct err *e, int rc, const char *what, const char *name)
{
	return err_set(e, error_errno(rc), "%s set '%s': %s", what, name, error_text(rc));
}

int
ipset_create(struct nl *n, const char *name, int family, size_t max, struct err *e)
{
	void *data;
	int rc;

	begin(n, IPSET_CMD_CREATE, NLM_F_CREATE | NLM_F_EXCL, name);
	nl_put_str(n, IPSET_ATTR_TYPENAME, "hash:net");
	nl_put_u8(n, IPSET_ATTR_REVISION, REVISION_COUNTERS);
	nl_put_u8(n, IPSET_ATTR_FAMILY, family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	data = nl_nest(n, IPSET_ATTR_DATA);
	put_be32(n, IPSET_ATTR_MAXELEM, (uint32_t)max);
	put_be32(n, IPSET_ATTR_CADT_FLAGS, IPSET_FLAG_WITH_COUNTERS);
	nl_nest_end(n, data);
	rc = nl_ask(n);
	return rc < 0 ? refused(e, rc, "create", name) : 0;
}

static void
put_element(struct nl *n, const struct net *net)
{
	void *data = nl_nest(n, IPSET_ATTR_DATA);
	void *ip = nl_nest(n, IPSET_ATTR_IP);

	if (net->family == 4)
		nl_put(n, IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, net->addr, 4);
	else
		nl_put(n, IPSET_ATTR_IPADDR_IPV6 | NLA_F_NET_BYTEORDER, net->addr, 16);
	nl_nest_end(n, ip);
	nl_put_u8(n, IPSET_ATTR_CIDR, net->prefix);
	nl_nest_end(n, data);
}

/* One network as one element, everything as two; returns how many. */
static int
put_net(struct nl *n, const struct net *net)
{
	struct net half = *net;

	if (net->prefix > 0) {
		put_element(n, net);
		return 1;
	}
	half.prefix = 1;
	half.addr[0] = 0;
	put_element(n, &half);
	half.addr[0] = 0x80;
	put_element(n, &half);
	return 2;
}

int
ipset_add(
    struct nl *n, const char *name, const struct net *nets, size_t count, struct err *e)
{
	int total = 0;

	for (size_t i = 0; i < count;) {
		int put = 0, rc;
		void *adt;

		/* Without NLM_F_EXCL an element that is there already is no error. */
		begin(n, IPSET_CMD_ADD, 0, name);
		put_be32(n, IPSET_ATTR_LINENO, 0); /* the kernel insists on it */
		adt = nl_nest(n, IPSET_ATTR_ADT);
		for (; i < count && put < ADD_MAX - 1; i++)
			put += put_net(n, &nets[i]);
		nl_nest_end(n, adt);
		rc = nl_ask(n);
		if (rc < 0)
			return refused(e, rc, "add to", name);
		total += put;
	}
	return total;
}

int
ipset_flush(struct nl *n, const char *name, struct err *e)
{
	int rc;

	begin(n, IPSET_CMD_FLUSH, 0, name);
	rc = nl_ask(n);
	return rc < 0 ? refused(e, rc, "flush", name) : 0;
}

int
ipset_destroy(struct nl *n, const char *name, struct err *e)
{
	int rc;

	begin(n, IPSET_CMD_DESTROY, NLM_F_EXCL, name); /* without: gone is no error */
	rc = nl_ask(n);
	return rc < 0 ? refused(e, rc, "destroy", name) : 0;
}

static uint32_t
get_be32(struct nlattr *a)
{
	return a == NULL ? 0 : ntohl(nla_get_u32(a));
}

static uint64_t
element_packets(struct nlattr *element)
{
	struct nlattr *tb[IPSET_ATTR_ADT_MAX + 1];

	if (nla_parse_nested(tb, IPSET_ATTR_ADT_MAX, element, NULL) < 0 ||
	    tb[IPSET_ATTR_PACKETS] == NULL)
		return 0;
	return be64toh(nla_get_u64(tb[IPSET_ATTR_PACKETS]));
}

/* A large set comes in several messages; only the first has the header. */
static int
on_set(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[IPSET_ATTR_CMD_MAX + 1], *head[IPSET_ATTR_CREATE_MAX + 1];
	struct ipset_info *info = ctx;
	struct nlattr *element;
	int left;

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, IPSET_ATTR_CMD_MAX) < 0)
		return -EBADMSG;
	if (tb[IPSET_ATTR_DATA] != NULL && nla_parse_nested(head, IPSET_ATTR_CREATE_MAX,
					       tb[IPSET_ATTR_DATA], NULL) == 0) {
		info->references = get_be32(head[IPSET_ATTR_REFERENCES]);
		info->elements = get_be32(head[IPSET_ATTR_ELEMENTS]);
	}
	if (tb[IPSET_ATTR_ADT] != NULL)
		nla_for_each_nested(element, tb[IPSET_ATTR_ADT], left) info->packets +=
		    element_packets(element);
	return 0;
}

int
ipset_info(struct nl *n, const char *name, struct ipset_info *ret, struct err *e)
{
	struct ipset_info info;
	int rc = -EINTR;

	for (int i = 0; i < TRIES && rc == -EINTR; i++) {
		memset(&info, 0, sizeof(info));
		begin(n, IPSET_CMD_LIST, NLM_F_DUMP, name);
		rc = nl_each(n, on_set, &info);
	}
	if (rc < 0)
		return refused(e, rc, "read", name);
	*ret = info;
	return 0;
}

struct names {
	int (*fn)(void *ctx, const char *name);
	void *ctx;
};

static int
on_name(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[IPSET_ATTR_CMD_MAX + 1];
	const struct names *names = ctx;
	char name[IPSET_MAXNAMELEN];

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, IPSET_ATTR_CMD_MAX) < 0 ||
	    tb[IPSET_ATTR_SETNAME] == NULL)
		return -EBADMSG;
	(void)nla_strlcpy(name, tb[IPSET_ATTR_SETNAME], sizeof(name));
	return names->fn(names->ctx, name);
}

int
ipset_each(struct nl *n, int (*fn)(void *ctx, const char *name), void *ctx, struct err *e)
{
	struct names names = { fn, ctx };
	int rc;

	if (protocol_of_kernel(n) == 0)
		return 0; /* no ip_set, no sets */
	begin(n, IPSET_CMD_LIST, NLM_F_DUMP, NULL);
	put_be32(n, IPSET_ATTR_FLAGS, IPSET_FLAG_LIST_SETNAME);
	rc = nl_each(n, on_name, &names);
	if (rc < 0)
		return err_set(e, rc, "list sets: %s", error_text(rc));
	return rc;
}

int
ipset_supported(struct nl *n, struct err *e)
{
	int rc;

	if (protocol_of_kernel(n) == 0)
		return err_unsupported(e,
		    "this kernel has no ipset (module ip_set; Debian: linux-image-amd64, "
		    "Fedora: kernel-modules-core)");
	begin(n, IPSET_CMD_TYPE, 0, NULL);
	nl_put_str(n, IPSET_ATTR_TYPENAME, "hash:net");
	nl_put_u8(n, IPSET_ATTR_FAMILY, NFPROTO_IPV4);
	rc = nl_ask(n);
	if (rc < 0)
		return err_unsupported(e,
		    "this kernel has no set type hash:net (module ip_set_hash_net; "
		    "Debian: linux-image-amd64, Fedora: kernel-modules-core)");
	return 0;
}
