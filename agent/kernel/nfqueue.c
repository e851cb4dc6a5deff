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
	MESSAGE_SIZE = 512,
	VERDICTS_MAX = 64,
	/* The kernel charges a socket about 1 KiB for each unread message. */
	RECEIVE_BUFFER = 64 * 1024 * 1024,
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
	struct mmsghdr messages[NFQUEUE_READ_MAX];
	struct iovec vectors[NFQUEUE_READ_MAX];
	union {
		struct nlmsghdr h;
		char bytes[MESSAGE_SIZE];
	} buffers[NFQUEUE_READ_MAX];
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

static int
configure(struct nl *n, uint16_t number, uint32_t room)
{
	const struct nfqnl_msg_config_cmd bind = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = { .copy_mode = NFQNL_COPY_META };
	const uint32_t flags = NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO;

	begin_config(n, number);
	nl_put(n, NFQA_CFG_CMD, &bind, sizeof(bind));
	nl_put(n, NFQA_CFG_PARAMS, &params, sizeof(params));
	nl_put_u32(n, NFQA_CFG_QUEUE_MAXLEN, htonl(room));
	nl_put_u32(n, NFQA_CFG_FLAGS, htonl(flags));
	nl_put_u32(n, NFQA_CFG_MASK, htonl(flags));
	return nl_ask(n);
}

static void
prepare_messages(struct nfqueue *q)
{
	for (size_t i = 0; i < NFQUEUE_READ_MAX; i++) {
		q->vectors[i].iov_base = q->buffers[i].bytes;
		q->vectors[i].iov_len = MESSAGE_SIZE;
		q->messages[i].msg_hdr.msg_iov = &q->vectors[i];
		q->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

int
nfqueue_open(struct nfqueue **ret, uint16_t number, uint32_t room, struct err *e)
{
	const int size = RECEIVE_BUFFER, on = 1;
	struct nl *n = NULL;
	struct nfqueue *q;
	int rc = nl_open(&n, NETLINK_NETFILTER, e);

	if (rc < 0)
		return rc;
	rc = configure(n, number, room);
	if (rc < 0) {
		nl_free(n);
		return err_set(e, rc == -EPERM ? -EBUSY : rc, "bind queue %u: %s", number,
		    rc == -EPERM ? "somebody else holds it" : strerror(-rc));
	}
	q = xcalloc(1, sizeof(*q));
	q->nl = n;
	q->fd = nl_fd(n);
	q->number = number;
	/* Both only make it better: a socket that is full lets packets pass. */
	(void)setsockopt(q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(q->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	prepare_messages(q);
	*ret = q;
	return 0;
}

void
nfqueue_close(struct nfqueue *q)
{
	if (q == NULL)
		return;
	nl_free(q->nl);
	free(q);
}

int
nfqueue_fd(const struct nfqueue *q)
{
	return q->fd;
}

/* A refused verdict is answered on this socket, too: the packet was gone already (its
 * interface went down), and there is nothing to do about it. */
static bool
read_id(const struct nlmsghdr *h, size_t len, uint32_t *ret)
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
	*ret = ntohl(p.packet_id);
	return true;
}

int
nfqueue_read(struct nfqueue *q, uint32_t ret_ids[static NFQUEUE_READ_MAX])
{
	int got, count = 0;

	do {
		got = recvmmsg(q->fd, q->messages, NFQUEUE_READ_MAX, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++)
			if (read_id(&q->buffers[i].h, q->messages[i].msg_len,
				&ret_ids[count]))
				count++;
	} while ((got < 0 && errno == EINTR) || (got > 0 && count == 0));
	if (got < 0 && errno != EAGAIN && errno != ENOBUFS)
		return -errno;
	return count;
}

static struct verdict
make_verdict(const struct nfqueue *q, int type, uint32_t id)
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
		.verdict = { .verdict = htonl(NF_ACCEPT), .id = htonl(id) },
	};
}

static int
transmit(struct nfqueue *q, const void *verdicts, size_t len)
{
	ssize_t sent;

	do
		sent = send(q->fd, verdicts, len, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int
nfqueue_accept_upto(struct nfqueue *q, uint32_t id)
{
	struct verdict v = make_verdict(q, NFQNL_MSG_VERDICT_BATCH, id);

	return transmit(q, &v, sizeof(v));
}

int
nfqueue_flush(struct nfqueue *q)
{
	size_t len = q->waiting * sizeof(q->verdicts[0]);

	q->waiting = 0;
	return len == 0 ? 0 : transmit(q, q->verdicts, len);
}

int
nfqueue_accept(struct nfqueue *q, uint32_t id)
{
	q->verdicts[q->waiting++] = make_verdict(q, NFQNL_MSG_VERDICT, id);
	return q->waiting == VERDICTS_MAX ? nfqueue_flush(q) : 0;
}
