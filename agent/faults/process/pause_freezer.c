/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By the freezer of a cgroup: one write stops all that is in it and all that it will start,
 * and no process can tell.  Only where the selection is the whole group, and only while
 * everybody in it may be stopped: an agent that froze itself could not thaw itself.
 */
#include "cgroup_members.h"
#include "cleanup.h"
#include "container.h"
#include "err.h"
#include "fdio.h"
#include "freeze.h"
#include "pause.h"
#include "proc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FREEZE_WAIT     (2 * USEC_PER_SEC)
#define CGROUP_TEXT_MAX 16384

static int
freezer_supported(struct err *e)
{
	struct err why = { 0 };
	int fd = cgroup_tree("", &why);

	if (fd < 0)
		fd = cgroup_tree(FREEZE_V1, &why);
	if (fd < 0)
		return err_unsupported(e, "no cgroup tree with a freezer is to be had");
	(void)close(fd); /* an O_PATH descriptor */
	return 0;
}

/* --- which group ------------------------------------------------------------------------ */

/* The part of a process's cgroup path that the selector is about: up to and with the unit
 * or the container.  "" when it is about none of it. */
static void
cut_path(const struct spec *s, char *path)
{
	const char *cgroup = spec_text(s, "cgroup"), *unit = spec_text(s, "unit");
	const char *container = spec_text(s, "container");
	size_t len = strlen(cgroup), unit_len = strlen(unit);

	while (len > 0 && cgroup[len - 1] == '/')
		len--;
	if (len > 0) {
		path[strncmp(path, cgroup, len) == 0 ? len : 0] = '\0';
		return;
	}
	for (char *at = path; (at = strchr(at, '/')) != NULL;) {
		size_t size = strcspn(++at, "/");

		/* what was matched is matched here: a unit by its name, with or without
		 * suffix, a container by its id somewhere in the word */
		if ((unit_len > 0 && strncmp(at + (*at == '_'), unit, unit_len) == 0) ||
		    (container[0] != '\0' &&
			memmem(at, size, container, strlen(container)) != NULL)) {
			at[size] = '\0';
			return;
		}
	}
	path[0] = '\0';
}

/* The path of a process in a tree, from its /proc/PID/cgroup: false when it has none. */
static bool
path_in_tree(char *text, const char *tree, char *ret, size_t size)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':');
		char *path = list != NULL ? strchr(list + 1, ':') : NULL;

		if (path == NULL)
			continue;
		*path++ = '\0';
		if (strcmp(list + 1, tree) != 0 || strlen(path) >= size)
			continue;
		memcpy(ret, path, strlen(path) + 1);
		return true;
	}
	return false;
}

/* The group in this tree (v2: "") that the selector names by what its first process says. */
static int
find_in_tree(const struct spec *s, struct pause *p, const char *tree, struct err *e)
{
	char text[CGROUP_TEXT_MAX], path[PATH_LEN_MAX];
	_cleanup_close_ int dir = proc_open(p->chosen.targets[0].id.pid);

	if (dir < 0 || proc_file(dir, "cgroup", text, sizeof(text)) < 0 ||
	    !path_in_tree(text, tree, path, sizeof(path)))
		return err_unsupported(e, "no cgroup of a freezer");
	cut_path(s, path);
	if (path[0] == '\0' || strcmp(path, "/") == 0)
		return err_unsupported(e, "the %s tree does not have this group",
		    tree[0] == '\0' ? "v2" : tree);
	return cgroup_place_in(tree, path, &p->place, e);
}

/* --- who is in it ----------------------------------------------------------------------- */

struct roll_call {
	struct pause *p;
	size_t called, present;
	pid_t stranger;
};

static bool
is_chosen(const struct selection *c, pid_t pid)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->targets[i].id.pid == pid)
			return true;
	}
	return false;
}

/* A process that came since is asked about; nobody may be in there who must not be. */
static int
call(void *ctx, pid_t pid)
{
	struct roll_call *roll = ctx;
	struct target t;

	roll->called++;
	if (is_chosen(&roll->p->chosen, pid)) {
		roll->present++;
		return 0;
	}
	if (pid > 0 && selector_takes(roll->p->selector, pid, &t)) {
		(void)close(t.pidfd); /* a pidfd has nothing to lose */
		return 0;
	}
	roll->stranger = pid;
	return pid == 0 || (process_id_get(pid, &t.id) == 0 && process_id_alive(t.id));
}

/* Everybody in the group may be stopped; with `whole`, all that was chosen is in it. */
static int
check_members(struct pause *p, bool whole, size_t *ret_count, struct err *e)
{
	struct roll_call roll = { .p = p };
	int rc = cgroup_members(p->place.dir, call, &roll, e);
	struct proc who = { .comm = "?" };

	if (rc < 0)
		return rc;
	(void)proc_read(roll.stranger, &who);
	if (rc > 0)
		return err_refused(e,
		    "cgroup '/%s' holds %s %d, which must not be stopped", p->place.path,
		    who.comm, roll.stranger);
	if (whole && roll.present < p->chosen.count)
		return err_unsupported(
		    e, "cgroup '/%s' is not all that was chosen", p->place.path);
	*ret_count = roll.called;
	return 0;
}

/* --- its life --------------------------------------------------------------------------- */

static int
plan_in_tree(struct fault_run *r, struct pause *p, const char *tree, struct err *e)
{
	size_t count;

	if (find_in_tree(r->spec, p, tree, e) < 0 ||
	    check_members(p, true, &count, e) < 0)
		return e->code;
	return freeze_plan(r->ctx, &p->place, &p->thaw, e);
}

static int
freezer_plan(struct fault_run *r, struct pause *p, struct err *e)
{
	struct err v2 = { 0 }, v1 = { 0 };
	int rc = plan_in_tree(r, p, "", &v2);

	if (rc < 0 && v2.outcome == OUTCOME_UNSUPPORTED) {
		cgroup_place_close(&p->place);
		rc = plan_in_tree(r, p, FREEZE_V1, &v1);
		/* the tree that has the group is the one to tell about */
		*e = rc < 0 && v1.outcome == OUTCOME_UNSUPPORTED ? v2 : v1;
	} else if (rc < 0) {
		*e = v2;
	}
	if (rc < 0) {
		cgroup_place_close(&p->place);
		return rc;
	}
	undo_add(&r->undo, p->thaw);
	return 0;
}

static int
freezer_stage(struct fault_run *r, struct pause *p, struct err *e)
{
	(void)r;
	(void)p;
	(void)e;
	return 0;
}

static int
freezer_apply(struct fault_run *r, struct pause *p, struct err *e)
{
	size_t count;

	if (check_members(p, false, &count, e) < 0)
		return e->code;
	return freeze_begin(r->ctx, &p->thaw, e);
}

static int
freezer_verify(struct fault_run *r, struct pause *p, struct err *e)
{
	return freeze_await(r->ctx, &p->thaw, FREEZE_WAIT, e);
}

static int
count_one(void *ctx, pid_t pid)
{
	(void)pid;
	++*(int *)ctx;
	return 0;
}

static int
freezer_look(struct fault_run *r, struct pause *p, struct err *e)
{
	int count = 0, state = freeze_look(r->ctx, &p->thaw, e);

	if (state < 0)
		return state;
	if (state == STATE_THAWED)
		return err_set(e, -ESTALE, "somebody thawed cgroup '/%s'", p->place.path);
	return cgroup_members(p->place.dir, count_one, &count, e) < 0 ? e->code : count;
}

static void
freezer_release(struct pause *p)
{
	cgroup_place_close(&p->place);
}

const struct pause_way pause_by_freezer = {
	.name = "freezer",
	.supported = freezer_supported,
	.plan = freezer_plan,
	.stage = freezer_stage,
	.apply = freezer_apply,
	.verify = freezer_verify,
	.look = freezer_look,
	.release = freezer_release,
};
