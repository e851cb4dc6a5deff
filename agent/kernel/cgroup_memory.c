/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sets of names for one thing.  memory.high counts as a limit: a process above it
 * is not killed but made to wait, which for a fill comes to the same.
 */
#include "cgroup_memory.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "proc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STAT_MAX    16384
/* v1 writes "no limit" as the largest number of whole pages */
#define V1_NO_LIMIT (UINT64_C(1) << 62)

/* UINT64_MAX for "max", and where there is no such file. */
static uint64_t
read_number(int dir, const char *file)
{
	char text[64];
	uint64_t n;

	if (read_file_at(dir, file, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%" SCNu64, &n) != 1)
		return UINT64_MAX;
	return n;
}

/* "key value" on a line of its own; 0 when it is not there. */
static uint64_t
read_keyed(int dir, const char *file, const char *key)
{
	_cleanup_free_ char *text = calloc(1, STAT_MAX);
	const size_t len = strlen(key);
	const char *line = text;
	uint64_t n = 0;

	if (text == NULL || read_file_at(dir, file, text, STAT_MAX) <= 0)
		return 0;
	while (line != NULL && *line != '\0') {
		if (strncmp(line, key, len) == 0 && line[len] == ' ' &&
		    sscanf(line + len, "%" SCNu64, &n) == 1)
			return n;
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return 0;
}

static uint64_t
limit_of(int dir, int version)
{
	uint64_t max, high;

	if (version == 1) {
		max = read_number(dir, "memory.limit_in_bytes");
		return max >= V1_NO_LIMIT ? UINT64_MAX : max;
	}
	max = read_number(dir, "memory.max");
	high = read_number(dir, "memory.high");
	return max < high ? max : high;
}

/* What of its memory the kernel could take back without anybody's loss: pages of files,
 * but not those of tmpfs, which are on the lists of anonymous ones. */
static uint64_t
reclaimable_of(int dir, int version)
{
	if (version == 1)
		return read_keyed(dir, "memory.stat", "total_inactive_file") +
		       read_keyed(dir, "memory.stat", "total_active_file");
	return read_keyed(dir, "memory.stat", "inactive_file") +
	       read_keyed(dir, "memory.stat", "active_file");
}

static void
add_level(struct cgroup_memory *m, int dir, int version)
{
	const uint64_t limit = limit_of(dir, version);
	uint64_t used, back, room;

	if (limit == UINT64_MAX)
		return;
	used =
	    read_number(dir, version == 1 ? "memory.usage_in_bytes" : "memory.current");
	back = reclaimable_of(dir, version);
	used = used > back ? used - back : 0;
	room = used < limit ? limit - used : 0;
	if (limit < m->limit)
		m->limit = limit;
	if (room < m->available)
		m->available = room;
}

/* How many groups there are from this one up to the root, both counted. */
static unsigned
levels_of(const struct cgroup_place *p)
{
	unsigned count = p->path[0] != '\0' ? 2 : 1;

	for (const char *c = p->path; *c != '\0'; c++)
		count += *c == '/';
	return count;
}

/* Call fn for the group and each above it until it returns non-zero. */
static int
each_level(const struct cgroup_place *p,
    int (*fn)(void *ctx, int dir, int version, struct err *e), void *ctx, struct err *e)
{
	_cleanup_close_ int dir = openat(p->dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned levels = levels_of(p);
	int rc = 0;

	while (dir >= 0 && rc == 0 && levels-- > 0) {
		int above;

		rc = fn(ctx, dir, p->version, e);
		if (rc != 0 || levels == 0)
			return rc;
		above = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)close(dir); /* an O_PATH descriptor */
		dir = above;
	}
	return dir < 0 ? err_errno(e, "open what is above cgroup '/%s'", p->path) : rc;
}

static int
see_level(void *ctx, int dir, int version, struct err *e)
{
	(void)e;
	add_level(ctx, dir, version);
	return 0;
}

int
cgroup_memory_read(const struct cgroup_place *p, struct cgroup_memory *ret, struct err *e)
{
	struct cgroup_memory m = { .limit = UINT64_MAX, .available = UINT64_MAX };
	int rc = each_level(p, see_level, &m, e);

	if (rc == 0)
		*ret = m;
	return rc;
}

uint64_t
cgroup_memory_oom_kills(const struct cgroup_place *p)
{
	return read_keyed(
	    p->dir, p->version == 1 ? "memory.oom_control" : "memory.events", "oom_kill");
}

static int
refuse_oom_setting(void *ctx, int dir, int version, struct err *e)
{
	const struct cgroup_place *p = ctx;

	if (version == 2 && read_number(dir, "memory.oom.group") == 1)
		return err_refused(e,
		    "memory.oom.group is set for cgroup '/%s' or above it: for want of "
		    "memory the kernel would end all of it",
		    p->path);
	if (version == 1 &&
	    read_keyed(dir, "memory.oom_control", "oom_kill_disable") == 1)
		return err_refused(e,
		    "oom_kill_disable is set for cgroup '/%s' or above it: for want of "
		    "memory all of it would hang",
		    p->path);
	return 0;
}

int
cgroup_memory_oom_plain(const struct cgroup_place *p, struct err *e)
{
	/* the walk only reads it: the callback's context is not const */
	return each_level(p, refuse_oom_setting, (void *)(uintptr_t)p, e);
}

int
cgroup_memory_pressure(const struct cgroup_place *p, uint32_t *ret, struct err *e)
{
	char text[256];

	if (p->version == 1)
		return err_unsupported(e,
		    "cgroup '/%s' is of cgroup v1, which does not tell its pressure",
		    p->path);
	if (cgroup_place_read(p, "memory.pressure", text, sizeof(text)) <= 0 ||
	    proc_pressure_parse(text, ret) < 0)
		return err_unsupported(e,
		    "cgroup '/%s' does not tell its pressure (memory.pressure): the kernel "
		    "has no pressure stall information, or it is off (psi=1)",
		    p->path);
	return 0;
}
