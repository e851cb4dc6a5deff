/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two raw sockets.  The kernel fills in the checksum of an IPv4 header and nothing else; it
 * refuses to fragment what comes with a header, so that is done here.
 */
#include "raw_ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "cleanup.h"
#include "err.h"
#include "xalloc.h"

enum {
	SEND_BUFFER = 4 * 1024 * 1024,
	FRAGMENT_UNIT = 8,    /* offsets count these */
	PIECE_DEFAULT = 1280, /* what every link of IPv6 takes: one size for both */
};

struct raw_ip {
	int fd4, fd6;     /* fd6: -1 without IPv6 */
	uint32_t next_id; /* of fragments */
};

/* One packet, taken apart. */
struct parts {
	const uint8_t *packet;
	size_t len, header_len;
	int ifindex;
	bool is_v6;
};

static int
open_socket(int family, uint32_t mark, struct err *e)
{
	const int size = SEND_BUFFER, on = 1;
	_cleanup_close_ int fd =
	    socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);

	if (fd < 0)
		return err_errno(e, "open a raw socket");
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return err_errno(e, "mark a raw socket");
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on)) < 0)
		return err_errno(e, "send IPv6 headers by a raw socket");
	/* a larger buffer only makes a burst of duplicates more complete */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return steal_fd(&fd);
}

int
raw_ip_open(struct raw_ip **ret, uint32_t mark, struct err *e)
{
	struct raw_ip *r = xcalloc(1, sizeof(*r));
	struct err none = { 0 };

	r->fd4 = open_socket(AF_INET, mark, e);
	if (r->fd4 < 0) {
		free(r);
		return e->code;
	}
	r->fd6 = open_socket(AF_INET6, mark, &none);
	if (r->fd6 < 0 && none.code != -EAFNOSUPPORT) {
		*e = none;
		raw_ip_close(r);
		return e->code;
	}
	*ret = r;
	return 0;
}

void
raw_ip_close(struct raw_ip *r)
{
	if (r == NULL)
		return;
	cleanup_close(&r->fd4);
	cleanup_close(&r->fd6);
	free(r);
}

/* -EBADMSG for what is no packet; -EAFNOSUPPORT for IPv6 without a socket. */
static int
take_apart(const struct raw_ip *r, const void *packet, size_t len, struct parts *ret)
{
	const uint8_t *p = packet;

	*ret = (struct parts){ .packet = p, .len = len };
	if (len < sizeof(struct iphdr))
		return -EBADMSG;
	ret->is_v6 = p[0] >> 4 == 6;
	ret->header_len = ret->is_v6 ? sizeof(struct ip6_hdr) : (p[0] & 0xfU) * 4U;
	if ((!ret->is_v6 && p[0] >> 4 != 4) || len < ret->header_len ||
	    ret->header_len < sizeof(struct iphdr))
		return -EBADMSG;
	return ret->is_v6 && r->fd6 < 0 ? -EAFNOSUPPORT : 0;
}

static struct in6_addr
destination6(const struct parts *p)
{
	struct in6_addr a;

	memcpy(&a, p->packet + offsetof(struct ip6_hdr, ip6_dst), sizeof(a));
	return a;
}

static in_addr_t
destination4(const struct parts *p)
{
	in_addr_t a;

	memcpy(&a, p->packet + offsetof(struct iphdr, daddr), sizeof(a));
	return a;
}

/* The address, and by ancillary data the interface. */
struct where {
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
};

static void
point_at(struct msghdr *m, struct where *w, const struct parts *p)
{
	const struct in_pktinfo info4 = { .ipi_ifindex = p->ifindex };
	const struct in6_pktinfo info6 = { .ipi6_ifindex = (unsigned)p->ifindex };
	size_t size = p->is_v6 ? sizeof(info6) : sizeof(info4);

	*w = (struct where){ 0 };
	m->msg_name = &w->to;
	if (p->is_v6) {
		w->to.v6.sin6_family = AF_INET6;
		w->to.v6.sin6_addr = destination6(p);
		if (IN6_IS_ADDR_LINKLOCAL(&w->to.v6.sin6_addr))
			w->to.v6.sin6_scope_id = (unsigned)p->ifindex;
		m->msg_namelen = sizeof(w->to.v6);
	} else {
		w->to.v4.sin_family = AF_INET;
		w->to.v4.sin_addr.s_addr = destination4(p);
		m->msg_namelen = sizeof(w->to.v4);
	}
	if (p->ifindex == 0)
		return;
	w->control.h.cmsg_level = p->is_v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	w->control.h.cmsg_type = p->is_v6 ? IPV6_PKTINFO : IP_PKTINFO;
	w->control.h.cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(&w->control.h), p->is_v6 ? (const void *)&info6 : &info4, size);
	m->msg_control = &w->control;
	m->msg_controllen = CMSG_SPACE(size);
}

static int
send_parts(struct raw_ip *r, const struct parts *p, const struct iovec *v, size_t count)
{
	struct msghdr m = { .msg_iov = (struct iovec *)v, .msg_iovlen = count };
	struct where w;
	ssize_t sent;

	point_at(&m, &w, p);
	do
		sent = sendmsg(p->is_v6 ? r->fd6 : r->fd4, &m, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int
send_fragment4(struct raw_ip *r, const struct parts *p, size_t from, size_t len)
{
	struct iphdr h;
	bool is_last = p->header_len + from + len == p->len;
	uint16_t offset;

	memcpy(&h, p->packet, sizeof(h));
	offset = (uint16_t)(ntohs(h.frag_off) + from / FRAGMENT_UNIT);
	h.frag_off = htons((uint16_t)(offset | (is_last ? 0 : IP_MF)));
	h.tot_len = htons((uint16_t)(p->header_len + len));
	if (h.id == 0)
		h.id = (uint16_t)r->next_id;
	return send_parts(r, p,
	    (const struct iovec[]){ { &h, sizeof(h) },
		{ (void *)(p->packet + sizeof(h)), p->header_len - sizeof(h) },
		{ (void *)(p->packet + p->header_len + from), len } },
	    3);
}

static int
send_fragment6(struct raw_ip *r, const struct parts *p, size_t from, size_t len)
{
	bool is_last = p->header_len + from + len == p->len;
	struct ip6_frag f = { .ip6f_ident = htonl(r->next_id) };
	struct ip6_hdr h;

	memcpy(&h, p->packet, sizeof(h));
	f.ip6f_nxt = h.ip6_nxt;
	f.ip6f_offlg = htons((uint16_t)from) | (is_last ? 0 : IP6F_MORE_FRAG);
	h.ip6_nxt = IPPROTO_FRAGMENT;
	h.ip6_plen = htons((uint16_t)(sizeof(f) + len));
	return send_parts(r, p,
	    (const struct iovec[]){ { &h, sizeof(h) }, { &f, sizeof(f) },
		{ (void *)(p->packet + p->header_len + from), len } },
	    3);
}

/* Of IPv6 only what has no extension headers: some of them belong into every fragment. */
static int
send_fragments(struct raw_ip *r, const struct parts *p)
{
	const size_t piece = (PIECE_DEFAULT - p->header_len - sizeof(struct ip6_frag)) /
			     FRAGMENT_UNIT * FRAGMENT_UNIT;
	const size_t contents = p->len - p->header_len;
	uint8_t next = p->packet[offsetof(struct ip6_hdr, ip6_nxt)];
	int rc = 0;

	if (p->is_v6 && next != IPPROTO_UDP && next != IPPROTO_ICMPV6)
		return -EMSGSIZE;
	r->next_id++;
	for (size_t from = 0; from < contents && rc == 0; from += piece) {
		size_t len = contents - from < piece ? contents - from : piece;

		rc = p->is_v6 ? send_fragment6(r, p, from, len) :
				send_fragment4(r, p, from, len);
	}
	return rc;
}

static int
send_whole(struct raw_ip *r, const struct parts *p)
{
	int rc = send_parts(r, p, &(struct iovec){ (void *)p->packet, p->len }, 1);

	return rc == -EMSGSIZE ? send_fragments(r, p) : rc;
}

int
raw_ip_send(struct raw_ip *r, const void *packet, size_t len, int ifindex)
{
	struct parts p;
	int rc = take_apart(r, packet, len, &p);

	p.ifindex = ifindex;
	return rc < 0 ? rc : send_whole(r, &p);
}

/* The route to an address of our own leads over loopback whatever interface has it; only
 * a link-local one needs to be told which. */
int
raw_ip_deliver(struct raw_ip *r, const void *packet, size_t len, int ifindex)
{
	struct parts p;
	struct in6_addr to6;
	int rc = take_apart(r, packet, len, &p);

	if (rc < 0)
		return rc;
	if (p.is_v6) {
		to6 = destination6(&p);
		if (IN6_IS_ADDR_MULTICAST(&to6))
			return -EADDRNOTAVAIL;
		p.ifindex = IN6_IS_ADDR_LINKLOCAL(&to6) ? ifindex : 0;
	} else if (IN_MULTICAST(ntohl(destination4(&p))) ||
		   destination4(&p) == INADDR_BROADCAST) {
		return -EADDRNOTAVAIL;
	}
	rc = send_whole(r, &p);
	/* the broadcast address of a network: the socket may not send there */
	return rc == -EACCES ? -EADDRNOTAVAIL : rc;
}
