/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inet_diag's two questions: which sockets there are, and end this one.  A socket is named
 * by its addresses and a cookie that the kernel never gives twice, so what is ended is what
 * was seen.  Both families are asked for separately: an IPv6 socket that speaks IPv4 is
 * listed with its mapped addresses, which are turned into what is on the wire.
 */
#include "sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "nl.h"

static const char *
module_of(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp_diag" : "udp_diag";
}

static void
put_request(struct nl *n, uint16_t type, uint16_t flags, struct inet_diag_req_v2 request)
{
	struct inet_diag_req_v2 *r = nl_begin(n, type, flags, sizeof(*r));

	*r = request;
}

static struct net
take_address(uint8_t family, const __be32 *words)
{
	struct net n = { .family = family == AF_INET ? 4 : 6,
		.prefix = family == AF_INET ? 32 : 128 };

	memcpy(n.addr, words, family == AF_INET ? 4 : 16);
	net_unmap(&n);
	return n;
}

/* An IPv6 socket bound to no address speaks IPv4 when its far side does. */
static void
agree(struct net *local, const struct net *remote)
{
	if (local->family != remote->family)
		*local =
		    (struct net){ .family = remote->family, .prefix = remote->prefix };
}

struct listing {
	uint8_t protocol;
	int (*fn)(void *ctx, const struct socket_seen *s);
	void *ctx;
};

static int
take_socket(void *ctx, const struct nlmsghdr *h)
{
	const struct listing *l = ctx;
	const struct inet_diag_msg *m = nlmsg_data(h);
	struct nlattr *tb[INET_DIAG_CGROUP_ID + 1];
	struct socket_seen s;

	if (nl_attrs(h, sizeof(*m), tb, INET_DIAG_CGROUP_ID) < 0)
		return -EBADMSG;
	s = (struct socket_seen){
		.family = m->idiag_family,
		.protocol = l->protocol,
		.state = m->idiag_state,
		.local = take_address(m->idiag_family, m->id.idiag_src),
		.remote = take_address(m->idiag_family, m->id.idiag_dst),
		.local_port = ntohs(m->id.idiag_sport),
		.remote_port = ntohs(m->id.idiag_dport),
		.uid = m->idiag_uid,
		.inode = m->idiag_inode,
		.id = m->id,
	};
	agree(&s.local, &s.remote);
	if (tb[INET_DIAG_CGROUP_ID] != NULL)
		s.cgroup = nla_get_u64(tb[INET_DIAG_CGROUP_ID]);
	return l->fn(l->ctx, &s);
}

static int
each_of(struct nl *n, uint8_t family, uint32_t states, struct listing *l)
{
	int rc, tries = 0;

	do { /* interrupted: something else changed while it was listed */
		put_request(n, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
		    (struct inet_diag_req_v2){ .sdiag_family = family,
			.sdiag_protocol = l->protocol,
			.idiag_states = states });
		rc = nl_each(n, take_socket, l);
	} while (rc == -EINTR && ++tries < 3);
	return rc == -EINTR ? 0 : rc;
}

int
sock_diag_each(struct nl *n, uint8_t protocol, uint32_t states,
    int (*fn)(void *ctx, const struct socket_seen *s), void *ctx, struct err *e)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct listing l = { .protocol = protocol, .fn = fn, .ctx = ctx };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		int rc = each_of(n, families[i], states, &l);

		if (rc < 0)
			return err_set(e, rc, "list the sockets: %s", strerror(-rc));
		if (rc > 0)
			return rc;
	}
	return 0;
}

int
sock_diag_destroy(struct nl *n, const struct socket_seen *s)
{
	int rc;

	put_request(n, SOCK_DESTROY, 0,
	    (struct inet_diag_req_v2){ .sdiag_family = s->family,
		.sdiag_protocol = s->protocol,
		.idiag_states = SOCKET_STATES,
		.id = s->id });
	rc = nl_ask(n);
	/* its place is taken by a younger one */
	return rc == -ESTALE ? -ENOENT : rc;
}

/* No socket has port 0 on both sides. */
static const struct inet_diag_sockid nobody = {
	.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
};

int
sock_diag_can_destroy(struct nl *n, uint8_t protocol, struct err *e)
{
	const struct socket_seen s = {
		.family = AF_INET, .protocol = protocol, .id = nobody
	};
	int rc = sock_diag_destroy(n, &s);

	if (rc == 0 || rc == -ENOENT)
		return 0;
	if (rc == -EOPNOTSUPP)
		return err_unsupported(e,
		    "this kernel cannot end a connection from outside: it was built "
		    "without CONFIG_INET_DIAG_DESTROY");
	return err_set(e, rc, "ask the kernel to end a socket: %s", strerror(-rc));
}

static int
ignore(void *ctx, const struct nlmsghdr *h)
{
	(void)ctx;
	(void)h;
	return 1;
}

int
sock_diag_open(struct nl **ret, uint8_t protocol, struct err *e)
{
	struct nl *n = NULL;
	int rc = nl_open(&n, NETLINK_SOCK_DIAG, e);

	if (rc < 0)
		return rc == -EPROTONOSUPPORT ?
			   err_unsupported(e, "this kernel has no sock_diag") :
			   rc;
	put_request(n, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
	    (struct inet_diag_req_v2){ .sdiag_family = AF_INET,
		.sdiag_protocol = protocol,
		.idiag_states = SOCKET_STATE(TCP_LISTEN) });
	rc = nl_each(n, ignore, NULL);
	if (rc >= 0 || rc == -EINTR) {
		*ret = n;
		return 0;
	}
	nl_free(n);
	if (rc == -ENOENT || rc == -EINVAL)
		return err_unsupported(e,
		    "this kernel does not list its sockets: module %s (or "
		    "CONFIG_INET_DIAG) is missing",
		    module_of(protocol));
	return err_set(e, rc, "list the sockets: %s", strerror(-rc));
}
