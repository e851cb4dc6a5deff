/* SPDX-License-Identifier: Apache-2.0 */
/* Named after the fault, so that what is left of it would be found by its name. */
#include "child_group.h"
#include "cgroup.h"
#include <stdio.h>

void
child_group_plan(struct child_group *g, struct fault_run *r)
{
	struct undo u = { .op = UNDO_CGROUP_REMOVE };
	struct err why = { 0 };

	g->name[0] = '\0';
	if (undo_ctx_cgroup(r->ctx, &why) < 0)
		return;
	(void)snprintf(g->name, sizeof(g->name), "stormdrill-%s", r->spec->id);
	(void)snprintf(u.name, sizeof(u.name), "%s", g->name);
	undo_add(&r->undo, u);
	u.op = UNDO_CGROUP_KILL;
	undo_add(&r->undo, u);
	fault_op(r, "create cgroup '%s'", g->name);
}

int
child_group_make(
    const struct child_group *g, struct fault_run *r, int *ret_dir, struct err *e)
{
	int root;

	*ret_dir = -1;
	if (g->name[0] == '\0')
		return 0;
	root = undo_ctx_cgroup(r->ctx, e);
	return root < 0 ? root : cgroup_create(root, g->name, ret_dir, e);
}
