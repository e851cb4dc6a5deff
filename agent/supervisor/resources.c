/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a fault to the names of what it needs, by what its kind's row says.  Two CPU loads on
 * one CPU fight over the percentage, and two fills of one disk over the last block; network
 * faults on different networks compose in the kernel, so only identical ones exclude each
 * other.
 */
#include "resources.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "ident.h"
#include "kind.h"
#include "parse.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MOUNTINFO_MAX (1 << 20)
#define DISK_KIND_MAX 14 /* bytes of a kind beside a device */

static int
cpu_range(const char *range, unsigned *ret_low, unsigned *ret_high)
{
	char low[16], high[16];
	size_t len = strcspn(range, "-");
	struct err e = { 0 };
	uint64_t a, b;

	snprintf(low, sizeof(low), "%.*s", (int)len, range);
	snprintf(high, sizeof(high), "%s", range[len] == '-' ? range + len + 1 : low);
	if (parse_u64(low, &a, &e) != 0 || parse_u64(high, &b, &e) != 0 || a > b ||
	    b >= CPUS_MAX)
		return -EINVAL;
	*ret_low = (unsigned)a;
	*ret_high = (unsigned)b;
	return 0;
}

int
resources_cpus(const char *list, unsigned char ret_set[static CPUS_MAX / 8])
{
	int count = 0;

	memset(ret_set, 0, CPUS_MAX / 8);
	while (*list != '\0' && *list != '\n') {
		unsigned low, high;
		char range[40];
		size_t len = strcspn(list, ",\n");

		snprintf(range, sizeof(range), "%.*s", (int)len, list);
		if (len >= sizeof(range) || cpu_range(range, &low, &high) != 0)
			return -EINVAL;
		for (; low <= high; low++) {
			count += (ret_set[low / 8] >> (low % 8) & 1) == 0;
			ret_set[low / 8] |= (unsigned char)(1 << (low % 8));
		}
		list += len + (list[len] == ',');
	}
	return count > 0 ? count : -EINVAL;
}

/* The CPUs a load is for; without `cpus` all that are online. */
static int
cpus_of(const struct spec *s, unsigned char ret_set[static CPUS_MAX / 8])
{
	char online[512];

	if (spec_has(s, "cpus"))
		return resources_cpus(spec_text(s, "cpus"), ret_set);
	if (read_file_at(
		AT_FDCWD, "/sys/devices/system/cpu/online", online, sizeof(online)) < 0)
		return resources_cpus("0", ret_set);
	return resources_cpus(online, ret_set);
}

/* Mount points are escaped: \040 for a blank. */
static void
unescape(char *s)
{
	char *to = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] != '\0' &&
		    s[3] != '\0') {
			*to++ =
			    (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* How much of `path` a mount point covers; 0: it does not. */
static size_t
covers(const char *point, const char *path)
{
	size_t len = strlen(point);

	if (len == 1) /* "/" */
		return 1;
	if (strncmp(point, path, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return 0;
	return len;
}

int
resources_device(const char *mountinfo, const char *path, char *ret, size_t size)
{
	size_t best = 0;

	while (*mountinfo != '\0') {
		char line[2048], *save = NULL, *device = NULL, *point = NULL;
		size_t len = strcspn(mountinfo, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, mountinfo);
		mountinfo += len + (mountinfo[len] == '\n');
		/* id parent major:minor root mount-point … */
		for (int i = 0; i < 5; i++) {
			point = strtok_r(i == 0 ? line : NULL, " ", &save);
			if (i == 2)
				device = point;
		}
		if (device == NULL || point == NULL)
			continue;
		unescape(point);
		/* >=: of two mounts on one point the later one is seen */
		if (covers(point, path) >= best && covers(point, path) > 0) {
			best = covers(point, path);
			snprintf(ret, size, "%s", device);
		}
	}
	return best > 0 ? 0 : -ENOENT;
}

/* By kind: a disk may be slow and full at once.  But on one that stands still no fault could
 * be undone that has files there: who stops it has what every kind may take of it. */
static int
each_disk(const struct spec *s, bool alone,
    int (*fn)(void *ctx, const char *resource, struct err *e), void *ctx, struct err *e)
{
	_cleanup_free_ char *table = xcalloc(1, MOUNTINFO_MAX);
	char device[24] = "?", name[RESOURCE_NAME_MAX];
	int rc = 0;

	if (read_file_at(AT_FDCWD, "/proc/self/mountinfo", table, MOUNTINFO_MAX) > 0)
		/* not found: "?" makes all such faults exclude each other */
		(void)resources_device(
		    table, spec_text(s, "path"), device, sizeof(device));
	FOR_EACH_KIND(k) {
		if ((*k)->holds != HOLDS_DISK && (*k)->holds != HOLDS_DISK_ALONE)
			continue;
		if ((!alone && strcmp((*k)->name, s->kind) != 0) || rc != 0)
			continue;
		snprintf(
		    name, sizeof(name), "%.*s-%s", DISK_KIND_MAX, (*k)->name, device);
		rc = fn(ctx, name, e);
	}
	return rc;
}

/* FNV-1a: what is identical meets, and a name is short. */
static uint64_t
hash_text(const char *text, uint64_t seed)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (const char *c = text; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
hash_of(const struct spec *s)
{
	_cleanup_free_ char *text = xcalloc(1, SPEC_SIZE_MAX * 4);

	spec_describe(s, text, SPEC_SIZE_MAX * 4);
	return hash_text(text, netns_inode());
}

static void
name_target(const struct spec *s, char *ret, size_t size)
{
	const char *target = spec_has(s, "cgroup")    ? spec_text(s, "cgroup") :
			     spec_has(s, "container") ? spec_text(s, "container") :
							NULL;

	if (target == NULL)
		snprintf(ret, size, "%.*s", RESOURCE_NAME_MAX - 1, s->kind);
	else
		snprintf(ret, size, "%.14s-%016llx", s->kind,
		    (unsigned long long)hash_text(target, 0));
}

static int
each_cpu(const struct spec *s, int (*fn)(void *ctx, const char *resource, struct err *e),
    void *ctx, struct err *e)
{
	unsigned char cpus[CPUS_MAX / 8];
	char name[RESOURCE_NAME_MAX];
	int rc = 0;

	if (cpus_of(s, cpus) < 0)
		return err_invalid(e, "cannot read the list of CPUs");
	for (unsigned i = 0; i < CPUS_MAX && rc == 0; i++) {
		if ((cpus[i / 8] >> (i % 8) & 1) == 0)
			continue;
		snprintf(name, sizeof(name), "cpu-%u", i);
		rc = fn(ctx, name, e);
	}
	return rc;
}

/* A load that only adds has nobody to agree with, and one in a target only that. */
static enum kind_holds
held_by(const struct spec *s)
{
	const struct kind *k = kind_find(s->kind);
	char mode[16];

	if (k == NULL)
		return HOLDS_SAME;
	if (k->holds != HOLDS_CPUS)
		return k->holds;
	if (strcmp(spec_format(s, "mode", mode, sizeof(mode)), "add") == 0)
		return HOLDS_SAME;
	return spec_has(s, "cgroup") || spec_has(s, "container") ? HOLDS_TARGET :
								   HOLDS_CPUS;
}

int
resources_each(const struct spec *s,
    int (*fn)(void *ctx, const char *resource, struct err *e), void *ctx, struct err *e)
{
	char name[RESOURCE_NAME_MAX];

	if (s->duration == 0)
		return 0; /* a one-shot holds nothing */
	switch (held_by(s)) {
	case HOLDS_CPUS:
		return each_cpu(s, fn, ctx, e);
	case HOLDS_DISK:
		return each_disk(s, false, fn, ctx, e);
	case HOLDS_DISK_ALONE:
		return each_disk(s, true, fn, ctx, e);
	case HOLDS_HOST:
		snprintf(name, sizeof(name), "%.*s", RESOURCE_NAME_MAX - 1, s->kind);
		break;
	case HOLDS_TARGET:
		name_target(s, name, sizeof(name));
		break;
	case HOLDS_SAME:
		snprintf(
		    name, sizeof(name), "same-%016llx", (unsigned long long)hash_of(s));
		break;
	}
	return fn(ctx, name, e);
}

static int
is_same(void *ctx, const char *resource, struct err *e)
{
	(void)e;
	return strcmp(ctx, resource) == 0 ? 1 : 0;
}

static int
is_needed_by_other(void *ctx, const char *resource, struct err *e)
{
	char name[RESOURCE_NAME_MAX];

	snprintf(name, sizeof(name), "%s", resource);
	return resources_each(ctx, is_same, name, e) == 1 ? 1 : 0;
}

bool
resources_shared(const struct spec *a, const struct spec *b)
{
	struct err e = { 0 };

	/* the walk only reads b: the callback's context is not const */
	return resources_each(a, is_needed_by_other, (void *)(uintptr_t)b, &e) == 1;
}
