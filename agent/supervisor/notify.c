/* SPDX-License-Identifier: Apache-2.0 */
/* The socket is connected at start: after confinement there may be no way to it. */
#include "notify.h"
#include "err.h"
#include "parse.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int fd;

	if (len < 2 || len >= sizeof(addr.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	else
		size++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, size) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

void
notify_open(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET"), *watchdog = getenv("WATCHDOG_USEC");
	uint64_t usec = 0;
	struct err e = { 0 };

	*n = (struct notify){ .fd = path != NULL ? connect_to(path) : -1 };
	if (n->fd < 0 || watchdog == NULL || parse_u64(watchdog, &usec, &e) != 0)
		return;
	n->every = usec / 2;
}

void
notify_say(struct notify *n, const char *state)
{
	if (n->fd >= 0)
		/* systemd that does not listen has its own way to find out */
		(void)send(n->fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
notify_turn(struct notify *n, usec_t now)
{
	if (n->every == 0 || now < n->next)
		return;
	n->next = now + n->every;
	notify_say(n, "WATCHDOG=1");
}

usec_t
notify_next(const struct notify *n)
{
	return n->every != 0 ? n->next : USEC_INFINITY;
}
