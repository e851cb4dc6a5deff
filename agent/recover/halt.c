/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a live stormd to undo everything: one fixed request over its Unix socket, and the
 * status line of the answer.  No HTTP library is in this program, and none is needed.
 * Meanwhile the lock is tried again and again: when stormd dies its guardian undoes, and
 * then the lock is free.
 */
#include "recover.h"

#include "api.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "fdio.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Undoing takes milliseconds; a stormd that is silent for so long is dead or hangs. */
#define HALT_WAIT  (13 * USEC_PER_SEC)
#define HALT_POLL  50 /* ms */
#define STATUS_MAX 16 /* "HTTP/1.1 200 OK" */

static const char request[] = "POST " API_PREFIX "/halt HTTP/1.1\r\n"
			      "Host: stormd\r\n"
			      "Content-Length: 0\r\n"
			      "Connection: close\r\n"
			      "\r\n";

/* The connected socket with the request sent, or -1: nobody is there to ask. */
static int
send_request(const char *run_dir)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s/" API_SOCKET, run_dir);

	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(request) - 1)
		return -1;
	return steal_fd(&fd);
}

/* Read what is there of the status line: the status, 0 not yet, -1 no answer will come. */
static int
read_status(int fd, char *line, size_t *used)
{
	ssize_t n = recv(fd, line + *used, STATUS_MAX - *used, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	*used += (size_t)n;
	if (*used < 12)
		return 0;
	if (memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
		return -1;
	return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

static int
judge(int status, const char *run_dir, struct err *e)
{
	if (status == 200)
		return 1;
	return err_set(e, -EBUSY, "stormd of '%s' could not undo everything (status %d)",
	    run_dir, status);
}

int
halt_or_lock(const char *run_dir, int *ret_lock, struct err *e)
{
	usec_t until = clock_boottime() + HALT_WAIT;
	_cleanup_close_ int fd = send_request(run_dir);
	char line[STATUS_MAX];
	size_t used = 0;

	do {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct err why = { 0 };
		int status = 0, lock;

		if (poll(&p, 1, HALT_POLL) > 0)
			status = read_status(fd, line, &used);
		if (status > 0)
			return judge(status, run_dir, e);
		if (status < 0) {
			(void)close(fd); /* a socket that said nothing of use */
			fd = -1;
		}
		lock = instance_lock(run_dir, &why);
		if (lock >= 0) {
			*ret_lock = lock;
			return 0;
		}
		if (lock == -ENOENT)
			return 1; /* undone, and the run-dir of an embedded drill with it */
	} while (clock_boottime() < until);
	return err_set(e, -ETIMEDOUT,
	    "somebody holds '%s/" LOCK_FILE "' and does not answer (see lsof): end it, "
	    "then run stormd-undo again",
	    run_dir);
}
