/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity is SO_PEERCRED: uid and pid of whoever connected, fixed at connect().  Who may
 * connect at all is the socket's mode and owner, which stormd set; what they may ask is
 * stormd's policy.  Nothing in a request can claim an identity.
 */
#include "auth.h"
#include <errno.h>
#include <sys/socket.h>

int
peer_of(int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
	    len != sizeof(cred) || cred.uid == (uid_t)-1)
		return -ENOTCONN;
	*ret = (struct peer){ .uid = cred.uid, .pid = cred.pid };
	return 0;
}

bool
peer_may_enter(const struct peer *p, unsigned connections)
{
	return connections < (p->uid == 0 ? CONNECTIONS_MAX : CONNECTIONS_USERS);
}
