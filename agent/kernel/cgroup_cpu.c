/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup v2 has all in one directory; v1 has quota, usage and CPUs in three trees, of which
 * the first two are mostly, but not always, mounted as one.
 */
#include "cgroup_cpu.h"
#include "err.h"
#include "parse.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define WHOLE 1000000
#define TEXT  4096

/* The first word as a number; *text is then behind it. */
static bool
take_number(char **text, uint64_t *ret)
{
	char *word = strsep(text, " \n");
	struct err why;

	return word != NULL && parse_u64(word, ret, &why) == 0;
}

static bool
read_number(const struct cgroup_place *p, const char *file, uint64_t *ret)
{
	char line[32], *text = line;

	return cgroup_place_read(p, file, line, sizeof(line)) > 0 &&
	       take_number(&text, ret);
}

/* "50000 100000"; "max 100000" is none. */
static uint64_t
quota_v2(const struct cgroup_place *p)
{
	char line[64], *text = line;
	uint64_t quota, period;

	if (cgroup_place_read(p, "cpu.max", line, sizeof(line)) < 0 ||
	    !take_number(&text, &quota) || !take_number(&text, &period) || period == 0)
		return 0;
	return quota * WHOLE / period;
}

/* -1 is none. */
static uint64_t
quota_v1(const struct cgroup_place *p)
{
	uint64_t quota, period;

	if (!read_number(p, "cpu.cfs_quota_us", &quota) ||
	    !read_number(p, "cpu.cfs_period_us", &period) || period == 0)
		return 0;
	return quota * WHOLE / period;
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
	static const char key[] = "usage_usec "; /* the first line */
	char line[TEXT], *text = line + strlen(key);

	return cgroup_place_read(p, "cpu.stat", line, sizeof(line)) > 0 &&
	       strncmp(line, key, strlen(key)) == 0 && take_number(&text, ret);
}

static bool
usage_v1(const struct cgroup_place *p, uint64_t *ret)
{
	if (p->dir < 0 || !read_number(p, "cpuacct.usage", ret))
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
