/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity on the Unix socket is SO_PEERCRED: uid and pid of whoever connected, fixed at
 * connect(); who may connect at all is the socket's mode and owner, which stormd set.  Over
 * TCP it is the certificate (tls.c).  What they may ask is stormd's to say.  Nothing in a
 * request can claim an identity.
 */
#include "auth.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

int
peer_of(int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
	    len != sizeof(cred) || cred.uid == (uid_t)-1 || cred.uid == UID_REMOTE)
		return -ENOTCONN;
	*ret = (struct peer){ .uid = cred.uid, .pid = cred.pid, .role = ROLE_LOCAL };
	return 0;
}

const char *
peer_describe(const struct peer *p, char *buf, size_t size)
{
	if (p->role == ROLE_LOCAL)
		return format_uid(p->uid, buf, size);
	(void)snprintf(buf, size, "'%s'", p->name);
	return buf;
}

bool
peer_may_enter(const struct peer *p, unsigned connections)
{
	if (p->role == ROLE_LOCAL)
		return connections < (p->uid == 0 ? LOCAL_MAX : LOCAL_USERS);
	return connections < (p->role == ROLE_OPERATOR ? REMOTE_MAX : REMOTE_VIEWER);
}
