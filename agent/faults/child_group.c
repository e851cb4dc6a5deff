/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named after the fault, so that what is left of it would be found by its name.  A group
 * without controllers of its own may be below one that has processes (cgroups(7), "no
 * internal processes"), which is why a target needs no preparation.
 */
#include "child_group.h"
#include "cgroup.h"
#include "cleanup.h"
#include "container.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
find_target(
    struct child_group *g, const struct spec *s, const char *controller, struct err *e)
{
	struct container c;

	if (controller == NULL)
		return 0;
	g->has_target = true;
	if (spec_has(s, "cgroup"))
		return cgroup_place_find(
		    controller, spec_text(s, "cgroup"), &g->target, e);
	if (spec_has(s, "container")) {
		if (container_find(spec_text(s, "container"), &c, e) < 0)
			return e->code;
		return cgroup_place_of(controller, c.init.pid, &g->target, e);
	}
	g->has_target = false;
	return 0;
}

static int
set_name(char *ret, const char *above, const char *fault, struct err *e)
{
	int n = snprintf(ret, PATH_LEN_MAX, "%s%sstormdrill-%s", above,
	    above[0] != '\0' ? "/" : "", fault);

	return n < PATH_LEN_MAX ? 0 :
				  err_set(e, -ENAMETOOLONG,
				      "the name of cgroup '/%.60s…' is too long", above);
}

static void
plan_one(struct fault_run *r, enum undo_op op, const char *name, const char *tree)
{
	struct undo u = { .op = op };

	(void)snprintf(u.name, sizeof(u.name), "%s", name);
	(void)snprintf(u.dev, sizeof(u.dev), "%s", tree);
	undo_add(&r->undo, u);
}

int
child_group_plan(
    struct child_group *g, struct fault_run *r, const char *controller, struct err *e)
{
	const char *fault = r->spec->id, *above = "";
	struct err why = { 0 };

	*g = (struct child_group){ .dir = -1, .v1_dir = -1, .target.dir = -1 };
	if (find_target(g, r->spec, controller, e) < 0)
		return e->code;
	if (g->has_target && g->target.version == 1) {
		if (set_name(g->v1_name, g->target.path, fault, e) < 0)
			return e->code;
		(void)snprintf(g->tree, sizeof(g->tree), "%s", g->target.tree);
		plan_one(r, UNDO_CGROUP_V1, g->v1_name, g->tree);
		fault_op(r, "create cgroup '/%s' in the %s tree", g->v1_name, g->tree);
	} else if (g->has_target) {
		above = g->target.path;
	}
	if (undo_ctx_cgroup(r->ctx, &why) < 0)
		return 0;
	if (set_name(g->name, above, fault, e) < 0)
		return e->code;
	plan_one(r, UNDO_CGROUP_REMOVE, g->name, "");
	plan_one(r, UNDO_CGROUP_KILL, g->name, "");
	fault_op(r, "create cgroup '%s'", g->name);
	return 0;
}

int
child_group_make(struct child_group *g, struct fault_run *r, struct err *e)
{
	int root;

	if (g->name[0] != '\0') {
		root = undo_ctx_cgroup(r->ctx, e);
		if (root < 0 || cgroup_create(root, g->name, &g->dir, e) < 0 ||
		    undo_hold_cgroup(r->ctx, g->name, e) < 0)
			return e->code;
	}
	if (g->v1_name[0] != '\0') {
		_cleanup_close_ int tree = cgroup_tree(g->tree, e);

		if (tree < 0)
			return tree;
		return cgroup_create(tree, g->v1_name, &g->v1_dir, e);
	}
	return 0;
}

int
child_group_join(const struct child_group *g, pid_t pid, struct err *e)
{
	if (g->dir >= 0 && cgroup_join(g->dir, pid, e) < 0)
		return e->code;
	return g->v1_dir < 0 ? 0 : cgroup_join(g->v1_dir, pid, e);
}

const char *
child_group_where(const struct child_group *g, char *buf, size_t size)
{
	(void)snprintf(buf, size, g->has_target ? " in cgroup '/%s'" : "%s",
	    g->has_target ? g->target.path : "");
	return buf;
}
