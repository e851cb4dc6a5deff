/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIDNS_CGROUP_H
#define PIDNS_CGROUP_H
/* Cgroups for a test's processes, in the trees of the machine, which have no others: named
 * as no other test's are, and removed by it. */
#include "cgroup.h"
#include "cgroup_place.h"
#include "err.h"
#include "test.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct test_group {
	char tree[16];  /* as cgroup_tree takes it */
	char path[160]; /* with its first '/' */
};

/* Is there such a tree here?  Not: can it be made, as a v1 tree can where there is none. */
static inline bool
has_tree(const char *tree)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512], *list;
	bool found = false;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		list = strchr(line, ':') + 1;
		found |= strcspn(list, ":") == strlen(tree) &&
			 strncmp(list, tree, strlen(tree)) == 0;
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* `name` has one %s, in place of which stands what no other test has; `above` may be NULL. */
static inline struct test_group
group_make(const char *tree, const struct test_group *above, const char *name)
{
	unsigned number = 0;
	struct test_group g = { .path = "/" };
	struct err e = { 0 };
	int root = cgroup_tree(tree, &e), dir = -1;
	char unique[48];
	size_t used;

	(void)snprintf(g.tree, sizeof(g.tree), "%s", tree);
	if (above != NULL)
		(void)snprintf(g.path, sizeof(g.path), "%.60s/", above->path);
	(void)!getrandom(&number, sizeof(number), 0);
	(void)snprintf(unique, sizeof(unique), "%08x", number);
	used = strlen(g.path);
	for (const char *c = name; *c != '\0'; c++) {
		bool is_place = c[0] == '%' && c[1] == 's';

		used += (size_t)snprintf(g.path + used, sizeof(g.path) - used, "%.*s",
		    is_place ? 48 : 1, is_place ? unique : c);
		c += is_place;
	}
	assert_ok(cgroup_create(root, g.path + 1, &dir, &e), e);
	(void)close(dir);
	(void)close(root);
	return g;
}

static inline void
group_join(const struct test_group *g, pid_t pid)
{
	struct cgroup_place place;
	struct err e = { 0 };

	assert_ok(cgroup_place_in(g->tree, g->path, &place, &e), e);
	assert_ok(cgroup_join(place.dir, pid, &e), e);
	cgroup_place_close(&place);
}

static inline void
group_write(const struct test_group *g, const char *file, const char *text)
{
	struct cgroup_place place;
	struct err e = { 0 };

	assert_ok(cgroup_place_in(g->tree, g->path, &place, &e), e);
	assert_ok(cgroup_place_write(&place, file, text, &e), e);
	cgroup_place_close(&place);
}

static inline void
group_read(const struct test_group *g, const char *file, char *buf, size_t size)
{
	struct cgroup_place place;
	struct err e = { 0 };

	assert_ok(cgroup_place_in(g->tree, g->path, &place, &e), e);
	assert_true(cgroup_place_read(&place, file, buf, size) > 0);
	cgroup_place_close(&place);
}

static inline void
group_remove(const struct test_group *g)
{
	struct err e = { 0 };
	int root = cgroup_tree(g->tree, &e);

	assert_ok(cgroup_remove(root, g->path + 1, &e), e);
	(void)close(root);
}

#endif
