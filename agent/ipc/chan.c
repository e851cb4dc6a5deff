/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a SOCK_SEQPACKET pair.  Nothing here waits: a full buffer or an empty one is
 * an answer, and what to do about it is the caller's.  The send buffer is asked for by
 * force first, because the default (208 KiB) does not hold a drill of sixteen faults with
 * five hundred networks each; without CAP_NET_ADMIN we take what the host allows.
 */
#include "chan.h"
#include "err.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHAN_BUFFER (4 << 20)

static void
chan_enlarge(int fd)
{
	int size = CHAN_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		/* best effort: a smaller buffer only lowers the largest burst */
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int
chan_pair(int ret_fds[static 2], struct err *e)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) !=
	    0)
		return err_errno(e, "create a channel");
	chan_enlarge(fds[0]);
	chan_enlarge(fds[1]);
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

int
chan_send(int fd, const void *msg, struct err *e)
{
	const struct msg_head *head = msg;
	size_t size = msg_size(head->type);
	ssize_t n;

	if (size == 0)
		return err_set(e, -EINVAL, "no message has type %u", head->type);
	do
		n = send(fd, msg, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return err_set(e, -EPIPE, "the other end of the channel is gone");
	if (n < 0)
		return err_errno(e, "send message %u", head->type);
	return 0;
}

int
chan_recv(int fd, union msg *ret, struct err *e)
{
	ssize_t n;

	do
		/* MSG_TRUNC: the datagram's own length, even of one that did not fit */
		n = recv(fd, ret, sizeof(*ret), MSG_TRUNC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return err_set(e, -EPIPE, "the other end of the channel is gone");
	if (n < 0)
		return err_errno(e, "receive a message");
	if ((size_t)n < sizeof(struct msg_head))
		return err_set(e, -EBADMSG, "a message of %zd bytes has no head", n);
	if (msg_size(ret->head.type) == 0)
		return err_set(e, -EBADMSG, "unknown message type %u", ret->head.type);
	if ((size_t)n != msg_size(ret->head.type))
		return err_set(e, -EBADMSG, "message %u has %zd bytes, not %zu",
		    ret->head.type, n, msg_size(ret->head.type));
	return 1;
}
