/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup v2 has all in one directory; v1 has quota, usage and CPUs in three trees, of which
 * the first two are mostly, but not always, mounted as one.
 */
#include "cgroup_cpu.h"
#include "err.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define WHOLE 1000000
#define TEXT  4096

/* "50000 100000"; "max 100000" is none. */
static uint64_t
quota_v2(const struct cgroup_place *p)
{
	char text[64];
	uint64_t quota, period;

	if (cgroup_place_read(p, "cpu.max", text, sizeof(text)) < 0 ||
	    sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0)
		return 0;
	return quota * WHOLE / period;
}

/* -1 is none. */
static uint64_t
quota_v1(const struct cgroup_place *p)
{
	char text[32];
	int64_t quota, period;

	if (cgroup_place_read(p, "cpu.cfs_quota_us", text, sizeof(text)) < 0 ||
	    sscanf(text, "%" SCNd64, &quota) != 1 || quota <= 0 ||
	    cgroup_place_read(p, "cpu.cfs_period_us", text, sizeof(text)) < 0 ||
	    sscanf(text, "%" SCNd64, &period) != 1 || period <= 0)
		return 0;
	return (uint64_t)(quota * WHOLE / period);
}

static bool
is_apart(const struct cgroup_place *a, const struct cgroup_place *b)
{
	struct stat x, y;

	return fstat(a->dir, &x) < 0 || fstat(b->dir, &y) < 0 || x.st_dev != y.st_dev;
}

void
cgroup_cpu_open(struct cgroup_cpu *t, const struct cgroup_place *place)
{
	struct err why = { 0 };

	*t = (struct cgroup_cpu){ .place = place, .account.dir = -1 };
	if (place == NULL)
		return;
	t->quota = place->version == 2 ? quota_v2(place) : quota_v1(place);
	/* without it cgroup_cpu_usage will say so, if it is asked */
	if (place->version == 1 &&
	    cgroup_place_find("cpuacct", place->path, &t->account, &why) == 0)
		t->leaves_us_out = is_apart(place, &t->account);
}

static bool
usage_v2(const struct cgroup_place *p, uint64_t *ret)
{
	char text[TEXT];

	return cgroup_place_read(p, "cpu.stat", text, sizeof(text)) > 0 &&
	       sscanf(text, "usage_usec %" SCNu64, ret) == 1;
}

static bool
usage_v1(const struct cgroup_place *p, uint64_t *ret)
{
	char text[32];

	if (p->dir < 0 || cgroup_place_read(p, "cpuacct.usage", text, sizeof(text)) < 0 ||
	    sscanf(text, "%" SCNu64, ret) != 1)
		return false;
	*ret /= 1000; /* ns */
	return true;
}

int
cgroup_cpu_usage(const struct cgroup_cpu *t, uint64_t *ret, struct err *e)
{
	if (t->place->version == 2 ? usage_v2(t->place, ret) : usage_v1(&t->account, ret))
		return 0;
	return err_unsupported(e,
	    "cannot tell what cgroup '/%.80s' uses (%s): with mode=add that is not needed",
	    t->place->path,
	    t->place->version == 2 ? "it has no cpu.stat" : "it is not in cpuacct");
}

const char *
cgroup_cpu_cpus(const struct cgroup_cpu *t, char *buf, size_t size)
{
	struct cgroup_place p = { .dir = -1 };
	struct err why = { 0 };

	buf[0] = '\0';
	if (t->place == NULL)
		return buf;
	if (t->place->version == 2) {
		if (cgroup_place_read(t->place, "cpuset.cpus.effective", buf, size) < 0)
			buf[0] = '\0';
		return buf;
	}
	if (cgroup_place_find("cpuset", t->place->path, &p, &why) == 0) {
		if (cgroup_place_read(&p, "cpuset.effective_cpus", buf, size) < 0)
			buf[0] = '\0';
		cgroup_place_close(&p);
	}
	return buf;
}
