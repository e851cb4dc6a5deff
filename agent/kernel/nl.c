/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink conversations over a plain socket: libnl builds and reads messages, the sending
 * and waiting is ours, because a disarm must not allocate, must not be answered by
 * somebody else's message, and must not wait for ever when an ACK is lost.  One
 * conversation at a time: fn of nl_each must not use the socket it is called for.
 */
#include "nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "cleanup.h"
#include "err.h"
#include "xalloc.h"

enum {
	TX_SIZE = 64 * 1024,    /* 512 networks of an ipset take 19 KiB */
	BATCH_SIZE = 64 * 1024, /* 512 intervals of IPv6 take 37 KiB */
	RX_SIZE = 32 * 1024, /* the most the kernel packs into one datagram of a dump */
	ANSWER_SEC = 2,
};

struct nl {
	int fd;
	uint32_t port, seq;
	uint32_t first_seq; /* of the messages whose answer is awaited */
	bool overflowed;    /* what was put did not fit: not to be sent */
	struct nl_msg *msg;
	bool in_batch, has_begun; /* a message of the batch, still in msg */
	bool is_queueing;         /* messages of their own wait in batch */
	struct nlmsghdr *last;    /* of those */
	size_t batch_len;
	char batch[BATCH_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	char why[160];
	union {
		struct nlmsghdr align;
		char bytes[RX_SIZE];
	} rx;
};

static int
socket_open(struct nl *n, int protocol)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const struct timeval patience = { .tv_sec = ANSWER_SEC };
	struct sockaddr_nl self = { 0 };
	socklen_t len = sizeof(self);
	int on = 1;

	n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (n->fd < 0 || bind(n->fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return -1;
	if (getsockname(n->fd, (struct sockaddr *)&self, &len) < 0)
		return -1;
	n->port = self.nl_pid;
	/* Better messages and shorter answers; a kernel without them only tells less. */
	(void)setsockopt(n->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(n->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return setsockopt(n->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

int
nl_open(struct nl **ret, int protocol, struct err *e)
{
	struct nl *n = xcalloc(1, sizeof(*n));
	int rc;

	n->fd = -1;
	n->msg = nlmsg_alloc_size(TX_SIZE);
	if (n->msg == NULL || socket_open(n, protocol) < 0) {
		rc = err_errno(e, "open netlink socket");
		nl_free(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void
nl_free(struct nl *n)
{
	if (n == NULL)
		return;
	if (n->msg != NULL)
		nlmsg_free(n->msg);
	cleanup_close(&n->fd);
	free(n);
}

int
nl_fd(const struct nl *n)
{
	return n->fd;
}

const char *
nl_why(const struct nl *n)
{
	return n->why;
}

static void
begin_alone(struct nl *n)
{
	n->is_queueing = false;
	n->overflowed = false;
	n->batch_len = 0;
	n->first_seq = n->seq + 1;
	n->why[0] = '\0';
}

void
nl_batch(struct nl *n)
{
	begin_alone(n);
	n->in_batch = true;
	n->has_begun = false;
}

/* The message is finished, as another begins behind it. */
static void
batch_message(struct nl *n)
{
	const struct nlmsghdr *h = nlmsg_hdr(n->msg);
	size_t len = NLMSG_ALIGN(h->nlmsg_len);

	if (len > sizeof(n->batch) - n->batch_len) {
		n->overflowed = true;
		return;
	}
	memcpy(n->batch + n->batch_len, h, len);
	n->batch_len += len;
}

void *
nl_begin(struct nl *n, uint16_t type, uint16_t flags, size_t extra)
{
	struct nlmsghdr *h = nlmsg_hdr(n->msg);
	void *body;

	if (n->in_batch && n->has_begun)
		batch_message(n);
	else if (!n->in_batch && !n->is_queueing)
		begin_alone(n);
	n->has_begun = true;
	memset(h, 0, sizeof(*h));
	h->nlmsg_len = NLMSG_HDRLEN;
	(void)nlmsg_put(n->msg, n->port, ++n->seq, type, 0, flags | NLM_F_REQUEST);
	body = nlmsg_reserve(n->msg, extra, NLMSG_ALIGNTO);
	memset(body, 0, extra);
	return body;
}

void
nl_put(struct nl *n, uint16_t attr, const void *data, size_t len)
{
	if (nla_put(n->msg, attr, (int)len, data) < 0)
		n->overflowed = true;
}

void
nl_put_u8(struct nl *n, uint16_t attr, uint8_t v)
{
	nl_put(n, attr, &v, sizeof(v));
}

void
nl_put_u16(struct nl *n, uint16_t attr, uint16_t v)
{
	nl_put(n, attr, &v, sizeof(v));
}

void
nl_put_u32(struct nl *n, uint16_t attr, uint32_t v)
{
	nl_put(n, attr, &v, sizeof(v));
}

void
nl_put_str(struct nl *n, uint16_t attr, const char *s)
{
	nl_put(n, attr, s, strlen(s) + 1);
}

void
nl_put_raw(struct nl *n, const void *data, size_t len)
{
	if (nlmsg_append(n->msg, (void *)data, len, NLMSG_ALIGNTO) < 0)
		n->overflowed = true;
}

void *
nl_nest(struct nl *n, uint16_t attr)
{
	void *nest = nla_nest_start(n->msg, attr | NLA_F_NESTED);

	if (nest == NULL)
		n->overflowed = true;
	return nest;
}

void
nl_nest_end(struct nl *n, void *nest)
{
	if (nest == NULL || nla_nest_end(n->msg, nest) < 0)
		n->overflowed = true;
}

int
nl_attrs(const struct nlmsghdr *h, size_t extra, struct nlattr **tb, int max)
{
	size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(extra);

	if (h->nlmsg_len < head)
		return -EBADMSG;
	if (nla_parse(tb, max, (struct nlattr *)((char *)h + head),
		(int)(h->nlmsg_len - head), NULL) < 0)
		return -EBADMSG;
	return 0;
}

static int
transmit(struct nl *n, const struct iovec *iov, size_t count)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct msghdr m = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = count,
	};
	ssize_t sent;

	if (n->overflowed)
		return -EMSGSIZE;
	do
		sent = sendmsg(n->fd, &m, 0);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int
transmit_begun(struct nl *n, uint16_t more_flags)
{
	struct nlmsghdr *h = nlmsg_hdr(n->msg);
	const struct iovec iov = { .iov_base = h, .iov_len = h->nlmsg_len };

	h->nlmsg_flags |= more_flags;
	if (n->is_queueing)
		n->first_seq = n->seq;
	n->is_queueing = false;
	return transmit(n, &iov, 1);
}

/* One datagram from the kernel: its length, or a negative errno. */
static ssize_t
receive(struct nl *n)
{
	struct iovec iov = { .iov_base = n->rx.bytes, .iov_len = sizeof(n->rx.bytes) };
	struct sockaddr_nl from = { 0 };
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t got;

	do
		got = recvmsg(n->fd, &m, 0);
	while ((got < 0 && errno == EINTR) || (got >= 0 && from.nl_pid != 0));
	if (got < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return (m.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : got;
}

/* Keep the text behind an ACK: the kernel's own words for what it did not like. */
static void
note_why(struct nl *n, const struct nlmsghdr *h)
{
	const struct nlmsgerr *ack = nlmsg_data(h);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t extra = sizeof(*ack);

	if ((h->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
		return;
	if ((h->nlmsg_flags & NLM_F_CAPPED) == 0)
		extra += NLMSG_ALIGN(ack->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (nl_attrs(h, extra, tb, NLMSGERR_ATTR_MAX) < 0 ||
	    tb[NLMSGERR_ATTR_MSG] == NULL)
		return;
	(void)nla_strlcpy(n->why, tb[NLMSGERR_ATTR_MSG], sizeof(n->why));
}

struct answer {
	int (*fn)(void *ctx, const struct nlmsghdr *h);
	void *ctx;
	int stopped; /* what fn returned */
	bool is_interrupted;
	bool is_done;
	int result;
};

static void
answer_message(struct nl *n, struct answer *a, const struct nlmsghdr *h)
{
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		a->is_interrupted = true;
	if (h->nlmsg_type == NLMSG_ERROR) {
		a->is_done = true;
		a->result = -EBADMSG;
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
			a->result = ((const struct nlmsgerr *)nlmsg_data(h))->error;
			note_why(n, h);
		}
	} else if (h->nlmsg_type == NLMSG_DONE) {
		a->is_done = true;
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(int)))
			memcpy(&a->result, nlmsg_data(h), sizeof(int));
		a->result = a->result > 0 ? 0 : a->result;
	} else if (a->fn != NULL && a->stopped == 0 && h->nlmsg_type >= NLMSG_MIN_TYPE) {
		a->stopped = a->fn(a->ctx, h);
	}
}

/* Does it answer what was sent last?  What is left of an earlier answer does not: that one
 * timed out, or a batch was refused for its first error and has more. */
static bool
is_answer(const struct nl *n, const struct nlmsghdr *h)
{
	return h->nlmsg_seq - n->first_seq <= n->seq - n->first_seq;
}

/* Read until the answer is complete. */
static int
await(struct nl *n, struct answer *a)
{
	while (!a->is_done) {
		ssize_t got = receive(n);
		struct nlmsghdr *h = &n->rx.align;

		if (got < 0)
			return (int)got;
		for (int left = (int)got; nlmsg_ok(h, left) && !a->is_done;
		     h = nlmsg_next(h, &left))
			if (is_answer(n, h))
				answer_message(n, a, h);
	}
	return a->result;
}

int
nl_ask(struct nl *n)
{
	struct answer a = { 0 };
	int rc = transmit_begun(n, NLM_F_ACK);

	return rc < 0 ? rc : await(n, &a);
}

/* Only the last one is acknowledged; of the others the kernel tells what it refuses. */
static int
await_queue(struct nl *n)
{
	char why[sizeof(n->why)] = "";
	uint32_t last = n->last->nlmsg_seq;
	int first = 0;

	for (;;) {
		ssize_t got = receive(n);
		struct nlmsghdr *h = &n->rx.align;

		if (got < 0)
			return (int)got;
		for (int left = (int)got; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			struct answer a = { 0 };

			if (h->nlmsg_seq - n->first_seq > last - n->first_seq)
				continue;
			answer_message(n, &a, h);
			if (a.result < 0 && first == 0) {
				first = a.result;
				memcpy(why, n->why, sizeof(why));
			}
			if (!a.is_done || h->nlmsg_seq != last)
				continue;
			memcpy(n->why, why, sizeof(why));
			return first;
		}
	}
}

static int
send_queue(struct nl *n)
{
	const struct iovec iov = { .iov_base = n->batch, .iov_len = n->batch_len };
	int rc;

	n->batch_len = 0;
	n->last->nlmsg_flags |= NLM_F_ACK;
	rc = transmit(n, &iov, 1);
	if (rc == 0)
		rc = await_queue(n);
	n->first_seq = n->last->nlmsg_seq + 1;
	return rc;
}

int
nl_queue(struct nl *n)
{
	const struct nlmsghdr *h = nlmsg_hdr(n->msg);
	int rc = n->overflowed ? -EMSGSIZE : 0;

	n->is_queueing = true;
	if (rc == 0 && n->batch_len + NLMSG_ALIGN(h->nlmsg_len) > sizeof(n->batch))
		rc = send_queue(n);
	if (rc < 0) {
		n->is_queueing = false;
		return rc;
	}
	n->last = (struct nlmsghdr *)(n->batch + n->batch_len);
	batch_message(n);
	return 0;
}

int
nl_flush(struct nl *n)
{
	bool has_any = n->is_queueing && n->batch_len > 0;

	n->is_queueing = false;
	return has_any ? send_queue(n) : 0;
}

struct batch_edge {
	struct nlmsghdr h;
	struct nfgenmsg nfg;
	struct nlattr attr;
	uint32_t generation;
};

static void
batch_edge_init(struct batch_edge *b, const struct nl *n, uint16_t type)
{
	*b = (struct batch_edge){
		.h = {
			.nlmsg_len = offsetof(struct batch_edge, attr),
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = n->first_seq, /* its refusal is an answer, too */
			.nlmsg_pid = n->port,
		},
		.nfg.res_id = htons(NFNL_SUBSYS_NFTABLES),
	};
}

/* The kernel acts on a batch when it has seen its end; without one it only says whether it
 * could. */
static int
ask_batch(struct nl *n, uint32_t generation, bool has_end)
{
	struct nlmsghdr *h = nlmsg_hdr(n->msg);
	struct batch_edge begin, end;
	struct answer a = { 0 };
	int rc;

	n->in_batch = false;
	batch_edge_init(&begin, n, NFNL_MSG_BATCH_BEGIN);
	batch_edge_init(&end, n, NFNL_MSG_BATCH_END);
	if (generation != 0) {
		begin.h.nlmsg_len = sizeof(begin);
		begin.attr.nla_type = NFNL_BATCH_GENID;
		begin.attr.nla_len = sizeof(begin.attr) + sizeof(begin.generation);
		begin.generation = htonl(generation);
	}
	h->nlmsg_flags |= NLM_F_ACK; /* that of the last one: all are done */
	const struct iovec iov[] = {
		{ .iov_base = &begin, .iov_len = begin.h.nlmsg_len },
		{ .iov_base = n->batch, .iov_len = n->batch_len },
		{ .iov_base = h, .iov_len = NLMSG_ALIGN(h->nlmsg_len) },
		{ .iov_base = &end, .iov_len = end.h.nlmsg_len },
	};
	rc = transmit(n, iov, ARRAY_LEN(iov) - !has_end);
	return rc < 0 ? rc : await(n, &a);
}

int
nl_ask_batch(struct nl *n, uint32_t generation)
{
	return ask_batch(n, generation, true);
}

int
nl_try_batch(struct nl *n)
{
	return ask_batch(n, 0, false);
}

int
nl_each(struct nl *n, int (*fn)(void *ctx, const struct nlmsghdr *h), void *ctx)
{
	struct answer a = { .fn = fn, .ctx = ctx };
	int rc = transmit_begun(n, NLM_F_ACK);

	if (rc < 0)
		return rc;
	rc = await(n, &a);
	if (rc < 0)
		return rc;
	if (a.is_interrupted)
		return -EINTR;
	return a.stopped;
}
