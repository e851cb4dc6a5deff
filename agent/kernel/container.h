/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_H
#define CONTAINER_H
/*
 * Finding a container by what the kernel shows of its processes in /proc, whichever engine
 * started it; no engine is asked.  A container is named by its whole id, or by the first 12
 * or more hex digits of it where that is only one container's.
 */
#include "ident.h"
#include <stdbool.h>
#include <stddef.h>

struct err;

enum { CONTAINER_ID_MAX = 128, CONTAINER_PREFIX_MIN = 12 };

struct container {
	char id[CONTAINER_ID_MAX]; /* whole */
	struct process_id init;    /* the first of its processes: it ends with this one */
};

/* -ESRCH when no process of it is there, OUTCOME_REFUSED when more than one container is
 * meant. */
int container_find(const char *name, struct container *ret, struct err *e);

/* All of its processes: found as above, then any process may be asked about, by /proc or
 * /proc/PID and what of the path is missing ("812/" or ""). */
struct container_members;
int container_members_open(
    const char *name, struct container_members **ret, struct err *e);
bool container_members_has(struct container_members *m, int dir, const char *prefix);
void container_members_free(struct container_members *m);

/*
 * The same in steps, without /proc.  A mark is what a text shows of the container a process
 * is in: the id, and for one that is no hex number, where it stands.
 */
struct container_mark {
	char id[CONTAINER_ID_MAX];
	char place[512]; /* "/user.slice/web"; "" where the id alone will do */
};
/* Of a process, from its /proc/PID/cgroup; false: not in a container of that name. */
bool container_by_cgroup(const char *text, const char *name, struct container_mark *ret);
/* From its /proc/PID/mountinfo: what engines put into /etc, and cgroup trees. */
bool container_by_mounts(const char *text, const char *name, struct container_mark *ret);

struct container_search {
	const char *name;
	bool is_found, is_several;
	struct container found;
	struct container_mark mark;  /* of the one found */
	struct container_mark other; /* when there are several */
};
void container_search_see(struct container_search *s, const struct process_id *process,
    const struct container_mark *mark);
int container_search_end(
    const struct container_search *s, struct container *ret, struct err *e);

#endif
