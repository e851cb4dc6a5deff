/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering a network.  The process is pinned by pidfd and start time before anything else
 * is asked of it, and the namespace is taken by that pidfd, so that a pid that is reused
 * meanwhile leads nowhere.
 */
#include "network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "container.h"
#include "err.h"
#include "ns.h"

enum { ID_SHOWN = 12 }; /* hex digits, as the engines show them */
_Static_assert((int)NETWORK_OF_MAX == (int)CONTAINER_ID_MAX, "an id fits");

const char *
network_describe(const struct network *n, char *buf, size_t size)
{
	const char *of_us = n->is_own ? ", which is the agent's own" : "";
	bool is_number = strspn(n->container, "0123456789abcdef") > ID_SHOWN;

	if (n->process.pid == 0)
		(void)snprintf(buf, size, "%s", "");
	else if (n->container[0] != '\0')
		(void)snprintf(buf, size, "in the network of container %.*s, pid %d%s",
		    is_number ? ID_SHOWN : 40, n->container, n->process.pid, of_us);
	else
		(void)snprintf(
		    buf, size, "in the network of pid %d%s", n->process.pid, of_us);
	return buf;
}

static int
find(struct network *n, pid_t pid, const char *container, struct err *e)
{
	struct container c;
	int rc;

	if (container != NULL) {
		rc = container_find(container, &c, e);
		if (rc < 0)
			return rc;
		n->process = c.init;
		memcpy(n->container, c.id, sizeof(n->container));
		return 0;
	}
	rc = process_id_get(pid, &n->process);
	if (rc == -ESRCH)
		return err_set(e, rc, "there is no process %d here", pid);
	return rc < 0 ? err_set(e, rc, "look at process %d: %s", pid, strerror(-rc)) : 0;
}

int
network_enter(struct network *n, pid_t pid, const char *container, struct err *e)
{
	struct network found = { .pidfd = -1 };
	_cleanup_close_ int pidfd = -1;
	char name[160];

	*n = found;
	if (pid == 0 && container == NULL)
		return 0;
	if (find(&found, pid, container, e) < 0)
		return e->code;
	pidfd = process_id_open(found.process);
	if (pidfd < 0)
		return err_set(e, pidfd, "hold on to process %d: %s", found.process.pid,
		    strerror(-pidfd));
	found.is_own = ns_net_of(found.process.pid) == netns_inode();
	found.pidfd = pidfd;
	if (!found.is_own && ns_enter_net_of(pidfd, e) < 0)
		return err_wrap(e, "%s", network_describe(&found, name, sizeof(name)));
	found.pidfd = steal_fd(&pidfd);
	*n = found;
	return 0;
}
