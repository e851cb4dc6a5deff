/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes are a container's, by the same mark in /proc by which it was found.  Two
 * containers that share a pid namespace are told apart, which the namespaces would not do.
 */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "err.h"
#include "proc.h"
#include "xalloc.h"

#define CGROUP_TEXT_MAX 16384
#define MOUNTS_TEXT_MAX (512 * 1024)

struct container_members {
	struct container container;
	struct container_mark mark;
	bool by_mounts; /* its cgroup does not show it to us */
	uint64_t our_mounts;
	char *text;
};

static uint64_t
mounts_at(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, 0) == 0 ? (uint64_t)st.st_ino : 0;
}

/* The whole id: what the name was short for is settled. */
static bool
has_mark(
    struct container_members *m, int dir, const char *prefix, struct container_mark *ret)
{
	char path[PROC_PATH_MAX];

	if (!m->by_mounts)
		return proc_file(dir, proc_path(path, prefix, "cgroup"), m->text,
			   CGROUP_TEXT_MAX) > 0 &&
		       strstr(m->text, m->container.id) != NULL &&
		       container_by_cgroup(m->text, m->container.id, ret);
	return mounts_at(dir, proc_path(path, prefix, "ns/mnt")) != m->our_mounts &&
	       proc_file(dir, proc_path(path, prefix, "mountinfo"), m->text,
		   MOUNTS_TEXT_MAX) > 0 &&
	       container_by_mounts(m->text, m->container.id, ret);
}

int
container_members_open(const char *name, struct container_members **ret, struct err *e)
{
	struct container_members *m = xcalloc(1, sizeof(*m));
	_cleanup_close_ int dir = -1;

	m->text = xcalloc(1, MOUNTS_TEXT_MAX);
	m->our_mounts = mounts_at(AT_FDCWD, "/proc/self/ns/mnt");
	if (container_find(name, &m->container, e) < 0) {
		container_members_free(m);
		return e->code;
	}
	dir = proc_open(m->container.init.pid);
	if (dir >= 0 && !has_mark(m, dir, "", &m->mark)) {
		m->by_mounts = true;
		(void)has_mark(m, dir, "", &m->mark); /* it was found by this */
	}
	*ret = m;
	return 0;
}

bool
container_members_has(struct container_members *m, int dir, const char *prefix)
{
	struct container_mark mark;

	return has_mark(m, dir, prefix, &mark) && strcmp(mark.id, m->mark.id) == 0 &&
	       (m->by_mounts || strcmp(mark.place, m->mark.place) == 0);
}

void
container_members_free(struct container_members *m)
{
	if (m != NULL)
		free(m->text);
	free(m);
}
