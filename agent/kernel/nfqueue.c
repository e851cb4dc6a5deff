/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nfnetlink_queue without a library: recvmmsg for many packets per call, verdicts without
 * an ACK, several in one send.  Set up with nl.h while no packet comes yet, because waiting
 * for an ACK would pass over packets; after that the socket is read and written here.  It
 * must be this very socket: the kernel takes verdicts from no other.
 */
#include "nfqueue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "nl.h"
#include "parse.h"
#include "xalloc.h"

#define QUEUES_FILE "/proc/self/net/netfilter/nfnetlink_queue"

enum {
	/* Without contents a packet takes about 100 bytes; the longest, with a security
	 * context and a hardware address, stays below this. */
	META_SIZE = 512,
	PACKET_MAX = 65535,
	WHOLE_READ_MAX = 16, /* 1 MiB of buffers is enough to keep up */
	VERDICTS_MAX = 64,
	FREE_TRIES = 256,
	/* The kernel charges a socket about 1 KiB for each unread message. */
	RECEIVE_BUFFER = 64 * 1024 * 1024,
	SEND_BUFFER = 1024 * 1024, /* a whole packet with its verdict fits */
};

struct verdict {
	struct nlmsghdr h;
	struct nfgenmsg nfg;
	struct nlattr attr;
	struct nfqnl_msg_verdict_hdr verdict;
};

struct nfqueue {
	struct nl *nl;
	int fd;
	uint16_t number;
	size_t waiting; /* in verdicts, not sent yet */
	struct verdict verdicts[VERDICTS_MAX];
	unsigned batch;
	size_t message_size;
	char *buffers; /* batch times message_size */
	struct mmsghdr messages[NFQUEUE_READ_MAX];
	struct iovec vectors[NFQUEUE_READ_MAX];
};

static uint16_t
message(int type)
{
	return (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
}

static void
begin_config(struct nl *n, uint16_t number)
{
	struct nfgenmsg *g = nl_begin(n, message(NFQNL_MSG_CONFIG), 0, sizeof(*g));

	g->version = NFNETLINK_V0;
	g->res_id = htons(number);
}

/* A configuration that says nothing: refused with ENODEV for a queue that does not exist,
 * with EPERM for another's, but with EINVAL where nobody knows what a queue is. */
int
nfqueue_supported(struct err *e)
{
	struct nl *n = NULL;
	int rc = nl_open(&n, NETLINK_NETFILTER, e);

	if (rc < 0)
		return rc;
	begin_config(n, 0);
	rc = nl_ask(n);
	nl_free(n);
	if (rc != -EINVAL && rc != -EOPNOTSUPP)
		return 0;
	return err_unsupported(e,
	    "this kernel has no nfnetlink_queue (Debian: package linux-image-amd64; Fedora "
	    "and RHEL: kernel-modules)");
}

/* "  4711  31337 0 1 …": the first column of each line is a queue's number. */
bool
nfqueue_taken(uint16_t number)
{
	char text[16384], *rest = text, *line;
	struct err why = { 0 };

	if (read_file_at(AT_FDCWD, QUEUES_FILE, text, sizeof(text)) < 0)
		return false; /* no module, no queue */
	while ((line = strsep(&rest, "\n")) != NULL) {
		uint64_t taken;

		line += strspn(line, " ");
		line[strcspn(line, " ")] = '\0';
		if (parse_u64(line, &taken, &why) == 0 && taken == number)
			return true;
	}
	return false;
}

static uint32_t
copied_bytes(enum nfqueue_copy copy)
{
	switch (copy) {
	case NFQUEUE_WHOLE:
		return PACKET_MAX;
	case NFQUEUE_HEADERS:
		return NFQUEUE_HEADER_LEN;
	default:
		return 0;
	}
}

int
nfqueue_find_free(uint64_t wish, uint16_t *ret, struct err *e)
{
	for (unsigned i = 0; i < FREE_TRIES; i++) {
		uint16_t number = (uint16_t)(1 + (wish + i) % UINT16_MAX);

		if (!nfqueue_taken(number)) {
			*ret = number;
			return 0;
		}
	}
	return err_set(e, -EBUSY, "no free NFQUEUE number found");
}

static int
configure(struct nl *n, const struct nfqueue_options *o)
{
	const struct nfqnl_msg_config_cmd bind = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = {
		.copy_mode =
		    o->copy == NFQUEUE_NUMBERS ? NFQNL_COPY_META : NFQNL_COPY_PACKET,
		.copy_range = htonl(copied_bytes(o->copy)),
	};
	const uint32_t flags =
	    NFQA_CFG_F_FAIL_OPEN | (o->keeps_large ? NFQA_CFG_F_GSO : 0);

	begin_config(n, o->number);
	nl_put(n, NFQA_CFG_CMD, &bind, sizeof(bind));
	nl_put(n, NFQA_CFG_PARAMS, &params, sizeof(params));
	nl_put_u32(n, NFQA_CFG_QUEUE_MAXLEN, htonl(o->room));
	nl_put_u32(n, NFQA_CFG_FLAGS, htonl(flags));
	nl_put_u32(n, NFQA_CFG_MASK, htonl(flags));
	return nl_ask(n);
}

static void
prepare_messages(struct nfqueue *q, enum nfqueue_copy copy)
{
	q->batch = copy == NFQUEUE_WHOLE ? WHOLE_READ_MAX : NFQUEUE_READ_MAX;
	q->message_size = META_SIZE + NLA_ALIGN(copied_bytes(copy));
	q->buffers = xcalloc(q->batch, q->message_size);
	for (size_t i = 0; i < q->batch; i++) {
		q->vectors[i].iov_base = q->buffers + i * q->message_size;
		q->vectors[i].iov_len = q->message_size;
		q->messages[i].msg_hdr.msg_iov = &q->vectors[i];
		q->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

int
nfqueue_open(struct nfqueue **ret, const struct nfqueue_options *options, struct err *e)
{
	const int size = RECEIVE_BUFFER, send_size = SEND_BUFFER, on = 1;
	struct nl *n = NULL;
	struct nfqueue *q;
	int rc = nl_open(&n, NETLINK_NETFILTER, e);

	if (rc < 0)
		return rc;
	rc = configure(n, options);
	if (rc < 0) {
		nl_free(n);
		return err_set(e, rc == -EPERM ? -EBUSY : rc, "bind queue %u: %s",
		    options->number,
		    rc == -EPERM ? "somebody else holds it" : strerror(-rc));
	}
	q = xcalloc(1, sizeof(*q));
	q->nl = n;
	q->fd = nl_fd(n);
	q->number = options->number;
	/* All only make it better: a socket that is full lets packets pass. */
	(void)setsockopt(q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(
	    q->fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_size, sizeof(send_size));
	(void)setsockopt(q->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	prepare_messages(q, options->copy);
	*ret = q;
	return 0;
}

void
nfqueue_close(struct nfqueue *q)
{
	if (q == NULL)
		return;
	nl_free(q->nl);
	free(q->buffers);
	free(q);
}

int
nfqueue_fd(const struct nfqueue *q)
{
	return q->fd;
}

int
nfqueue_batch(const struct nfqueue *q)
{
	return (int)q->batch;
}

static uint32_t
read_u32(const struct nlattr *a)
{
	uint32_t v = 0;

	if (a != NULL && nla_len(a) >= (int)sizeof(v))
		memcpy(&v, nla_data(a), sizeof(v));
	return ntohl(v);
}

/* How long a packet is, is said only when less of it was copied. */
static void
read_contents(struct nlattr *const *tb, struct nfqueue_packet *ret)
{
	const struct nlattr *payload = tb[NFQA_PAYLOAD];

	if (payload == NULL)
		return;
	ret->payload = nla_data(payload);
	ret->payload_len = (uint32_t)nla_len(payload);
	ret->len = read_u32(tb[NFQA_CAP_LEN]);
	if (ret->len == 0)
		ret->len = ret->payload_len;
}

/* A refused verdict is answered on this socket, too: the packet was gone already (its
 * interface went down), and there is nothing to do about it. */
static bool
read_packet(const struct nlmsghdr *h, size_t len, struct nfqueue_packet *ret)
{
	struct nlattr *tb[NFQA_MAX + 1];
	struct nfqnl_msg_packet_hdr p;

	if (len < sizeof(*h) || h->nlmsg_len > len ||
	    h->nlmsg_type != message(NFQNL_MSG_PACKET))
		return false;
	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFQA_MAX) < 0 ||
	    tb[NFQA_PACKET_HDR] == NULL || nla_len(tb[NFQA_PACKET_HDR]) < (int)sizeof(p))
		return false;
	memcpy(&p, nla_data(tb[NFQA_PACKET_HDR]), sizeof(p));
	*ret = (struct nfqueue_packet){
		.id = ntohl(p.packet_id),
		.hook = p.hook,
		.family = ntohs(p.hw_protocol) == ETH_P_IPV6 ? 6 : 4,
		.in = (int)read_u32(tb[NFQA_IFINDEX_INDEV]),
		.out = (int)read_u32(tb[NFQA_IFINDEX_OUTDEV]),
		.mark = read_u32(tb[NFQA_MARK]),
	};
	read_contents(tb, ret);
	return true;
}

static const struct nlmsghdr *
message_at(const struct nfqueue *q, int i)
{
	return q->vectors[i].iov_base;
}

int
nfqueue_read(
    struct nfqueue *q, struct nfqueue_packet ret_packets[static NFQUEUE_READ_MAX])
{
	int got, count = 0;

	do {
		got = recvmmsg(q->fd, q->messages, q->batch, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++)
			if (read_packet(message_at(q, i), q->messages[i].msg_len,
				&ret_packets[count]))
				count++;
	} while ((got < 0 && errno == EINTR) || (got > 0 && count == 0));
	if (got < 0 && errno != EAGAIN && errno != ENOBUFS)
		return -errno;
	return count;
}

static struct verdict
make_verdict(const struct nfqueue *q, int type, uint32_t verdict, uint32_t id)
{
	return (struct verdict){
		.h = {
			.nlmsg_len = sizeof(struct verdict),
			.nlmsg_type = message(type),
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.nfg = { .version = NFNETLINK_V0, .res_id = htons(q->number) },
		.attr = {
			.nla_len = NLA_HDRLEN + sizeof(struct nfqnl_msg_verdict_hdr),
			.nla_type = NFQA_VERDICT_HDR,
		},
		.verdict = { .verdict = htonl(verdict), .id = htonl(id) },
	};
}

static int
transmit(struct nfqueue *q, const struct iovec *parts, size_t count)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)parts, .msg_iovlen = count };
	ssize_t sent;

	do
		sent = sendmsg(q->fd, &m, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int
nfqueue_accept_upto(struct nfqueue *q, uint32_t id)
{
	struct verdict v = make_verdict(q, NFQNL_MSG_VERDICT_BATCH, NF_ACCEPT, id);
	int rc = nfqueue_flush(q);

	return rc < 0 ? rc : transmit(q, &(struct iovec){ &v, sizeof(v) }, 1);
}

int
nfqueue_flush(struct nfqueue *q)
{
	size_t len = q->waiting * sizeof(q->verdicts[0]);

	q->waiting = 0;
	return len == 0 ? 0 : transmit(q, &(struct iovec){ q->verdicts, len }, 1);
}

static int
judge_one(struct nfqueue *q, uint32_t verdict, uint32_t id)
{
	q->verdicts[q->waiting++] = make_verdict(q, NFQNL_MSG_VERDICT, verdict, id);
	return q->waiting == VERDICTS_MAX ? nfqueue_flush(q) : 0;
}

int
nfqueue_accept(struct nfqueue *q, uint32_t id)
{
	return judge_one(q, NF_ACCEPT, id);
}

int
nfqueue_drop(struct nfqueue *q, uint32_t id)
{
	return judge_one(q, NF_DROP, id);
}

int
nfqueue_accept_changed(struct nfqueue *q, uint32_t id, const void *payload, size_t len)
{
	static const uint8_t padding[NLA_ALIGNTO];
	struct verdict v = make_verdict(q, NFQNL_MSG_VERDICT, NF_ACCEPT, id);
	struct nlattr head = { .nla_type = NFQA_PAYLOAD };
	const struct iovec parts[] = {
		{ &v, sizeof(v) },
		{ &head, sizeof(head) },
		{ (void *)payload, len },
		{ (void *)padding, NLA_ALIGN(len) - len },
	};
	int rc;

	/* the length of an attribute has 16 bits */
	if (len + sizeof(head) > UINT16_MAX)
		return -EMSGSIZE;
	head.nla_len = (uint16_t)(sizeof(head) + len);
	v.h.nlmsg_len += (uint32_t)(sizeof(head) + NLA_ALIGN(len));
	rc = nfqueue_flush(q);
	return rc < 0 ? rc : transmit(q, parts, ARRAY_LEN(parts));
}
