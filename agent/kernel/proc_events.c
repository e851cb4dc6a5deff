/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel takes a subscription from anywhere and answers only those that it will serve.
 * In another pid namespace the events come all the same as soon as anybody has asked for
 * them, and the pids in them are not those of the namespace: so no answer means no events.
 */
#include "proc_events.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_WAIT (200 * USEC_PER_MSEC)
#define BUFFER      (1 << 20)

/* The events themselves by number: headers differ in where they declare the names. */
enum {
	EVENT_NONE = 0,
	EVENT_FORK = 1,
	EVENT_EXEC = 2,
	EVENT_UID = 4,
	EVENT_COMM = 0x200
};

static int
say(int fd, enum proc_cn_mcast_op op, uint32_t number)
{
	_Alignas(
	    struct nlmsghdr) char text[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(op))] =
	    "";
	struct nlmsghdr *h = (struct nlmsghdr *)text;
	struct cn_msg *m = NLMSG_DATA(h);

	h->nlmsg_len = NLMSG_LENGTH(sizeof(*m) + sizeof(op));
	h->nlmsg_type = NLMSG_DONE;
	m->id.idx = CN_IDX_PROC;
	m->id.val = CN_VAL_PROC;
	m->ack = number;
	m->len = sizeof(op);
	memcpy(m->data, &op, sizeof(op));
	return send(fd, text, h->nlmsg_len, 0) < 0 ? -errno : 0;
}

static int
subscribe(int fd, uint32_t number)
{
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK,
		.nl_groups = CN_IDX_PROC };

	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return say(fd, PROC_CN_MCAST_LISTEN, number);
}

/* The process a message is about, -1: none that matters; *ret_what is the event. */
static pid_t
about(const char *text, ssize_t len, unsigned *ret_what)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)text;
	const struct cn_msg *m = NLMSG_DATA(h);
	struct proc_event event = { 0 };
	size_t size;

	if (len < (ssize_t)NLMSG_LENGTH(sizeof(*m)) || m->id.idx != CN_IDX_PROC)
		return -1;
	size = m->len < sizeof(event) ? m->len : sizeof(event);
	if ((size_t)len < NLMSG_LENGTH(sizeof(*m) + size))
		return -1;
	memcpy(&event, m->data, size);
	*ret_what = (unsigned)event.what;
	switch (*ret_what) {
	case EVENT_FORK:
		return event.event_data.fork.child_pid ==
			       event.event_data.fork.child_tgid ?
			   event.event_data.fork.child_tgid :
			   -1; /* a thread */
	case EVENT_EXEC:
		return event.event_data.exec.process_tgid;
	case EVENT_UID:
		return event.event_data.id.process_tgid;
	case EVENT_COMM:
		return event.event_data.comm.process_tgid;
	case EVENT_NONE:
		return 0; /* the answer to a subscription */
	default:
		return -1;
	}
}

/* One message: 1 with it, 0 when there is none, negative errno. */
static int
take(int fd, pid_t *ret, unsigned *ret_what)
{
	_Alignas(struct nlmsghdr) char text[1024];
	ssize_t len = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	*ret = about(text, len, ret_what);
	return 1;
}

/* Everybody's answers and events come to everybody: ours has our number and one more. */
static bool
is_answered(int fd, uint32_t number)
{
	const usec_t until = clock_boottime() + ANSWER_WAIT;
	_Alignas(struct nlmsghdr) char text[1024];
	const struct cn_msg *m = NLMSG_DATA(text);

	while (clock_boottime() < until) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t len;

		if (poll(&p, 1, (int)(ANSWER_WAIT / USEC_PER_MSEC)) <= 0)
			return false;
		len = recv(fd, text, sizeof(text), MSG_DONTWAIT);
		if (len >= (ssize_t)NLMSG_LENGTH(sizeof(*m)) && m->ack == number + 1)
			return true;
	}
	return false;
}

int
proc_events_open(struct err *e)
{
	_cleanup_close_ int fd = socket(
	    AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	const uint32_t number = (uint32_t)clock_boottime() ^ (uint32_t)getpid() << 16;
	const int size = BUFFER;

	if (fd < 0)
		return err_unsupported(
		    e, "no process events from this kernel: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (subscribe(fd, number) < 0)
		return err_unsupported(e, "no process events here: %s", strerror(errno));
	if (!is_answered(fd, number))
		return err_unsupported(e,
		    "no process events here: only in the first pid and network "
		    "namespaces");
	return steal_fd(&fd);
}

int
proc_events_read(int fd, unsigned most, void (*fn)(void *ctx, pid_t pid), void *ctx)
{
	unsigned what;
	pid_t pid;

	while (most-- > 0) {
		int rc = take(fd, &pid, &what);

		if (rc <= 0)
			return rc;
		if (pid > 0)
			fn(ctx, pid);
	}
	return 0;
}

void
proc_events_close(int fd)
{
	if (fd < 0)
		return;
	/* before 6.6 a socket's end did not end what it had asked for */
	(void)say(fd, PROC_CN_MCAST_IGNORE, 0);
	(void)close(fd);
}
